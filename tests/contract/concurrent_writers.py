"""People and other controllers who work on the same objects as the operator, at random and all at once."""

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


class Ledger:
    """What people have written last, by the server's own count: the entries that must be there in the end."""

    def __init__(self, ours: frozenset[str]) -> None:
        self.ours = ours
        self.strangers: set[str] = set()
        self.taken: set[Key] = set()
        self._written: dict[str, Manifest] = {}

    def note(self, account: Manifest) -> None:
        """Notes a service account as the server answered it; the newest by revision counts."""
        uid = account["metadata"]["uid"]
        known = self._written.get(uid)
        if known is None or _revision(known) < _revision(account):
            self._written[uid] = account

    def losses(self, accounts: list[Manifest]) -> list[str]:
        """The service accounts that do not hold exactly these entries, in this order, beside ours."""
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


class Person:
    """Does one thing after the other, as chance wills, in the namespaces with a prefix."""

    def __init__(self, http: KubernetesClient, random: random.Random, ledger: Ledger, prefix: str) -> None:
        self._http = http
        self._random = random
        self._ledger = ledger
        self._prefix = prefix
        self.places: list[str] = []
        self._secrets = sorted(ledger.ours)

    async def begin(self, count: int) -> None:
        """Makes the first namespaces."""
        for _ in range(count):
            await self._make_namespace()

    async def act(self) -> None:
        """Does one thing."""
        acts: dict[Callable[[], Awaitable[None]], int] = {
            self._make_namespace: 2,
            self._delete_namespace: 1,
            self._label: 4,
            self._make_account: 2,
            self._delete_account: 1,
            self._write_references: 8,
            self._delete_secret: 3,
            self._edit_secret: 3,
            self._put_stranger: 2,
        }
        await self._random.choices(list(acts), list(acts.values()))[0]()

    async def _make_namespace(self) -> None:
        # kube-* and *-x are names that some selection excludes.
        name = f"{self._prefix}-{len(self.places)}" + self._random.choice(["", "", "-x"])
        self.places.append(name)
        labels = {key: value for key, value in self._random.choice(LABELS).items() if value}
        await self._ask("POST", "/api/v1/namespaces", RequestBody.plain({"metadata": {"name": name, "labels": labels}}))

    async def _delete_namespace(self) -> None:
        await self._ask("DELETE", f"/api/v1/namespaces/{self._place()}")

    async def _label(self) -> None:
        labels = self._random.choice(LABELS)
        await self._ask(
            "PATCH", f"/api/v1/namespaces/{self._place()}", RequestBody.merge_patch({"metadata": {"labels": labels}})
        )

    async def _make_account(self) -> None:
        path = f"/api/v1/namespaces/{self._place()}/serviceaccounts"
        entries = [{"name": name} for name in self._theirs()]
        body = RequestBody.plain({"metadata": {"name": self._random.choice(ACCOUNTS)}, "imagePullSecrets": entries})
        if made := await self._ask("POST", path, body):
            self._ledger.note(made)

    async def _delete_account(self) -> None:
        await self._ask("DELETE", self._account())

    async def _write_references(self) -> None:
        """Reads the list and writes it back, as everybody must who changes it: locked, so that nobody's is lost."""
        path = self._account()
        observed = await self._ask("GET", path)
        if not observed:
            return
        entries = observed.get("imagePullSecrets") or []
        ours = [entry for entry in entries if entry["name"] in self._secrets and self._random.random() > 1 / 3]
        theirs = [{"name": name} for name in self._theirs()]
        wanted = self._random.choice([theirs + ours, ours + theirs])
        body = RequestBody.merge_patch(
            {"metadata": {"resourceVersion": observed["metadata"]["resourceVersion"]}, "imagePullSecrets": wanted}
        )
        if written := await self._ask("PATCH", path, body):
            self._ledger.note(written)

    async def _delete_secret(self) -> None:
        await self._ask("DELETE", self._secret())

    async def _edit_secret(self) -> None:
        await self._ask("PATCH", self._secret(), RequestBody.merge_patch({"data": {".dockerconfigjson": "e30="}}))

    async def _put_stranger(self) -> None:
        """Puts a Secret of theirs where one of ours would be."""
        path = self._secret()
        parent, _, name = path.rpartition("/")
        await self._ask("DELETE", path)
        made = await self._ask(
            "POST", parent, RequestBody.plain({"metadata": {"name": name}, "stringData": {"a": "theirs"}})
        )
        if made:
            self._ledger.strangers.add(made["metadata"]["uid"])
            self._ledger.taken.add((made["metadata"]["namespace"], name))

    def _place(self) -> str:
        return self._random.choice(self.places)

    def _account(self) -> str:
        return f"/api/v1/namespaces/{self._place()}/serviceaccounts/{self._random.choice(ACCOUNTS)}"

    def _secret(self) -> str:
        return f"/api/v1/namespaces/{self._place()}/secrets/{self._random.choice(self._secrets)}"

    def _theirs(self) -> list[str]:
        return self._random.sample(THEIRS, self._random.randint(0, len(THEIRS)))

    async def _ask(self, method: str, path: str, body: RequestBody | None = None) -> Manifest | None:
        answer = await self._http.request(method, path, body=body)
        return None if isinstance(answer, ApiError) else answer
