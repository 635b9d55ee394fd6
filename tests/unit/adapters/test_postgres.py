"""What the adapter sends to a server that asks for too much."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import SecretStr

from harbor_operator.adapters.postgres import PsycopgPostgres
from harbor_operator.api.backends import SslMode
from harbor_operator.model.database import LoginResult, PostgresLogin, PostgresServer

PASSWORD = "aB3xyzSecret"
LOGIN = PostgresLogin("admin", SecretStr(PASSWORD), "Secret 'pg-admin' (`spec.database.adminSecretRef`)")
CLEAR_TEXT_REQUEST = b"R" + (8).to_bytes(4, "big") + (3).to_bytes(4, "big")


async def test_a_password_is_never_sent_in_clear_text() -> None:
    received, ended = bytearray(), asyncio.Event()

    async def ask_for_clear_text(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = int.from_bytes(await reader.readexactly(4), "big")
        received.extend(await reader.readexactly(length - 4))
        writer.write(CLEAR_TEXT_REQUEST)
        await writer.drain()
        received.extend(await reader.read())
        writer.transport.abort()
        ended.set()

    async with await asyncio.start_server(ask_for_clear_text, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        server = PostgresServer("127.0.0.1", port, SslMode.DISABLE)
        login = await PsycopgPostgres().try_login(server, LOGIN, "postgres")
        await asyncio.wait_for(ended.wait(), 5)

    assert login.result is LoginResult.REFUSED
    assert "in clear text" in login.error_message
    assert "scram-sha-256" in login.error_message
    assert b"admin" in received
    assert PASSWORD.encode() not in received


@pytest.mark.parametrize("ca", ["no certificate", "# Köln"])
async def test_a_bundle_without_a_certificate_is_named(ca: str) -> None:
    server = PostgresServer("127.0.0.1", 1, SslMode.VERIFY_FULL, ca)
    with pytest.raises(Exception, match=r"`spec.database.caSecretRef`"):
        await PsycopgPostgres().try_login(server, LOGIN, "postgres")
