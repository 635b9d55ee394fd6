"""Reads what a child process prints: only the end is kept, however much it prints."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from pydantic import SecretStr

from harbor_operator.plan.generated_secrets import redact

MAX_TAIL_BYTES = 64 << 10
_CHUNK_BYTES = 16 << 10


async def read_tail(stream: asyncio.StreamReader, max_bytes: int = MAX_TAIL_BYTES) -> tuple[bytes, bool]:
    """Returns the last bytes until the end of the stream, and whether there were more."""
    chunks: deque[bytes] = deque()
    size, is_cut = 0, False
    while chunk := await stream.read(_CHUNK_BYTES):
        chunks.append(chunk)
        size += len(chunk)
        while size - len(chunks[0]) >= max_bytes:
            size -= len(chunks.popleft())
            is_cut = True
    return b"".join(chunks)[-max_bytes:], is_cut or size > max_bytes


def redacted_tail(tail: bytes, secrets: Sequence[SecretStr], *, is_cut: bool) -> str:
    """Returns the text without known secrets, also without the end of one that the cut has split."""
    text = redact(tail.decode(errors="replace"), secrets)
    # Twice, because a secret can also be printed as base64.
    longest = 2 * max((len(secret.get_secret_value()) for secret in secrets), default=0)
    return text[longest:] if is_cut else text
