"""Answers of a store become sessions, or exceptions with a reason and a remedy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr

from harbor_operator.adapters.swift import SwiftObjectStore
from harbor_operator.checks.storage import MIB
from harbor_operator.model.storage import Container, SwiftAccount, SwiftSession
from harbor_operator.ports import Refused, Unavailable

KEY = "Kontrakt0Kontrakt1"


@asynccontextmanager
async def answering(head: bytes) -> AsyncIterator[str]:
    """A server that answers everything with `head`; gives its URL."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head if head.endswith(b"\r\n\r\n") else head + b"Content-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/auth?x=1\r\n", "redirect to 'http://127.0.0.1:1/auth'"),
        (b"HTTP/1.1 200 OK\r\n", "without X-Storage-Url"),
        (b"HTTP/1.1 404 Not Found\r\n", "not a Swift v1 auth endpoint"),
    ],
)
async def test_another_endpoint_than_a_swift_login_is_named(head: bytes, words: str) -> None:
    async with answering(head) as url:
        account = SwiftAccount(f"{url}/auth/v1.0", "u:swift", SecretStr(KEY), "swift")
        with pytest.raises(Refused, match=words):
            await SwiftObjectStore().login(account)


async def test_a_refusal_whose_body_is_cut_is_still_a_refusal() -> None:
    head = b"HTTP/1.1 413 Too Large\r\nX-Trans-Id: tx1\r\nContent-Length: 13\r\nConnection: close\r\n\r\n"
    async with answering(head) as url:
        account = SwiftAccount(f"{url}/auth/v1.0", "u:swift", SecretStr(KEY), "swift")
        container = Container(SwiftSession(account, f"{url}/v1", SecretStr("t")), "harbor")
        with pytest.raises(Refused, match="raise the quota"):
            await SwiftObjectStore().write_generated(container, "chunk", MIB)


async def test_retry_after_is_passed_on() -> None:
    async with answering(b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\n") as url:
        account = SwiftAccount(f"{url}/auth/v1.0", "u:swift", SecretStr(KEY), "swift")
        with pytest.raises(Unavailable) as busy:
            await SwiftObjectStore().login(account)

    assert busy.value.retry_after == 7


async def test_an_account_in_the_storage_url_is_fine() -> None:
    head = b"HTTP/1.1 200 OK\r\nX-Storage-Url: http://h/v1/AUTH_u\r\nX-Auth-Token: t\r\nX-Storage-Token: t\r\n"
    async with answering(head) as url:
        account = SwiftAccount(f"{url}/auth/v1.0", "u:swift", SecretStr(KEY), "swift")
        session = await SwiftObjectStore().login(account)

    assert session.storage_url == "http://h/v1/AUTH_u"
