"""Asks an API server whether it would accept specs, many at once, without storing them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass, field

import aiohttp

from harbor_operator.adapters.kube_connection import ClusterConnection, open_session
from tests.campaign.schema import Spec

CONNECTIONS = 16
REFUSED = {400, 422}


@dataclass(frozen=True)
class Answer:
    """What the API server says to a spec: what it would store, or the causes of its refusal by field."""

    stored: Spec | None
    causes: tuple[tuple[str, str], ...] = field(default=())
    version: str = ""

    @property
    def accepted(self) -> bool:
        """Whether the spec was accepted."""
        return self.stored is not None


class ApiServer:
    """The HarborRegistries of one namespace."""

    def __init__(self, connection: ClusterConnection, namespace: str) -> None:
        self._connection = connection
        self._path = f"/apis/harbor-operator.io/v1alpha1/namespaces/{namespace}/harborregistries"
        self._versions: dict[str, str] = {}

    async def create(self, specs: Iterable[Spec]) -> list[Answer]:
        """Returns the answers to the creation of each spec; nothing is stored."""
        return await self._ask([("POST", "", body("campaign", spec)) for spec in specs], dry_run=True)

    async def store(self, name: str, spec: Spec) -> Answer:
        """Creates the registry."""
        (answer,) = await self._ask([("POST", "", body(name, spec))], dry_run=False)
        self._versions[name] = answer.version
        return answer

    async def update(self, updates: Iterable[tuple[str, Spec]]) -> list[Answer]:
        """Returns the answers to an update of registries that were stored by name; nothing is stored."""
        bodies = [(name, body(name, spec, resourceVersion=self._versions[name])) for name, spec in updates]
        return await self._ask([("PUT", f"/{name}", manifest) for name, manifest in bodies], dry_run=True)

    async def _ask(self, requests: list[tuple[str, str, Spec]], *, dry_run: bool) -> list[Answer]:
        limit = asyncio.Semaphore(CONNECTIONS)
        query = "?fieldValidation=Strict" + ("&dryRun=All" if dry_run else "")

        async def send(session: aiohttp.ClientSession, method: str, name: str, manifest: Spec) -> Answer:
            url = f"{self._connection.server}{self._path}{name}{query}"
            async with limit, session.request(method, url, data=json.dumps(manifest), headers=headers) as response:
                return _answer(response.status, await response.json())

        headers = {"Content-Type": "application/json"}
        async with open_session(self._connection, CONNECTIONS, self._connection.authorization) as session:
            return await asyncio.gather(*(send(session, *request) for request in requests))


def body(name: str, spec: Spec, **metadata: str) -> Spec:
    """Returns a HarborRegistry."""
    kind = {"apiVersion": "harbor-operator.io/v1alpha1", "kind": "HarborRegistry"}
    return {**kind, "metadata": {"name": name, **metadata}, "spec": spec}


def _answer(status: int, content: Spec) -> Answer:
    if status in REFUSED:
        causes = (content.get("details") or {}).get("causes") or [{"message": content["message"]}]
        return Answer(None, tuple((str(cause.get("field", "")), str(cause["message"])) for cause in causes))
    if status >= 300:
        raise AssertionError(f"{status} {content.get('message')}")
    return Answer(content["spec"], version=content["metadata"].get("resourceVersion", ""))
