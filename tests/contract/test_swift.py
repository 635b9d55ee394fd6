"""The ObjectStore port: the same cases against the fake and against python-swiftclient on a real RADOS gateway."""

from __future__ import annotations

import asyncio
import logging
import socket
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from uuid import uuid4

import pytest
from pydantic import SecretStr

from harbor_operator.adapters.rgw_admin import HttpRgwAdmin
from harbor_operator.adapters.swift import SwiftObjectStore
from harbor_operator.checks.storage import MIB
from harbor_operator.model.storage import Container, Quota, SwiftAccount, SwiftSession
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.object_store import ObjectStore
from harbor_operator.reasons import Reason
from tests.contract.gateway import KEY, Gateway, running
from tests.fakes.object_store import FakeObjectStore


@dataclass
class World:
    """A store with a user 'UID:swift', and what a test may do to it."""

    store: ObjectStore
    account: SwiftAccount
    other: SwiftAccount
    limit_bodies: Callable[[int | None], None]
    fake: FakeObjectStore | None = None
    gateway: Gateway | None = None

    async def container(self, name: str = "harbor") -> Container:
        return Container(await self.store.login(self.account), f"{name}-{uuid4().hex[:8]}")

    def past_the_front(self, at: Container) -> Container:
        """The container at the gateway itself, which reads on when it refuses a body; the front may hang up."""
        if self.gateway is None:
            return at
        return replace(at, session=replace(at.session, storage_url=f"{self.gateway.ceph.rgw_url}/swift/v1"))

    async def limit_room(self, mib: int) -> None:
        if self.fake is not None:
            self.fake.room = mib * MIB
        elif self.gateway is not None:
            uid = self.account.username.partition(":")[0]
            await HttpRgwAdmin().set_quota(self.gateway.access(), uid, Quota(enabled=True, kib=mib * 1024))


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running(tmp_path_factory.mktemp("swift")) as started:
        yield started


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.lab)])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    uid, other = f"u{uuid4().hex[:8]}", f"o{uuid4().hex[:8]}"
    if request.param == "real":
        gateway: Gateway = request.getfixturevalue("gateway")
        names = [gateway.ceph.create_swift_user(name, "swift", KEY) for name in (uid, other)]

        def limit(mib: int | None) -> None:
            gateway.front.reconfigure(max_body=f"{mib}m" if mib else "0")

        first, second = (gateway.account(name) for name in names)
        yield World(SwiftObjectStore(), first, second, limit, gateway=gateway)
        if gateway.front.site.max_body != "0":
            limit(None)
        return
    fake = FakeObjectStore({f"{uid}:swift": KEY, f"{other}:swift": KEY})

    def limit_fake(mib: int | None) -> None:
        fake.body_limit = mib * MIB if mib else None

    account = SwiftAccount("https://s3.example.com/auth/v1.0", f"{uid}:swift", SecretStr(KEY), "swift")
    yield World(fake, account, replace(account, username=f"{other}:swift"), limit_fake, fake)


async def test_a_login_tells_where_the_store_lives(world: World) -> None:
    session = await world.store.login(world.account)

    assert session.storage_url.endswith("/swift/v1")
    assert session.token.get_secret_value()


@pytest.mark.parametrize("change", [{"password": SecretStr("wr0ngkey")}, {"username": "nobody:swift"}])
async def test_a_wrong_login_is_refused_without_naming_the_key(world: World, change: dict[str, object]) -> None:
    account = replace(world.account, **change)  # type: ignore[arg-type]

    with pytest.raises(Refused) as refusal:
        await world.store.login(account)

    assert refusal.value.reason is Reason.STORAGE_CREDENTIALS_REJECTED
    assert account.username in str(refusal.value)
    assert "Secret 'swift'" in str(refusal.value)
    assert account.password.get_secret_value() not in "".join(traceback.format_exception(refusal.value))


async def test_a_container_is_made_once_and_removed_when_empty(world: World) -> None:
    at = await world.container()
    assert await world.store.read_container(at) is None

    await world.store.ensure_container(at)
    await world.store.ensure_container(at)
    await world.store.write_object(at, "files/a", b"x", {})

    assert await world.store.read_container(at) == 1
    assert await world.store.remove_container(at) is False
    await world.store.remove_objects(at, ["files/a", "files/never-there"])
    assert await world.store.remove_container(at) is True
    assert await world.store.remove_container(at) is True
    assert await world.store.read_container(at) is None


async def test_a_container_of_another_user_is_refused(world: World) -> None:
    at = await world.container()
    await world.store.ensure_container(at)
    theirs = Container(await world.store.login(world.other), at.name)

    for ask in (world.store.read_container, world.store.ensure_container):
        with pytest.raises(Refused, match="belongs to another user") as refusal:
            await ask(theirs)
        assert refusal.value.reason is Reason.STORAGE_CONTAINER_REFUSED


async def test_a_name_the_store_does_not_take_is_refused(world: World) -> None:
    at = Container(await world.store.login(world.account), "ab")

    with pytest.raises(Refused, match="InvalidBucketName") as refusal:
        await world.store.ensure_container(at)

    assert refusal.value.reason is Reason.STORAGE_CONTAINER_REFUSED


