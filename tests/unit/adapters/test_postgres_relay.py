"""A hostile PostgreSQL server costs a bounded amount of memory, and its own deadline."""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from harbor_operator.adapters import postgres_connection
from harbor_operator.adapters.postgres import PsycopgPostgres
from harbor_operator.adapters.postgres_relay import MAX_ADDRESSES, MAX_ANSWER_BYTES, relayed
from harbor_operator.api.backends import SslMode
from harbor_operator.model.database import PostgresLogin, PostgresServer
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from lab.process import scaled
from tests.fakes.hostile import DRIP_SECONDS, attacking

ROOT = Path(__file__).parents[3]
MAX_GROWTH_KIB = 32 << 10
LOGIN = PostgresLogin("admin", SecretStr("aB3xyzSecret"), "Secret 'pg-admin'")


def _message(kind: bytes, body: bytes, length: int = 0) -> bytes:
    return kind + (length or len(body) + 4).to_bytes(4, "big") + body


ACCEPTED = _message(b"R", bytes(4))
READY = _message(b"Z", b"I")
COLUMN = _message(b"T", (1).to_bytes(2, "big") + b"a\0" + bytes(6) + (25).to_bytes(4, "big") + b"\xff" * 6 + bytes(2))
GIB = 1 << 30
BLOCK = bytes(64 << 10)


async def _then_forever(head: bytes, repeated: bytes) -> AsyncIterator[bytes]:
    yield head
    while True:
        yield repeated


ATTACKS: dict[str, Callable[[], AsyncIterator[bytes]]] = {
    "endless parameters": lambda: _then_forever(
        ACCEPTED, b"".join(_message(b"S", b"p%d\0v\0" % n) for n in range(999))
    ),
    "endless notices": lambda: _then_forever(ACCEPTED, _message(b"N", b"SNOTICE\0Mtext\0\0") * 1000),
    "a notice of 1 GiB": lambda: _then_forever(ACCEPTED + _message(b"N", b"", GIB), BLOCK),
    "endless notifications": lambda: _then_forever(
        ACCEPTED + READY, _message(b"A", bytes(4) + b"channel\0payload\0") * 1000
    ),
    "endless rows": lambda: _then_forever(ACCEPTED + READY + COLUMN, _message(b"D", b"\0\1" + b"\xff" * 4) * 5000),
    "a row of 1 GiB": lambda: _then_forever(
        ACCEPTED + READY + COLUMN + _message(b"D", b"\0\1" + (GIB - 64).to_bytes(4, "big"), GIB), BLOCK
    ),
}

MEASURE = """
import asyncio, resource, sys
from tests.unit.adapters.test_postgres_relay import log_in
asyncio.run(log_in(1))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(asyncio.run(log_in(int(sys.argv[1]))))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


async def log_in(port: int, ssl_mode: SslMode = SslMode.DISABLE) -> str:
    """Returns the reason and the message of a failed login."""
    try:
        await PsycopgPostgres().try_login(PostgresServer("127.0.0.1", port, ssl_mode), LOGIN, "postgres")
    except (Unavailable, Refused) as error:
        return f"{error.reason}: {error}"
    return ""


@pytest.mark.parametrize("attack", ATTACKS)
async def test_a_hostile_server_costs_little(attack: str) -> None:
    """Finding S2. A process of its own, because libpq allocates outside of Python's memory."""
    async with attacking(ATTACKS[attack], end_of_request=b"\0\0") as server:
        command = [sys.executable, "-c", MEASURE, str(server.port)]
        environment = {"PYTHONPATH": f"{ROOT / 'operator'}:{ROOT}"}
        done = await asyncio.to_thread(
            subprocess.run, command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
        )
    assert done.stderr == ""
    text, growth = done.stdout.splitlines()
    assert text.startswith(Reason.DATABASE_UNREACHABLE)
    assert f"within {MAX_ANSWER_BYTES >> 10} KiB" in text
    assert int(growth) < MAX_GROWTH_KIB


async def _then_slowly(head: bytes, repeated: bytes) -> AsyncIterator[bytes]:
    yield head
    while True:
        yield repeated
        await asyncio.sleep(DRIP_SECONDS)


