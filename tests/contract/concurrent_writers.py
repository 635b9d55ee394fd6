"""Users and controllers that change the same objects as the operator, at random and concurrently."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Any

from harbor_operator.adapters.kube_api import ApiError, RequestBody
from harbor_operator.adapters.kube_client import KubernetesClient
from tests.unit.injector.rules import Key

Manifest = dict[str, Any]

ACCOUNTS = ("default", "builder", "deployer")
LABELS: list[dict[str, str | None]] = [
    {"team": "a", "tier": None},
    {"team": "b", "tier": "a"},
    {"team": None, "tier": "b"},
    {"team": None, "tier": None},
]
THEIRS = ("zebra", "apple", "mango")


class ExpectedEntries:
    """The last list that another client wrote, by resourceVersion: the entries that must exist in the end."""

    def __init__(self, ours: frozenset[str]) -> None:
        self.ours = ours
        self.foreign_secrets: set[str] = set()
        self.taken: set[Key] = set()
        self._written: dict[str, Manifest] = {}

    def record(self, account: Manifest) -> None:
        """Records a service account as the server returned it; the newest revision counts."""
        uid = account["metadata"]["uid"]
        known = self._written.get(uid)
        if known is None or _revision(known) < _revision(account):
            self._written[uid] = account

    def losses(self, accounts: list[Manifest]) -> list[str]:
        """The service accounts without exactly these entries, in this order, besides ours."""
        return [
            f"{account['metadata']['namespace']}/{account['metadata']['name']}: {self._theirs(account)}"
            for account in accounts
            if (written := self._written.get(account["metadata"]["uid"]))
            and self._theirs(account) != self._theirs(written)
        ]

    def _theirs(self, account: Manifest) -> list[str]:
        names = [entry["name"] for entry in account.get("imagePullSecrets") or []]
        return [name for name in names if name not in self.ours]


def _revision(manifest: Manifest) -> int:
    return int(manifest["metadata"]["resourceVersion"])


class ConcurrentWriter:
    """Executes one random action after the other in the namespaces with a prefix."""

    def __init__(self, http: KubernetesClient, random: random.Random, expected: ExpectedEntries, prefix: str) -> None:
        self._http = http
        self._random = random
        self._expected = expected
        self._prefix = prefix
        self.namespaces: list[str] = []
        self._secrets = sorted(expected.ours)

    async def begin(self, count: int) -> None:
        """Creates the first namespaces."""
        for _ in range(count):
            await self._create_namespace()

    async def execute_random_action(self) -> None:
        """Executes one action."""
        actions: dict[Callable[[], Awaitable[None]], int] = {
            self._create_namespace: 2,
            self._delete_namespace: 1,
            self._label: 4,
            self._create_account: 2,
            self._delete_account: 1,
            self._write_references: 8,
            self._delete_secret: 3,
            self._edit_secret: 3,
            self._put_foreign_secret: 2,
        }
        await self._random.choices(list(actions), list(actions.values()))[0]()

    async def _create_namespace(self) -> None:
        # Some selections exclude kube-* and *-x.
        name = f"{self._prefix}-{len(self.namespaces)}" + self._random.choice(["", "", "-x"])
        self.namespaces.append(name)
        labels = {key: value for key, value in self._random.choice(LABELS).items() if value}
        await self._request(
            "POST", "/api/v1/namespaces", RequestBody.plain({"metadata": {"name": name, "labels": labels}})
        )

    async def _delete_namespace(self) -> None:
        await self._request("DELETE", f"/api/v1/namespaces/{self._namespace()}")

    async def _label(self) -> None:
        labels = self._random.choice(LABELS)
        await self._request(
            "PATCH",
            f"/api/v1/namespaces/{self._namespace()}",
            RequestBody.merge_patch({"metadata": {"labels": labels}}),
        )

    async def _create_account(self) -> None:
        path = f"/api/v1/namespaces/{self._namespace()}/serviceaccounts"
        entries = [{"name": name} for name in self._theirs()]
        body = RequestBody.plain({"metadata": {"name": self._random.choice(ACCOUNTS)}, "imagePullSecrets": entries})
        if made := await self._request("POST", path, body):
            self._expected.record(made)

    async def _delete_account(self) -> None:
        await self._request("DELETE", self._account())

    async def _write_references(self) -> None:
        """Reads the list and writes it back with its resourceVersion, so that no entry of another client is lost."""
        path = self._account()
        observed = await self._request("GET", path)
        if not observed:
            return
        entries = observed.get("imagePullSecrets") or []
        ours = [entry for entry in entries if entry["name"] in self._secrets and self._random.random() > 1 / 3]
        theirs = [{"name": name} for name in self._theirs()]
        wanted = self._random.choice([theirs + ours, ours + theirs])
        body = RequestBody.merge_patch(
            {"metadata": {"resourceVersion": observed["metadata"]["resourceVersion"]}, "imagePullSecrets": wanted}
        )
        if written := await self._request("PATCH", path, body):
            self._expected.record(written)

    async def _delete_secret(self) -> None:
        await self._request("DELETE", self._secret())

    async def _edit_secret(self) -> None:
        await self._request("PATCH", self._secret(), RequestBody.merge_patch({"data": {".dockerconfigjson": "e30="}}))

    async def _put_foreign_secret(self) -> None:
        """Replaces our Secret by a foreign one of the same name."""
        path = self._secret()
        parent, _, name = path.rpartition("/")
        await self._request("DELETE", path)
        made = await self._request(
            "POST", parent, RequestBody.plain({"metadata": {"name": name}, "stringData": {"a": "theirs"}})
        )
        if made:
            self._expected.foreign_secrets.add(made["metadata"]["uid"])
            self._expected.taken.add((made["metadata"]["namespace"], name))

    def _namespace(self) -> str:
        return self._random.choice(self.namespaces)

    def _account(self) -> str:
        return f"/api/v1/namespaces/{self._namespace()}/serviceaccounts/{self._random.choice(ACCOUNTS)}"

    def _secret(self) -> str:
        return f"/api/v1/namespaces/{self._namespace()}/secrets/{self._random.choice(self._secrets)}"

    def _theirs(self) -> list[str]:
        return self._random.sample(THEIRS, self._random.randint(0, len(THEIRS)))

    async def _request(self, method: str, path: str, body: RequestBody | None = None) -> Manifest | None:
        answer = await self._http.request(method, path, body=body)
        return None if isinstance(answer, ApiError) else answer
