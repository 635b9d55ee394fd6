"""Forwards connections across the border of the node's network: `python -m lab.node.relay NETWORK FORWARD...`.

    capture:PORT             inside, accept redirected connections; connect to the original port on loopback outside
    here:IP:PORT             inside, listen on IP and PORT; connect to this port on loopback outside
    publish:PORT=IP:PORT     outside, listen on loopback; connect to an address inside

A socket stays in the network namespace in which it was created. Threads that have entered the node's network create the
sockets inside; one event loop outside does the rest.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import socket
import struct
import sys
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

CLONE_NEWNET = 0x40000000
SO_ORIGINAL_DST = 80
LOOPBACK = "127.0.0.1"
CONNECT_SECONDS = 5.0
CHUNK_BYTES = 1 << 16
RESET = struct.pack("ii", 1, 0)

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Dial = Callable[[asyncio.StreamWriter], Awaitable[Streams]]


class Inside:
    """The network namespace of the node."""

    def __init__(self, path: Path) -> None:
        self._threads = ThreadPoolExecutor(8, initializer=_enter, initargs=(path,))

    def listen(self, host: str, port: int) -> socket.socket:
        """Returns a listening socket inside."""
        return self._threads.submit(socket.create_server, (host, port), backlog=512).result()

    async def dial(self, target: str) -> Streams:
        """Connects to an address inside."""
        host, _, port = target.rpartition(":")
        loop = asyncio.get_running_loop()
        connection = await loop.run_in_executor(self._threads, _connect, host, int(port))
        return await asyncio.open_connection(sock=connection)


async def serve(inside: Inside, forwards: list[str]) -> None:
    """Runs the forwards until the process ends."""
    servers = []
    for forward in forwards:
        verb, _, rest = forward.partition(":")
        listener, dial = {"capture": _capture, "here": _here, "publish": _publish}[verb](inside, rest)
        servers.append(await asyncio.start_server(_handler(dial), sock=listener))
    print(f"relay: ready, {' '.join(forwards)}", flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


def _capture(inside: Inside, port: str) -> tuple[socket.socket, Dial]:
    return inside.listen("", int(port)), lambda writer: _outside(_original_port(writer))


def _here(inside: Inside, address: str) -> tuple[socket.socket, Dial]:
    host, _, port = address.rpartition(":")
    return inside.listen(host, int(port)), lambda _: _outside(int(port))


def _publish(inside: Inside, route: str) -> tuple[socket.socket, Dial]:
    port, _, target = route.partition("=")
    return socket.create_server((LOOPBACK, int(port)), backlog=512), lambda _: inside.dial(target)


async def _outside(port: int) -> Streams:
    return await asyncio.open_connection(LOOPBACK, port)


def _original_port(writer: asyncio.StreamWriter) -> int:
    """Returns the destination port before the kernel redirected the connection."""
    address = writer.get_extra_info("socket").getsockopt(socket.SOL_IP, SO_ORIGINAL_DST, 16)
    return int(struct.unpack_from("!H", address, 2)[0])


def _handler(dial: Dial) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]:
    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await dial(writer)
        except OSError as error:
            print(f"relay: {error}", flush=True)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.transport.abort()
            return
        for one in (writer, far_writer):
            one.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError):
            await asyncio.gather(_pipe(reader, far_writer), _pipe(far_reader, writer))
        for one in (writer, far_writer):
            one.transport.abort()

    return forward


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(CHUNK_BYTES):
        writer.write(chunk)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
        await writer.drain()


def _enter(network: Path) -> None:
    with network.open() as handle:
        if ctypes.CDLL(None, use_errno=True).setns(handle.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"cannot enter the network '{network}'")


def _connect(host: str, port: int) -> socket.socket:
    connection = socket.create_connection((host, port), CONNECT_SECONDS)
    connection.setblocking(False)  # noqa: FBT003 - a parameter of the standard library
    return connection


if __name__ == "__main__":
    asyncio.run(serve(Inside(Path(sys.argv[1])), sys.argv[2:]))
