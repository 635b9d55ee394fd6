"""Errors of libpq and of the server become a reason and a remedy."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
from pydantic import SecretStr

from harbor_operator.adapters.postgres import PsycopgPostgres
from harbor_operator.adapters.postgres_errors import connection_error
from harbor_operator.api.backends import SslMode
from harbor_operator.model.database import PostgresLogin, PostgresServer
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from lab.process import free_port

LOGIN = PostgresLogin("x", SecretStr("secret"), "Secret 'pg-admin' (`spec.database.adminSecretRef`)")


async def _no_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readexactly(8)
    writer.write(b"N")
    await writer.drain()
    writer.close()
    await writer.wait_closed()


async def test_a_server_without_tls_is_named() -> None:
    async with await asyncio.start_server(_no_tls, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        server = PostgresServer("127.0.0.1", port, SslMode.VERIFY_FULL)
        with pytest.raises(Refused) as refusal:
            await PsycopgPostgres().try_login(server, LOGIN, "postgres")
    assert refusal.value.reason is Reason.DATABASE_TLS_UNSUPPORTED
    assert "spec.database.sslMode" in str(refusal.value)


async def test_an_address_without_a_server_is_unavailable() -> None:
    server = PostgresServer("127.0.0.1", free_port(), SslMode.DISABLE)
    with pytest.raises(Unavailable) as error:
        await PsycopgPostgres().try_login(server, LOGIN, "postgres")
    assert error.value.reason is Reason.DATABASE_UNREACHABLE
    assert "spec.database.host" in str(error.value)


async def test_a_host_without_an_address() -> None:
    server = PostgresServer("pg.invalid", 5432, SslMode.DISABLE)
    with pytest.raises(Unavailable) as error:
        await PsycopgPostgres().try_login(server, LOGIN, "postgres")
    assert error.value.reason is Reason.DATABASE_UNREACHABLE
    assert "pg.invalid" in str(error.value)


@pytest.mark.parametrize(
    ("message", "expected", "text"),
    [
        (
            """connection failed: connection to server at "10.0.0.1", port 5432 failed: Connection refused
\tIs the server running on that host and accepting TCP/IP connections?""",
            Reason.DATABASE_UNREACHABLE,
            "does not answer: Connection refused",
        ),
        (
            'connection failed: could not read root certificate file "/tmp/postgres-ca-x/ca.crt": bad end line',
            Reason.CERTIFICATE_UNTRUSTED,
            "could not read root certificate file: bad end line",
        ),
        (
            'connection failed: FATAL:  no pg_hba.conf entry for host "10.0.0.1", user "x", no encryption',
            Reason.DATABASE_LOGIN_FAILED,
            "correct pg_hba.conf",
        ),
        (
            'connection failed: FATAL:  too many connections for role "x"',
            Reason.DATABASE_CONNECTIONS_LOW,
            "spec.database.connectionLimit",
        ),
        (
            'connection failed: server certificate for "a" does not match host name "b"',
            Reason.CERTIFICATE_UNTRUSTED,
            "does not match host name",
        ),
        (
            """Multiple connection attempts failed. All failures were:
- host: pg, port: 5432, hostaddr: ::1: FATAL:  password authentication failed for user "x"
- host: pg, port: 5432, hostaddr: 127.0.0.1: connection failed: Connection refused""",
            Reason.DATABASE_CREDENTIALS_REJECTED,
            "correct Secret 'pg-admin'",
        ),
    ],
)
def test_a_libpq_error_becomes_a_reason_and_a_remedy(message: str, expected: Reason, text: str) -> None:
    server = PostgresServer("pg.example.com", 5432, SslMode.VERIFY_FULL)
    error = connection_error(psycopg.OperationalError(message), server, LOGIN)
    assert error.reason is expected
    assert text in str(error)


@pytest.mark.parametrize("length", [10, 100_000])
def test_the_text_of_a_server_is_bounded(length: int) -> None:
    server = PostgresServer("pg.example.com", 5432, SslMode.VERIFY_FULL)
    error = psycopg.OperationalError("connection failed: FATAL:  " + "x" * length)
    assert len(str(connection_error(error, server, LOGIN))) < 1000
