"""The ObjectStore port on python-swiftclient.

The client blocks and is not thread-safe, so each call runs in a thread with a connection of its own. Its logger is
disabled, because it logs whole requests with parts of tokens.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from time import monotonic
from typing import Any, TypeVar
from urllib.parse import quote

from typing_extensions import override

from harbor_operator.adapters.http_body import MAX_BODY_BYTES
from harbor_operator.adapters.swift_body import GeneratedBody
from harbor_operator.adapters.swift_connection import (
    Route,
    connected,
    log_in,
    no_answer,
    object_url,
    operation_error,
    read_part,
    remove_container,
    unless_missing,
    unless_outside,
)
from harbor_operator.adapters.swift_reads import ReadClient, ReadClients
from harbor_operator.adapters.swift_transport import Sockets
from harbor_operator.checks.storage import MIB, explain_other_digest
from harbor_operator.model.egress import UNRESTRICTED, Egress
from harbor_operator.model.storage import (
    Container,
    ContainerUsage,
    ObjectPart,
    Operation,
    StoredObject,
    SwiftAccount,
    SwiftSession,
)
from harbor_operator.ports import as_error
from harbor_operator.ports.object_store import ObjectStore

T = TypeVar("T")

DEADLINE_SECONDS = 25.0
READING_SECONDS = REMOVAL_SECONDS = 10.0
CHUNK_SECONDS = 60.0
"""For a chunk, plus one second for each MiB; a proxy that buffers answers only after it has forwarded all."""
METADATA_PREFIX = "x-object-meta-"
MANIFEST_HEADER = "x-object-manifest"


class SwiftObjectStore(ObjectStore):
    """Any number of stores, with a limit on parallel requests; without `reads`, each has its own connection."""

    def __init__(self, egress: Egress = UNRESTRICTED, parallel: int = 4, reads: ReadClients | None = None) -> None:
        self._egress = egress
        self._parallel = parallel
        self._slots = asyncio.Semaphore(parallel)
        self._reads = reads
        logging.getLogger("swiftclient").disabled = True

    @override
    @asynccontextmanager
    async def persistent(self) -> AsyncIterator[ObjectStore]:
        reads = ReadClients(self._egress)
        try:
            yield SwiftObjectStore(self._egress, self._parallel, reads)
        finally:
            reads.close()

    @override
    async def login(self, account: SwiftAccount) -> SwiftSession:
        return await self._run(
            account.auth_url, lambda sockets: log_in(account, Route(sockets, self._egress)), DEADLINE_SECONDS
        )

    @override
    async def read_container(self, container: Container) -> ContainerUsage | None:
        def work(client: Any) -> ContainerUsage | None:
            headers = unless_missing(client.head_container, container.name)
            if headers is None:
                return None
            count, size = (int(headers.get(f"x-container-{name}", 0)) for name in ("object-count", "bytes-used"))
            return ContainerUsage(count, size)

        return await self._request(container, Operation.CONTAINER, work)

    @override
    async def ensure_container(self, container: Container) -> None:
        await self._request(container, Operation.CONTAINER, lambda client: client.put_container(container.name))

    @override
    async def remove_container(self, container: Container) -> bool:
        return await self._request(container, Operation.REMOVE, lambda client: remove_container(client, container.name))

    @override
    async def read_metadata(self, container: Container, name: str) -> Mapping[str, str] | None:
        headers: Mapping[str, str] | None = await self._request(
            container, Operation.READ, lambda client: unless_missing(client.head_object, container.name, name)
        )
        if headers is None:
            return None
        return {
            header.removeprefix(METADATA_PREFIX): value
            for header, value in headers.items()
            if header.startswith(METADATA_PREFIX)
        }

    @override
    async def write_object(
        self, container: Container, name: str, body: bytes, object_metadata: Mapping[str, str]
    ) -> None:
        headers = {f"{METADATA_PREFIX}{key}": value for key, value in object_metadata.items()}
        await self._write(
            container, name, lambda client: client.put_object(container.name, name, body, len(body), headers=headers)
        )

    @override
    async def write_joined(self, container: Container, name: str, prefix: str) -> None:
        headers = {"X-Object-Manifest": quote(f"{container.name}/{prefix}")}
        await self._write(
            container, name, lambda client: client.put_object(container.name, name, b"", 0, headers=headers)
        )

    @override
    async def write_generated(self, container: Container, name: str, size: int) -> None:
        seconds = CHUNK_SECONDS + size / MIB
        url = object_url(container, name)
        body = GeneratedBody(size, monotonic() + seconds)

        def work(sockets: Sockets) -> str:
            about = operation_error(container, Operation.WRITE, url, size)
            with connected(container.session, Route(sockets, self._egress, seconds), about) as client:
                return str(client.put_object(container.name, name, body, size))

        try:
            digest = await self._run(url, work, seconds + DEADLINE_SECONDS)
        finally:
            body.stop()
        if digest != body.digest:
            raise as_error(explain_other_digest(url, size))

    @override
    async def read_object(self, container: Container, name: str) -> bytes:
        _, body = await self._request(container, Operation.READ, lambda client: client.get_object(container.name, name))
        return bytes(body)

    @override
    async def read_range(self, container: Container, name: str, offset: int, size: int) -> ObjectPart | None:
        seconds, url = CHUNK_SECONDS + size / MIB, object_url(container, name)
        headers = {"Range": f"bytes={offset}-{offset + size - 1}"}

        def work(client: Any) -> Any:
            return unless_outside(lambda: client.get_object(container.name, name, headers=headers))

        answer = await self._read(container, url, work, max(MAX_BODY_BYTES, size), seconds)
        return read_part(answer, url, offset, size)

    async def _read(
        self, container: Container, url: str, work: Callable[[Any], T], max_bytes: int, seconds: float
    ) -> T:
        client = self._reads.take(container.session, max_bytes) if self._reads else None
        client = client or ReadClient(container.session, self._egress, max_bytes)
        about = operation_error(container, Operation.READ, url)
        try:
            answer = await self._in_thread(url, lambda: client.read(about, work), seconds)
        except BaseException:
            client.abandon()
            raise
        if self._reads:
            self._reads.give_back(client)
        else:
            client.close()
        return answer

    @override
    async def list_objects(self, container: Container, prefix: str, limit: int) -> Sequence[str]:
        def work(client: Any) -> Sequence[str]:
            _, entries = client.get_container(container.name, prefix=prefix, limit=limit)
            return [str(entry["name"]) for entry in entries]

        return await self._request(container, Operation.LIST, work)

    @override
    async def list_sizes(self, container: Container, prefix: str, after: str, limit: int) -> Sequence[StoredObject]:
        def work(client: Any) -> Sequence[StoredObject]:
            _, entries = client.get_container(container.name, prefix=prefix, marker=after, limit=limit)
            return [
                StoredObject(
                    str(entry["name"]), int(entry["bytes"]), _utc(str(entry["last_modified"])), str(entry["hash"])
                )
                for entry in entries
            ]

        return await self._request(container, Operation.LIST, work)

    @override
    async def find_without_segments(self, container: Container, names: Sequence[str]) -> Mapping[str, bool]:
        def work(client: Any) -> Mapping[str, bool]:
            end, found = monotonic() + READING_SECONDS, {}
            for name in names:
                headers = unless_missing(client.head_object, container.name, name) or {}
                found[name] = MANIFEST_HEADER in headers and int(headers.get("content-length", 0)) == 0
                if monotonic() > end:
                    break
            return found

        return await self._request(container, Operation.READ, work)

    @override
    async def remove_objects(self, container: Container, names: Sequence[str]) -> None:
        def work(client: Any) -> None:
            end = monotonic() + REMOVAL_SECONDS
            for name in names:
                unless_missing(client.delete_object, container.name, name)
                if monotonic() > end:
                    return

        await self._request(container, Operation.REMOVE, work)

    async def _write(self, container: Container, name: str, work: Callable[[Any], Any]) -> None:
        await self._request(container, Operation.WRITE, work, object_url(container, name))

    async def _request(self, container: Container, operation: Operation, work: Callable[[Any], T], url: str = "") -> T:
        target = url or object_url(container, "")

        def in_thread(sockets: Sockets) -> T:
            about = operation_error(container, operation, target)
            with connected(container.session, Route(sockets, self._egress), about) as client:
                return work(client)

        return await self._run(target, in_thread, DEADLINE_SECONDS)

    async def _run(self, url: str, work: Callable[[Sockets], T], deadline_seconds: float) -> T:
        sockets = Sockets()
        try:
            return await self._in_thread(url, lambda: work(sockets), deadline_seconds)
        finally:
            # A thread cannot be cancelled, but its sockets can end.
            sockets.abort()

    async def _in_thread(self, url: str, work: Callable[[], T], deadline_seconds: float) -> T:
        try:
            async with self._slots, asyncio.timeout(deadline_seconds):
                return await asyncio.to_thread(work)
        except TimeoutError:
            raise no_answer(url, f"no answer in {deadline_seconds:g} s") from None


def _utc(text: str) -> datetime:
    """Returns the time of a listing, which Swift writes without its zone."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
