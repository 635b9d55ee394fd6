"""Connections to a host with several addresses: the next one is tried while an earlier one does not answer.

In a dual-stack cluster a name often has an IPv6 address that does not answer beside an IPv4 address that does. This is
RFC 8305 (Happy Eyeballs), as aiohttp does it for its own connections; redis-py and urllib3 wait for one address after
the other.
"""

from __future__ import annotations

import asyncio
import socket

from aiohappyeyeballs import start_connection

ATTEMPT_DELAY_SECONDS = 0.25
"""The "Connection Attempt Delay" that section 5 of the RFC recommends."""


async def connect(host: str, port: int) -> socket.socket:
    """Returns a connected, non-blocking socket. Raises socket.gaierror, and OSError if no address answers."""
    addresses = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return await start_connection(addresses, happy_eyeballs_delay=ATTEMPT_DELAY_SECONDS)


def connect_blocking(host: str, port: int, timeout_seconds: float) -> socket.socket:
    """Returns a connected socket for a thread without an event loop.

    The timeout counts for all addresses together, and then for each read and write. Raises as `connect` does, and
    TimeoutError.
    """

    async def connect_in_time() -> socket.socket:
        async with asyncio.timeout(timeout_seconds):
            return await connect(host, port)

    connected = asyncio.run(connect_in_time())
    connected.settimeout(timeout_seconds)
    return connected
