"""A request body of any size that is generated while it is sent, and its digest before that."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator

_BLOCK = hashlib.shake_256(b"harbor-operator").digest(64 * 1024)


async def generated_body(size: int) -> AsyncIterator[bytes]:
    """Yields `size` bytes that do not compress, in blocks of at most 64 KiB."""
    for left in range(size, 0, -len(_BLOCK)):
        yield _BLOCK[:left]


async def generated_digest(size: int) -> str:
    """Returns the SHA-256 of that body in hex; in a thread, because it takes a second for a large one."""
    return await asyncio.to_thread(_digest, size)


def _digest(size: int) -> str:
    digest = hashlib.sha256()
    for left in range(size, 0, -len(_BLOCK)):
        digest.update(_BLOCK[:left])
    return digest.hexdigest()