async def test_objects_are_written_read_listed_and_deleted(world: World) -> None:
    at = await world.container()
    await world.store.ensure_container(at)
    await world.store.write_object(at, "own/a b", b"content", {"harbor-mark": "v1"})
    await world.store.write_object(at, "zzz", b"", {})

    assert await world.store.read_object(at, "own/a b") == b"content"
    assert dict(await world.store.read_metadata(at, "own/a b") or {}) == {"harbor-mark": "v1"}
    assert await world.store.read_metadata(at, "own/none") is None
    assert list(await world.store.list_objects(at, "own/", 10)) == ["own/a b"]
    assert list(await world.store.list_objects(at, "", 1)) == ["own/a b"]
    await world.store.remove_objects(at, ["own/a b", "zzz"])
    assert list(await world.store.list_objects(at, "", 10)) == []


async def test_a_joined_object_reads_as_its_segments(world: World) -> None:
    at = await world.container()
    await world.store.ensure_container(at)
    for number, part in enumerate((b"one ", b"two")):
        await world.store.write_object(at, f"seg/{number:04d}", part, {})

    await world.store.write_joined(at, "joined", "seg/")

    assert await world.store.read_object(at, "joined") == b"one two"


async def test_a_chunk_passes_or_the_proxy_is_blamed(world: World) -> None:
    at = await world.container()
    await world.store.ensure_container(at)
    await world.store.write_generated(at, "chunk", 3 * MIB + 17)
    await world.store.remove_objects(at, ["chunk"])
    world.limit_bodies(2)

    with pytest.raises(Refused, match=r"client_max_body_size.*proxy-body-size") as refusal:
        await world.store.write_generated(at, "chunk", 3 * MIB)

    assert refusal.value.reason is Reason.STORAGE_BODY_LIMIT
    assert "3 MiB" in str(refusal.value)
    assert await world.store.read_metadata(at, "chunk") is None


async def test_a_quota_is_told_from_a_proxy(world: World) -> None:
    at = world.past_the_front(await world.container())
    await world.store.ensure_container(at)
    await world.limit_room(1)

    with pytest.raises(Refused, match="QuotaExceeded") as refusal:
        await world.store.write_generated(at, "chunk", 2 * MIB)

    assert refusal.value.reason is Reason.STORAGE_QUOTA_EXCEEDED


async def test_a_store_that_does_not_answer_is_unavailable(world: World) -> None:
    session = await world.store.login(world.account)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{taken.getsockname()[1]}"
        if world.fake is not None:
            world.fake.down = True
        at = Container(replace(session, storage_url=f"{dead}/swift/v1"), "harbor")

        with pytest.raises(Unavailable) as refusal:
            await world.store.read_container(at)
        assert refusal.value.reason is Reason.STORAGE_UNREACHABLE
        with pytest.raises(Unavailable):
            await world.store.login(replace(world.account, auth_url=f"{dead}/auth/v1.0"))


@pytest.mark.lab
async def test_a_certificate_of_an_unknown_authority_is_named(gateway: Gateway) -> None:
    account = replace(gateway.account("nobody:swift"), ca_pem=None, ca_secret="")

    with pytest.raises(Refused, match=r"the system's CAs.*caSecretRef") as refusal:
        await SwiftObjectStore().login(account)

    assert refusal.value.reason is Reason.CERTIFICATE_UNTRUSTED


@pytest.mark.lab
async def test_plain_http_where_tls_is_expected_is_no_certificate_problem(gateway: Gateway) -> None:
    account = replace(gateway.account("nobody:swift"), auth_url=gateway.ceph.rgw_url.replace("http:", "https:"))

    with pytest.raises(Unavailable, match="no TLS"):
        await SwiftObjectStore().login(account)


@pytest.mark.lab
async def test_no_key_or_token_is_logged(gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    store, key = SwiftObjectStore(), "An0therVerySecretKey"
    account = gateway.account(gateway.ceph.create_swift_user(f"l{uuid4().hex[:8]}", "swift", key), key)
    with caplog.at_level(logging.DEBUG):
        session = await store.login(account)
        at = Container(session, "ab")
        with pytest.raises(Refused) as refusal:
            await store.ensure_container(at)
        with pytest.raises(Refused):
            await store.login(replace(account, username="nobody:swift"))

    told = caplog.text + str(refusal.value) + repr(session)
    assert key not in told
    assert session.token.get_secret_value()[:16] not in told


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
        (b"HTTP/1.1 404 Not Found\r\n", "no version 1 login"),
    ],
)
async def test_what_is_no_swift_login_is_said_so(head: bytes, words: str) -> None:
    async with answering(head) as url:
        account = SwiftAccount(f"{url}/auth/v1.0", "u:swift", SecretStr(KEY), "swift")
        with pytest.raises(Refused, match=words):
            await SwiftObjectStore().login(account)


async def test_a_refusal_whose_body_is_cut_is_still_a_refusal() -> None:
    head = b"HTTP/1.1 413 Too Large\r\nX-Trans-Id: tx1\r\nContent-Length: 13\r\nConnection: close\r\n\r\n"
    async with answering(head) as url:
        account = SwiftAccount(f"{url}/auth/v1.0", "u:swift", SecretStr(KEY), "swift")
        at = Container(SwiftSession(account, f"{url}/v1", SecretStr("t")), "harbor")
        with pytest.raises(Refused, match="raise the quota"):
            await SwiftObjectStore().write_generated(at, "chunk", MIB)


async def test_a_store_that_asks_for_patience_gets_it() -> None:
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
