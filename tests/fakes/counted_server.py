"""A server that counts its connections, and can close each after some answers without announcing it."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager

PARALLEL = 4
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
PART = b"HTTP/1.1 206 Partial\r\nContent-Range: bytes 0-1/2\r\nContent-Length: 2\r\nSet-Cookie: route=1\r\n\r\n{}"


class CountedServer:
    """Answers with `read` to GET and with `ANSWER` to the rest, and closes a connection after `answers` of them."""

    def __init__(self, answers: int = 10_000, read: bytes = ANSWER) -> None:
        self.ended: list[asyncio.Event] = []
        self.bodies: list[bytes] = []
        self._answers = answers
        self._read = read

    @property
    def connections(self) -> int:
        """How many connections were opened."""
        return len(self.ended)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection."""
        ended = asyncio.Event()
        self.ended.append(ended)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            for _ in range(self._answers):
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"(?i)\r\ncontent-length: ([0-9]+)", head)
                self.bodies.append(await reader.readexactly(int(length[1]) if length else 0))
                writer.write(self._read if head.startswith(b"GET ") else ANSWER)
                await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        ended.set()

    async def wait_all_ended(self) -> None:
        """Waits until the clients have closed their connections."""
        for ended in self.ended:
            await ended.wait()


@asynccontextmanager
async def listening(server: CountedServer) -> AsyncIterator[str]:
    """Yields the URL of the server, and waits at the end until no connection is open."""
    async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listener:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        await server.wait_all_ended()


async def in_parallel(calls: Iterable[Callable[[], Awaitable[object]]]) -> list[object]:
    """Runs the calls, `PARALLEL` at a time, as a copy does."""
    slots = asyncio.Semaphore(PARALLEL)

    async def one(call: Callable[[], Awaitable[object]]) -> object:
        async with slots:
            return await call()

    return await asyncio.gather(*map(one, calls))
