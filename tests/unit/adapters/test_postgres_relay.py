"""A hostile PostgreSQL server costs a bounded amount of memory, and its own deadline."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from harbor_operator.adapters.postgres import PsycopgPostgres
from harbor_operator.adapters.postgres_relay import MAX_ANSWER_BYTES, relayed
from harbor_operator.api.backends import SslMode
from harbor_operator.model.database import PostgresLogin, PostgresServer
from harbor_operator.ports import Unavailable
from harbor_operator.reasons import Reason
from tests.fakes.hostile import attacking

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


async def log_in(port: int) -> str:
    """Returns the reason and the message of a failed login."""
    try:
        await PsycopgPostgres().try_login(PostgresServer("127.0.0.1", port, SslMode.DISABLE), LOGIN, "postgres")
    except Unavailable as error:
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
