"""A minimal raw client of the Kubernetes API for measurements: no retries, no caches."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import yaml

Manifest = dict[str, Any]

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
PLAIN = "application/json"
METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
CONFLICT, BAD_REQUEST = HTTPStatus.CONFLICT, HTTPStatus.BAD_REQUEST


@dataclass(frozen=True)
class Access:
    """URL and CA of the API server, and the token of the user."""

    url: str
    token: str
    ca: str

    @classmethod
    def read(cls, kubeconfig: Path) -> Access:
        """Reads a kubeconfig that the lab wrote; the raw client must not depend on a client library."""
        content = yaml.safe_load(kubeconfig.read_text())
        cluster = content["clusters"][0]["cluster"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        return cls(cluster["server"], content["users"][0]["user"]["token"], authority)


class ApiError(Exception):
    """The API server rejected a request that the measurement needs."""


class Api:
    """One HTTP session; use it with `async with`."""

    def __init__(self, access: Access, connections: int = 100) -> None:
        self._access = access
        self._connections = connections

    async def __aenter__(self) -> Self:
        tls = ssl.create_default_context(cadata=self._access.ca)
        connector = aiohttp.TCPConnector(limit=self._connections, ssl=tls)
        headers = {"Authorization": f"Bearer {self._access.token}"}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
        self._session = aiohttp.ClientSession(connector=connector, headers=headers, timeout=timeout)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def send(
        self, method: str, path: str, body: Manifest | None = None, kind: str = PLAIN
    ) -> tuple[int, Manifest]:
        """Sends a request and returns status and object, also for an error status."""
        content = json.dumps(body).encode() if body is not None else None
        headers = {"Content-Type": kind} if content else {}
        async with self._session.request(method, self._access.url + path, data=content, headers=headers) as answer:
            return answer.status, json.loads(await answer.read())

    async def request(self, method: str, path: str, body: Manifest | None = None, kind: str = PLAIN) -> Manifest:
        """Sends a request and returns the object. Raises ApiError for an error status."""
        status, found = await self.send(method, path, body, kind)
        if status >= BAD_REQUEST:
            raise ApiError(f"{method} {path} is answered {status}: {found.get('message')}")
        return found

    async def watch(self, path: str, query: Mapping[str, str], accept: str = PLAIN) -> AsyncIterator[bytes]:
        """Yields chunks of complete lines until the server ends the watch."""
        params = {**query, "watch": "1", "allowWatchBookmarks": "true"}
        headers = {"Accept": accept}
        rest = b""
        async with self._session.get(self._access.url + path, params=params, headers=headers) as answer:
            async for chunk in answer.content.iter_any():
                whole, cut, rest = (rest + chunk).rpartition(b"\n")
                if cut:
                    yield whole


def namespace(name: str) -> Manifest:
    """Returns a Namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def pull_secret(name: str, content: str) -> Manifest:
    """Returns a pull Secret as every injector creates it."""
    data = {".dockerconfigjson": base64.b64encode(content.encode()).decode()}
    kind = {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson"}
    return {**kind, "metadata": {"name": name}, "data": data}


def optimistic_patch(revision: str, references: Iterable[str]) -> Manifest:
    """Returns a merge patch of an account's `imagePullSecrets` that conflicts if the account has changed."""
    entries = [{"name": reference} for reference in references]
    return {"metadata": {"resourceVersion": revision}, "imagePullSecrets": entries}


def references_of(account: Manifest) -> list[str]:
    """Returns the names in the account's `imagePullSecrets`."""
    return [entry["name"] for entry in account.get("imagePullSecrets") or []]


async def for_each(items: Iterable[str], act: Callable[[str], Awaitable[object]], concurrency: int) -> None:
    """Applies `act` to every item with limited concurrency."""
    left = iter(list(items))

    async def work() -> None:
        for item in left:
            await act(item)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(concurrency):
            tasks.create_task(work())