SLOW = {
    "nothing at all": (b"", b""),
    "a slow authentication request": (b"R" + (8).to_bytes(4, "big"), b""),
    "a slow error": (b"E" + (1 << 19).to_bytes(4, "big"), b"x"),
    "slow parameters": (ACCEPTED, _message(b"S", b"p\0v\0")),
    "a slow row": (ACCEPTED + READY + COLUMN + _message(b"D", b"", 1 << 19), b"x"),
    "slow notices": (ACCEPTED + READY, _message(b"N", b"SNOTICE\0Mtext\0\0")),
}


@pytest.mark.parametrize("attack", SLOW)
async def test_a_slow_server_costs_its_deadline(monkeypatch: pytest.MonkeyPatch, attack: str) -> None:
    """Finding S2."""
    monkeypatch.setattr(postgres_connection, "_CONNECT_TIMEOUT_SECONDS", 2)  # less counts as 2 for psycopg
    monkeypatch.setattr(postgres_connection, "_SESSION_TIMEOUT_SECONDS", 3)
    async with attacking(lambda: _then_slowly(*SLOW[attack]), end_of_request=b"\0\0") as server:
        async with asyncio.timeout(scaled(10)):
            text = await log_in(server.port)
    assert text.startswith(Reason.DATABASE_UNREACHABLE)
    assert len(server.requests) == 1


HANDSHAKES = {
    "another protocol": (b"HTTP/1.1 400 Bad Request\r\n\r\n", b""),
    "an endless answer": (b"S", BLOCK),
    "a slow answer": (b"S\x16\x03\x03\x40\x00", b"x"),
    "an error of 1 MiB": (b"E" + (1 << 20).to_bytes(4, "big"), BLOCK),
}


@pytest.mark.parametrize("attack", HANDSHAKES)
async def test_a_hostile_answer_to_the_request_for_tls_costs_little(
    monkeypatch: pytest.MonkeyPatch, attack: str
) -> None:
    monkeypatch.setattr(postgres_connection, "_CONNECT_TIMEOUT_SECONDS", 2)
    head, repeated = HANDSHAKES[attack]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with attacking(lambda: _then_slowly(head, repeated), end_of_request=b"\x16/") as server:
        async with asyncio.timeout(scaled(10)):
            text = await log_in(server.port, SslMode.REQUIRE)
    assert text.startswith((Reason.DATABASE_UNREACHABLE, Reason.DATABASE_TLS_UNSUPPORTED))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MAX_GROWTH_KIB
    assert len(server.requests) == 1


async def test_a_name_with_many_addresses_costs_a_few_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolve(*_arguments: object, **_options: object) -> list[tuple[object, ...]]:
        return [(0, 0, 0, "", (f"10.0.{number >> 8}.{number & 255}", 5432)) for number in range(4000)]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    async with relayed("many.example.com", 5432) as relay:
        assert len(relay.ports) == MAX_ADDRESSES


async def test_the_cause_of_an_unreachable_server_is_named() -> None:
    assert "does not answer: Connection refused" in await log_in(1)
    server = PostgresServer("absent.invalid", 5432, SslMode.DISABLE)
    with pytest.raises(Unavailable, match=r"failed to resolve host 'absent\.invalid'"):
        await PsycopgPostgres().try_login(server, LOGIN, "postgres")


async def test_every_address_has_a_port_of_its_own() -> None:
    async with relayed("localhost", 5432) as relay:
        parameters = relay.parameters("localhost")
    count = len(relay.ports)
    assert count >= 1
    assert parameters["host"] == ",".join(["localhost"] * count)
    assert parameters["hostaddr"] == ",".join(["127.0.0.1"] * count)
    assert len(set(parameters["port"].split(","))) == count


async def test_the_last_message_of_each_side_arrives() -> None:
    received, ended = bytearray(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.extend(await reader.readexactly(5))
        writer.write(b"last answer")
        received.extend(await reader.read())
        writer.close()
        ended.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        async with relayed("127.0.0.1", listening.sockets[0].getsockname()[1]) as relay:
            reader, writer = await asyncio.open_connection("127.0.0.1", relay.ports[0])
            writer.write(b"hello")
            assert await reader.readexactly(11) == b"last answer"
            writer.write(b"terminate")
            writer.close()
        await asyncio.wait_for(ended.wait(), 5)
    assert received == b"helloterminate"
