"""Connections to a host by its name; `tests/e2e/test_networks.py` has a name with an address that does not answer."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from harbor_operator.adapters.happy_eyeballs import connect, connect_blocking

HOST = "127.0.0.1"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server((HOST, 0), backlog=0) as server:
        yield server


async def test_a_connection_is_ready_for_an_event_loop(listener: socket.socket) -> None:
    with await connect(HOST, listener.getsockname()[1]) as connected:
        _, writer = await asyncio.open_connection(sock=connected)
        assert writer.get_extra_info("peername") == listener.getsockname()
        writer.transport.abort()


def test_a_blocking_connection_has_the_timeout(listener: socket.socket) -> None:
    with connect_blocking(HOST, listener.getsockname()[1], 5) as connected:
        assert connected.getpeername() == listener.getsockname()
        assert connected.gettimeout() == 5


def test_a_server_that_does_not_accept_costs_the_timeout(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    with connect_blocking(HOST, port, 5), pytest.raises(TimeoutError):
        connect_blocking(HOST, port, 0.05)


async def test_the_failures_are_those_of_the_system() -> None:
    with socket.socket() as closed:
        closed.bind((HOST, 0))
        with pytest.raises(ConnectionRefusedError):
            await connect(HOST, closed.getsockname()[1])
    with pytest.raises(socket.gaierror):
        await connect("absent.invalid", 1)
