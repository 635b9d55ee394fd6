"""A body of any size that is made while it is read."""

from __future__ import annotations

import hashlib
from time import monotonic

_BLOCK = hashlib.shake_256(b"harbor-operator").digest(64 * 1024)
_TWICE = _BLOCK + _BLOCK


class GeneratedBody:
    """Reads as `size` bytes that do not compress; after `end` on the monotonic clock it refuses to go on.

    Refusing ends an upload from inside its thread, which nothing else could stop.
    """

    def __init__(self, size: int, end: float) -> None:
        self._left = size
        self._end = end
        self._md5 = hashlib.md5(usedforsecurity=False)

    @property
    def digest(self) -> str:
        """The MD5 of what was read so far, as Swift's ETag shows it."""
        return self._md5.hexdigest()

    def stop(self) -> None:
        """Makes the next read refuse."""
        self._end = 0.0

    def read(self, size: int = -1) -> bytes:
        """Returns the next bytes, at most 64 KiB at once."""
        if monotonic() > self._end:
            raise TimeoutError("the upload takes too long")
        wanted = min(self._left, len(_BLOCK), size if size >= 0 else len(_BLOCK))
        offset = -self._left % len(_BLOCK)
        piece = _TWICE[offset : offset + wanted]
        self._left -= len(piece)
        self._md5.update(piece)
        return piece
