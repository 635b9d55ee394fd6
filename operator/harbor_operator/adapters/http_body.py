"""Reads the body of an HTTP answer with a limit.

A registry's spec names the servers, so an answer may come from anyone: an endless body, or a small one that expands to
gigabytes, must not cost more than the limit. Clients send `IDENTITY`, and no body is ever decompressed.
"""

from __future__ import annotations

from collections.abc import Callable

import aiohttp

MAX_BODY_BYTES = 1 << 20
IDENTITY = {"Accept-Encoding": "identity"}


class UnacceptableBody(Exception):  # noqa: N818 - named for the answer, as the exceptions of the ports are
    """A body that is too large or compressed; the text completes the sentence "the server answers with ..."."""


async def read_body(response: aiohttp.ClientResponse, max_bytes: int = MAX_BODY_BYTES) -> bytes:
    """Returns the whole body; raises UnacceptableBody as soon as it exceeds the limit or proves to be compressed.

    The session must have `auto_decompress=False`; its total timeout is the deadline of the read.
    """
    body = bytearray()
    async for chunk in response.content.iter_any():
        check_encoding(response.headers.get("Content-Encoding", ""))
        body += chunk
        _check_size(len(body), max_bytes)
    return bytes(body)


def read_blocking(read: Callable[[int], bytes], encoding: str = "", max_bytes: int = MAX_BODY_BYTES) -> bytes:
    """Returns what `read(size)` yields until it returns nothing; raises as `read_body` does."""
    body = bytearray()
    while chunk := read(max_bytes + 1 - len(body)):
        check_encoding(encoding)
        body += chunk
        _check_size(len(body), max_bytes)
    return bytes(body)


def check_encoding(encoding: str) -> None:
    """Raises UnacceptableBody if the header `Content-Encoding` names a compression."""
    if encoding.strip().lower() not in {"", "identity"}:
        raise UnacceptableBody("a compressed body, although the request does not accept one")


def _check_size(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise UnacceptableBody(f"more than {max_bytes >> 10} KiB")
