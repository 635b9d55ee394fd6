"""Follows the objects of one namespace, and says when something has changed."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

import aiohttp

from lab import kubeconfig
from lab.ingress.routes import Object, Seen

PATHS = {
    "ingresses": "/apis/networking.k8s.io/v1/namespaces/{}/ingresses",
    "services": "/api/v1/namespaces/{}/services",
    "secrets": "/api/v1/namespaces/{}/secrets",
}
NO_RELEASES = "type!=helm.sh/release.v1"
LONGEST_LINE = 1 << 23
PAUSE_SECONDS = 0.2


class Watch:
    """The objects as they are now; `changed` is set whenever they are not what they were."""

    def __init__(self, session: aiohttp.ClientSession, namespace: str) -> None:
        self.changed = asyncio.Event()
        self._session = session
        self._namespace = namespace
        self._objects: dict[str, dict[str, Object]] = {kind: {} for kind in PATHS}
        self._tasks = [asyncio.create_task(self._follow(kind)) for kind in PATHS]

    @classmethod
    @asynccontextmanager
    async def open(cls, config: Path, namespace: str) -> AsyncIterator[Self]:
        """Follows until the end of the block."""
        url, authority, token = kubeconfig.read(config)
        tls = aiohttp.TCPConnector(ssl=ssl.create_default_context(cadata=authority))
        headers = {"Authorization": f"Bearer {token}"}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5)
        async with aiohttp.ClientSession(
            url, connector=tls, headers=headers, timeout=timeout, read_bufsize=LONGEST_LINE, raise_for_status=True
        ) as session:
            watch = cls(session, namespace)
            yield watch
            for task in watch._tasks:
                task.cancel()

    @property
    def seen(self) -> Seen:
        """All objects, by kind and name."""
        return Seen(**self._objects)

    async def _follow(self, kind: str) -> None:
        """List, then watch; begin again whenever the server has ended it, or was not there."""
        path = PATHS[kind].format(self._namespace)
        selector = {"fieldSelector": NO_RELEASES} if kind == "secrets" else {}
        while True:
            try:
                version = await self._list(kind, path, selector)
                await self._watch(kind, path, {**selector, "watch": "1", "resourceVersion": version})
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                print(f"ingress: cannot read {kind}, going on with what is known: {error!r}", flush=True)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _list(self, kind: str, path: str, query: dict[str, str]) -> str:
        async with self._session.get(path, params=query) as answer:
            found = await answer.json()
        self._objects[kind] = {item["metadata"]["name"]: item for item in found["items"]}
        self.changed.set()
        return str(found["metadata"]["resourceVersion"])

    async def _watch(self, kind: str, path: str, query: dict[str, str]) -> None:
        async with self._session.get(path, params=query) as answer:
            async for line in answer.content:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return
                name = event["object"]["metadata"]["name"]
                if event["type"] == "DELETED":
                    self._objects[kind].pop(name, None)
                else:
                    self._objects[kind][name] = event["object"]
                self.changed.set()
