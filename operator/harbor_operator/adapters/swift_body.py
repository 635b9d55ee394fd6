"""A request body of any size that is generated while it is read."""

from __future__ import annotations

import hashlib
from time import monotonic

_BLOCK = hashlib.shake_256(b"harbor-operator").digest(64 * 1024)
_TWO_BLOCKS = _BLOCK + _BLOCK


class GeneratedBody:
    """A readable of `size` bytes that do not compress; after `end` on the monotonic clock a read raises.

    That ends an upload from inside its thread.
    """

    def __init__(self, size: int, end: float) -> None:
        self._bytes_left = size
        self._end = end
        self._md5 = hashlib.md5(usedforsecurity=False)

    @property
    def digest(self) -> str:
        """The MD5 of the bytes read so far, as Swift's ETag has it."""
        return self._md5.hexdigest()

    def stop(self) -> None:
        """Makes the next read raise."""
        self._end = 0.0

    def read(self, size: int = -1) -> bytes:
        """Returns the next bytes, at most 64 KiB; raises TimeoutError after the end."""
        if monotonic() > self._end:
            raise TimeoutError("the upload takes too long")
        count = min(self._bytes_left, len(_BLOCK), size if size >= 0 else len(_BLOCK))
        offset = -self._bytes_left % len(_BLOCK)
        piece = _TWO_BLOCKS[offset : offset + count]
        self._bytes_left -= len(piece)
        self._md5.update(piece)
        return piece
