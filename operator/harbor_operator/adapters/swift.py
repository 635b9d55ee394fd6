"""A Swift store through python-swiftclient: synchronous and not thread-safe, so one connection per call, in a thread.

The client logs whole requests, tokens in part; its logger is switched off.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Any, TypeVar
from urllib.parse import quote

from harbor_operator.adapters.swift_body import GeneratedBody
from harbor_operator.adapters.swift_connection import (
    connected,
    log_in,
    map_errors,
    object_url,
    operation_error,
    remove_container,
    unanswered,
    unless_missing,
)
from harbor_operator.checks.storage import MIB
from harbor_operator.model.storage import Container, Operation, SwiftAccount, SwiftSession
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason

T = TypeVar("T")

DEADLINE = 25.0
REMOVAL_SECONDS = 10.0
CHUNK_SECONDS = 60.0
"""For a chunk: this, and a second for each MiB; a proxy that buffers answers only when it has passed all on."""
META = "x-object-meta-"


class SwiftObjectStore:
    """Talks to any number of stores, a few requests at a time."""

    def __init__(self, parallel: int = 4) -> None:
        self._slots = asyncio.Semaphore(parallel)
        logging.getLogger("swiftclient").disabled = True

    async def login(self, account: SwiftAccount) -> SwiftSession:
        """Returns a session; the storage URL is as the store gave it, not judged."""
        return await self._run(account.auth_url, lambda: log_in(account))

    async def read_container(self, at: Container) -> int | None:
        """Returns how many objects the container holds, or None if there is no such container."""
        observed = await self._ask(at, Operation.CONTAINER, lambda wire: unless_missing(wire.head_container, at.name))
        return None if observed is None else int(observed.get("x-container-object-count", 0))

    async def ensure_container(self, at: Container) -> None:
        """Makes the container; an existing one of the same user is left as it is."""
        await self._ask(at, Operation.CONTAINER, lambda wire: wire.put_container(at.name))

    async def remove_container(self, at: Container) -> bool:
        """Removes the container and says whether it is gone; one that is not empty stays."""
        return await self._ask(at, Operation.REMOVE, lambda wire: remove_container(wire, at.name))

    async def read_metadata(self, at: Container, name: str) -> Mapping[str, str] | None:
        """Returns the marks of an object, or None if there is no such object."""
        observed = await self._ask(at, Operation.READ, lambda wire: unless_missing(wire.head_object, at.name, name))
        return None if observed is None else {k[len(META) :]: v for k, v in observed.items() if k.startswith(META)}

    async def write_object(self, at: Container, name: str, body: bytes, marks: Mapping[str, str]) -> None:
        """Writes a small object with its marks."""
        headers = {f"{META}{mark}": value for mark, value in marks.items()}
        await self._write(at, name, lambda wire: wire.put_object(at.name, name, body, len(body), headers=headers))

    async def write_joined(self, at: Container, name: str, prefix: str) -> None:
        """Writes an object whose content is that of all objects below `prefix` in this container, in their order."""
        headers = {"X-Object-Manifest": quote(f"{at.name}/{prefix}")}
        await self._write(at, name, lambda wire: wire.put_object(at.name, name, b"", 0, headers=headers))

    async def write_generated(self, at: Container, name: str, size: int) -> None:
        """Writes an object of `size` bytes in one request, checked by its digest and never held in memory."""
        seconds = CHUNK_SECONDS + size / MIB
        url = object_url(at, name)
        filler = GeneratedBody(size, monotonic() + seconds)

        def work() -> str:
            with (
                map_errors(operation_error(at, Operation.WRITE, url, size), at.session.account),
                connected(at, seconds) as wire,
            ):
                return str(wire.put_object(at.name, name, filler, size))

        try:
            digest = await self._run(url, work, seconds + DEADLINE)
        finally:
            filler.stop()
        if digest != filler.digest:
            raise Refused(
                Reason.STORAGE_PROBE_FAILED,
                f"{size} bytes written to '{url}' were stored with another digest: something on the way changes bodies",
            )

    async def read_object(self, at: Container, name: str) -> bytes:
        """Returns the content of a small object."""
        _, body = await self._ask(at, Operation.READ, lambda wire: wire.get_object(at.name, name))
        return bytes(body)

    async def list_objects(self, at: Container, prefix: str, limit: int) -> Sequence[str]:
        """Returns up to `limit` names that start with `prefix`, in order."""
        _, listed = await self._ask(
            at, Operation.LIST, lambda wire: wire.get_container(at.name, prefix=prefix, limit=limit)
        )
        return [str(entry["name"]) for entry in listed]

    async def remove_objects(self, at: Container, names: Sequence[str]) -> None:
        """Removes objects one by one; those already gone count as removed, those that take too long stay."""

        def work(wire: Any) -> None:
            end = monotonic() + REMOVAL_SECONDS
            for name in names:
                unless_missing(wire.delete_object, at.name, name)
                if monotonic() > end:
                    return

        await self._ask(at, Operation.REMOVE, work)

    async def _write(self, at: Container, name: str, work: Callable[[Any], Any]) -> None:
        await self._ask(at, Operation.WRITE, work, object_url(at, name))

    async def _ask(self, at: Container, operation: Operation, work: Callable[[Any], T], url: str = "") -> T:
        target = url or object_url(at, "")

        def threaded() -> T:
            with map_errors(operation_error(at, operation, target), at.session.account), connected(at) as wire:
                return work(wire)

        return await self._run(target, threaded)

    async def _run(self, url: str, work: Callable[[], T], deadline: float = DEADLINE) -> T:
        try:
            async with self._slots, asyncio.timeout(deadline):
                return await asyncio.to_thread(work)
        except TimeoutError:
            raise unanswered(url, f"no answer in {deadline:.0f} s") from None
