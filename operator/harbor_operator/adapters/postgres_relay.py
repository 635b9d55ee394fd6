"""Limits what a PostgreSQL server can send: a relay on loopback between libpq and the server.

libpq stores a whole message and a whole result before it returns them, and has no limit. The owner of a server that a
registry names could send gigabytes. The relay copies bytes, so TLS and SCRAM stay end to end, and closes the connection
at the limit.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeAlias

MAX_ANSWER_BYTES = 1 << 20
"""Of one connection; the catalogue queries of one session return a few KiB."""
MAX_ADDRESSES = 8
"""Of one host name; each has a listening port of its own, and the owner of the name chooses their number."""

_ATTEMPT_SECONDS = 2.0
"""For an address after which there is another: long enough for one repeated SYN packet."""
_HOST = "127.0.0.1"
_CHUNK_BYTES = 64 << 10
_CLOSE_TIMEOUT_SECONDS = 1.0


_Streams: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_Handler: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]


@dataclass(frozen=True, slots=True)
class _Target:
    """An address of the server, and the seconds for a connection to it; None leaves the limit to libpq."""

    address: str
    port: int
    seconds: float | None


@dataclass(slots=True)
class Relay:
    """Where libpq connects instead of the server, and what happened on the way."""

    ports: list[int] = field(default_factory=list)
    """One port for each address of the server."""

    failures: list[str] = field(default_factory=list)
    """Why an address could not be reached."""

    is_exceeded: bool = False
    """Whether the server sent more than the limit."""

    def parameters(self, host: str) -> dict[str, str]:
        """Returns libpq's `host`, `hostaddr` and `port`; certificates are verified against `host`."""
        return {
            "host": ",".join([host] * len(self.ports)),
            "hostaddr": ",".join([_HOST] * len(self.ports)),
            "port": ",".join(map(str, self.ports)),
        }


@asynccontextmanager
async def relayed(host: str, port: int) -> AsyncIterator[Relay]:
    """Listens on loopback for the first addresses of the server until the block ends. Raises socket.gaierror."""
    relay, tasks, servers = Relay(), set[asyncio.Task[None]](), list[asyncio.Server]()
    try:
        addresses = await _resolve(host, port)
        for address in addresses:
            # libpq takes the relay for the server, and would wait for its own timeout before the next address.
            target = _Target(address, port, None if address == addresses[-1] else _ATTEMPT_SECONDS)
            server = await asyncio.start_server(_handler(relay, target, tasks), _HOST, 0, limit=_CHUNK_BYTES)
            servers.append(server)
            relay.ports.append(server.sockets[0].getsockname()[1])
        yield relay
    finally:
        for server in servers:
            server.close()
        if tasks:
            # libpq has just sent its Terminate message, which the server must still get.
            await asyncio.wait(tasks, timeout=_CLOSE_TIMEOUT_SECONDS)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _resolve(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))[:MAX_ADDRESSES]


def _handler(relay: Relay, target: _Target, tasks: set[asyncio.Task[None]]) -> _Handler:
    def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task of our own: asyncio would log the cancellation of one that it starts for a coroutine.
        tasks.add(asyncio.create_task(_connect_and_copy(relay, target, reader, writer)))

    return handle


async def _connect_and_copy(
    relay: Relay, target: _Target, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    try:
        async with asyncio.timeout(target.seconds):
            answers, requests = await asyncio.open_connection(target.address, target.port, limit=_CHUNK_BYTES)
        await _copy_both(relay, (answers, requests), (reader, writer))
    except OSError as error:
        relay.failures.append(os.strerror(error.errno) if error.errno else str(error) or "no answer")
    finally:
        writer.transport.abort()


async def _copy_both(relay: Relay, server: _Streams, client: _Streams) -> None:
    (answers, requests), (reader, writer) = server, client
    copies = [asyncio.create_task(_copy(reader, requests)), asyncio.create_task(_answer(relay, answers, writer))]
    try:
        await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for copy in copies:
            copy.cancel()
        await asyncio.gather(*copies, return_exceptions=True)
        requests.close()
        with suppress(OSError, TimeoutError):
            await asyncio.wait_for(requests.wait_closed(), _CLOSE_TIMEOUT_SECONDS)
        requests.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(_CHUNK_BYTES):
        writer.write(chunk)
        await writer.drain()


async def _answer(relay: Relay, answers: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    left = MAX_ANSWER_BYTES
    while chunk := await answers.read(_CHUNK_BYTES):
        left -= len(chunk)
        if left < 0:
            relay.is_exceeded = True
            return
        writer.write(chunk)
        await writer.drain()
    # The server's last message may explain why it closes: libpq must get it before the end.
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
