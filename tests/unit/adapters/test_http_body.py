"""A hostile server costs every client a bounded amount of memory, and its own deadline."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

import pytest
from pydantic import SecretStr

from harbor_operator.adapters import harbor_http, harbor_sessions, oidc_provider, rgw_admin, s3_store, swift
from harbor_operator.adapters.harbor import HttpHarbor
from harbor_operator.adapters.harbor_probe import HttpRegistryProbe
from harbor_operator.adapters.http_body import UnacceptableBody, check_encoding, read_blocking
from harbor_operator.adapters.oidc_provider import HttpOidcProvider
from harbor_operator.adapters.rgw_admin import HttpRgwAdmin
from harbor_operator.adapters.s3_request import S3Call
from harbor_operator.adapters.s3_store import HttpS3Store
from harbor_operator.adapters.swift import SwiftObjectStore
from harbor_operator.model.authentication import OidcEndpoint
from harbor_operator.model.harbor import HarborEndpoint, Login
from harbor_operator.model.s3 import Bucket, S3Account
from harbor_operator.model.storage import Container, RgwEndpoint, SwiftAccount, SwiftSession
from harbor_operator.ports import Refused, Unavailable
from tests.fakes.hostile import Attack, attacking

DEADLINE_SECONDS = 0.4
GRACE_SECONDS = 3.0
MAX_PEAK_BYTES = 32 << 20

Client = Callable[[str], Awaitable[object]]


def _harbor(url: str) -> HarborEndpoint:
    return HarborEndpoint(url, login=Login("admin", SecretStr("Admin-pass-1")))


def _container(url: str) -> Container:
    return Container(SwiftSession(_account(url), f"{url}/swift/v1", SecretStr("token")), "harbor")


def _account(url: str) -> SwiftAccount:
    return SwiftAccount(f"{url}/auth/v1.0", "u:swift", SecretStr("key"), "swift")


def _bucket(url: str) -> Bucket:
    return Bucket(S3Account(url, "us-east-1", "ACCESS", SecretStr("secret"), "s3"), "harbor")


async def _read_in_swift_copy(url: str) -> object:
    async with SwiftObjectStore().persistent() as store:
        return await store.read_range(_container(url), "x", 0, 1 << 19)  # half a second


async def _read_in_s3_copy(url: str) -> object:
    async with HttpS3Store().persistent() as store:
        return await store.read_range(_bucket(url), "x", 0, 1)


CLIENTS: dict[str, Client] = {
    "harbor": lambda url: HttpHarbor().read_projects(_harbor(url)),
    "probe": lambda url: HttpRegistryProbe().read_health(_harbor(url)),
    "oidc": lambda url: HttpOidcProvider().read_provider(OidcEndpoint(url)),
    "rgw": lambda url: HttpRgwAdmin().read_user(RgwEndpoint(url, "a", SecretStr("s"), "rgw-admin"), "x"),
    "swift-login": lambda url: SwiftObjectStore().login(_account(url)),
    "swift-list": lambda url: SwiftObjectStore().list_objects(_container(url), "", 10),
    "rgw-write": lambda url: HttpRgwAdmin().remove_user(RgwEndpoint(url, "a", SecretStr("s"), "rgw-admin"), "x"),
    "swift-container": lambda url: SwiftObjectStore().ensure_container(_container(url)),
    "swift-write": lambda url: SwiftObjectStore().write_generated(_container(url), "x", 1 << 20),
    "swift-read": lambda url: SwiftObjectStore().read_object(_container(url), "x"),
    "swift-copy": _read_in_swift_copy,
    "s3-copy": _read_in_s3_copy,
}


@pytest.fixture
def short_deadlines(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (harbor_http, harbor_sessions, oidc_provider, rgw_admin, swift):
        monkeypatch.setattr(module, "DEADLINE_SECONDS", DEADLINE_SECONDS)
    monkeypatch.setattr(swift, "CHUNK_SECONDS", 0.0)
    monkeypatch.setattr(s3_store, "S3Call", partial(S3Call, seconds=DEADLINE_SECONDS))
    monkeypatch.setattr(harbor_http, "ANNOUNCE_SECONDS", DEADLINE_SECONDS)
    monkeypatch.setattr(harbor_http, "CONTINUE_SECONDS", DEADLINE_SECONDS)


@pytest.mark.usefixtures("short_deadlines")
@pytest.mark.parametrize("attack", Attack)
@pytest.mark.parametrize("client", CLIENTS)
async def test_a_hostile_server_costs_little(client: str, attack: Attack) -> None:
    async with attacking(attack.answer) as server:
        answer = attack.answer()
        await anext(answer)  # a bomb is built before the measurement
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        started = loop.time()
        tracemalloc.start()
        try:
            with pytest.raises((Refused, Unavailable)):
                await CLIENTS[client](server.url)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < MAX_PEAK_BYTES
        assert loop.time() - started < DEADLINE_SECONDS + GRACE_SECONDS
        assert len(server.requests) == 1
        # Not only the caller has ended, but also the one thread of a blocking client.
        await asyncio.wait_for(asyncio.to_thread(int), GRACE_SECONDS)


HEADS: dict[str, Client] = {
    "announcement": lambda url: HttpRegistryProbe().announce_body(_harbor(url), 1 << 33),
    "swift-metadata": lambda url: SwiftObjectStore().read_metadata(_container(url), "x"),
    "swift-count": lambda url: SwiftObjectStore().read_container(_container(url)),
}
"""Calls that need no body of the answer, so some attacks are a valid answer to them."""


@pytest.mark.usefixtures("short_deadlines")
@pytest.mark.parametrize("attack", Attack)
@pytest.mark.parametrize("client", HEADS)
async def test_a_hostile_server_costs_little_where_no_body_is_read(client: str, attack: Attack) -> None:
    async with attacking(attack.answer) as server:
        await anext(attack.answer())  # a bomb is built before the measurement
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        tracemalloc.start()
        try:
            async with asyncio.timeout(DEADLINE_SECONDS + GRACE_SECONDS):
                with suppress(Refused, Unavailable):
                    await HEADS[client](server.url)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < MAX_PEAK_BYTES
        assert len(server.requests) == 1
        await asyncio.wait_for(asyncio.to_thread(int), GRACE_SECONDS)


@pytest.mark.parametrize("client", CLIENTS)
async def test_what_is_wrong_with_a_large_answer_is_named(client: str) -> None:
    async with attacking(Attack.ENDLESS_BODY.answer) as server:
        with pytest.raises(Refused, match=r"answers .*with more than 1024 KiB.*(check|Check)"):
            await CLIENTS[client](server.url)


@pytest.mark.parametrize("client", sorted(CLIENTS))
async def test_no_client_accepts_compression(client: str) -> None:
    async with attacking(Attack.GZIP_BOMB.answer) as server:
        with pytest.raises(Refused, match="a compressed body"):
            await CLIENTS[client](server.url)
    head = server.requests[0].lower()
    assert b"accept-encoding: identity" in head
    assert b"gzip" not in head


def test_a_body_of_the_exact_limit_is_read() -> None:
    pieces = [b"1234", b"5678", b""]
    assert read_blocking(lambda _size: pieces.pop(0), max_bytes=8) == b"12345678"


def test_one_byte_more_is_not() -> None:
    pieces = [b"1234", b"56789", b""]
    with pytest.raises(UnacceptableBody):
        read_blocking(lambda _size: pieces.pop(0), max_bytes=8)


@pytest.mark.parametrize("encoding", ["", "identity", " Identity "])
def test_no_compression_is_fine(encoding: str) -> None:
    check_encoding(encoding)
