"""A server on loopback whose answers are made to cost memory or time."""

from __future__ import annotations

import asyncio
import ssl
import struct
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from functools import cache, reduce

DRIP_SECONDS = 0.02
BOMB_MIB = 128

_OK = b"HTTP/1.1 200 OK\r\n"
_BLOCK = bytes(64 * 1024)


async def _forever(head: bytes, repeated: bytes, pause_seconds: float = 0.0) -> AsyncIterator[bytes]:
    yield head
    while True:
        yield repeated
        await asyncio.sleep(pause_seconds)


async def _once(answer: bytes) -> AsyncIterator[bytes]:
    yield answer


@cache
def _bomb() -> bytes:
    """Repeats one compressed block: to compress all takes longer on a busy machine than a client waits."""
    deflate = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    zeros = bytes(1 << 20)
    block = deflate.compress(zeros) + deflate.flush(zlib.Z_FULL_FLUSH)
    checksum = reduce(lambda checksum, _: zlib.crc32(zeros, checksum), range(BOMB_MIB), 0)
    end = deflate.flush() + struct.pack("<LL", checksum, BOMB_MIB << 20)
    body = b"\x1f\x8b\x08" + bytes(7) + block * BOMB_MIB + end
    return _OK + f"Content-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


class Attack(Enum):
    """An answer; the value makes its bytes."""

    ENDLESS_BODY = (lambda: _forever(_OK + b"\r\n", _BLOCK),)
    ENDLESS_CHUNKS = (lambda: _forever(_OK + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + _BLOCK + b"\r\n"),)
    ENDLESS_ERROR = (lambda: _forever(b"HTTP/1.1 404 Not Found\r\n\r\n", _BLOCK),)
    GZIP_BOMB = (lambda: _once(_bomb()),)
    HUGE_HEADER = (lambda: _once(_OK + b"X-Large: " + b"x" * (1 << 20) + b"\r\nContent-Length: 0\r\n\r\n"),)
    ENDLESS_HEADERS = (lambda: _forever(_OK, b"X-Header: value\r\n" * 1024),)
    ENDLESS_CONTINUE = (lambda: _forever(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 64),)
    SLOW_BODY = (lambda: _forever(_OK + b"\r\n", b"x", DRIP_SECONDS),)
    SLOW_HEADERS = (lambda: _forever(_OK + b"X-Slow: ", b"x", DRIP_SECONDS),)
    REDIRECT_LOOP = (
        lambda: _once(b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
    )

    @property
    def answer(self) -> Callable[[], AsyncIterator[bytes]]:
        return self.value[0]


@dataclass
class HostileServer:
    """The port, and the head of each request."""

    port: int = 0
    requests: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def attacking(
    answer: Callable[[], AsyncIterator[bytes]], end_of_request: bytes = b"\r\n\r\n", trust: ssl.SSLContext | None = None
) -> AsyncIterator[HostileServer]:
    """Serves the answer to every request; ends all connections with the context."""
    server, tasks = HostileServer(), set[asyncio.Task[None]]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        tasks.add(task)
        try:
            server.requests.append(await reader.readuntil(end_of_request))
            async for piece in answer():
                writer.write(piece)
                await writer.drain()
            await reader.read()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=trust)
    server.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield server
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def answering(status: int, body: str, headers: str = "") -> AsyncIterator[HostileServer]:
    """Serves the same short answer to every request."""
    head = f"HTTP/1.1 {status} Status\r\n{headers}Content-Length: {len(body.encode())}\r\nConnection: close\r\n\r\n"
    async with attacking(lambda: _once(head.encode() + body.encode())) as server:
        yield server
