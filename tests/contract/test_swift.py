"""The ObjectStore port: the same cases against the fake and against python-swiftclient on a real RADOS gateway."""

from __future__ import annotations

import logging
import socket
import ssl
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from hashlib import md5
from http import HTTPStatus
from uuid import uuid4

import aiohttp
import pytest
from pydantic import SecretStr

from harbor_operator.adapters.rgw_admin import HttpRgwAdmin
from harbor_operator.adapters.swift import SwiftObjectStore
from harbor_operator.adapters.swift_connection import object_url
from harbor_operator.checks.storage import MIB
from harbor_operator.model.storage import Container, ContainerUsage, ObjectPart, Quota, SwiftAccount
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.object_store import ObjectStore
from harbor_operator.reasons import Reason
from tests.contract.gateway import KEY, Gateway
from tests.fakes.object_store import FakeObjectStore


@dataclass
class SwiftFixture:
    """A store with a user 'UID:swift', and what a test may do to it."""

    store: ObjectStore
    account: SwiftAccount
    other: SwiftAccount
    limit_bodies: Callable[[int | None], None]
    fake: FakeObjectStore | None = None
    gateway: Gateway | None = None

    async def container(self, name: str = "harbor") -> Container:
        return Container(await self.store.login(self.account), f"{name}-{uuid4().hex[:8]}")

    def past_the_front(self, container: Container) -> Container:
        """The container at the gateway itself, which reads on when it refuses a body; the front may hang up."""
        if self.gateway is None:
            return container
        return replace(
            container, session=replace(container.session, storage_url=f"{self.gateway.ceph.rgw_url}/swift/v1")
        )

    async def limit_room(self, mib: int) -> None:
        if self.fake is not None:
            self.fake.room = mib * MIB
        elif self.gateway is not None:
            uid = self.account.username.partition(":")[0]
            await HttpRgwAdmin().set_quota(self.gateway.endpoint(), uid, Quota(enabled=True, kib=mib * 1024))


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.lab)])
def swift(request: pytest.FixtureRequest) -> Iterator[SwiftFixture]:
    uid, other = f"u{uuid4().hex[:8]}", f"o{uuid4().hex[:8]}"
    if request.param == "real":
        gateway: Gateway = request.getfixturevalue("gateway")
        names = [gateway.ceph.create_swift_user(name, "swift", KEY) for name in (uid, other)]

        def limit(mib: int | None) -> None:
            gateway.front.reconfigure(max_body=f"{mib}m" if mib else "0")

        first, second = (gateway.account(name) for name in names)
        yield SwiftFixture(SwiftObjectStore(), first, second, limit, gateway=gateway)
        if gateway.front.site.max_body != "0":
            limit(None)
        return
    yield fake_swift(uid, other)


def fake_swift(uid: str = "first", other: str = "other") -> SwiftFixture:
    fake = FakeObjectStore({f"{uid}:swift": KEY, f"{other}:swift": KEY})

    def limit_fake(mib: int | None) -> None:
        fake.body_limit = mib * MIB if mib else None

    account = SwiftAccount("https://s3.example.com/auth/v1.0", f"{uid}:swift", SecretStr(KEY), "swift")
    return SwiftFixture(fake, account, replace(account, username=f"{other}:swift"), limit_fake, fake)


async def test_a_login_returns_the_storage_url(swift: SwiftFixture) -> None:
    session = await swift.store.login(swift.account)

    assert session.storage_url.endswith("/swift/v1")
    assert session.token.get_secret_value()


@pytest.mark.parametrize("change", [{"password": SecretStr("wr0ngkey")}, {"username": "unknown:swift"}])
async def test_a_wrong_login_is_refused_without_naming_the_key(swift: SwiftFixture, change: dict[str, object]) -> None:
    account = replace(swift.account, **change)  # type: ignore[arg-type]

    with pytest.raises(Refused) as refusal:
        await swift.store.login(account)

    assert refusal.value.reason is Reason.STORAGE_CREDENTIALS_REJECTED
    assert account.username in str(refusal.value)
    assert "Secret 'swift'" in str(refusal.value)
    assert account.password.get_secret_value() not in "".join(traceback.format_exception(refusal.value))


async def test_a_part_of_an_object_is_read_with_the_size_of_the_whole(swift: SwiftFixture) -> None:
    container = await swift.container()
    await swift.store.ensure_container(container)
    bodies = {"files/plain": b"0123456789", "files/empty": b"", "segments/a/1": b"01234", "segments/a/2": b"56789"}
    for name, body in bodies.items():
        await swift.store.write_object(container, name, body, {})
    await swift.store.write_joined(container, "files/joined", "segments/a/")
    for name in ("files/plain", "files/joined"):
        parts = [await swift.store.read_range(container, name, *part) for part in ((0, 100), (4, 3), (10, 3))]
        assert parts == [ObjectPart(b"0123456789", 10), ObjectPart(b"456", 10), ObjectPart(b"", 10)]
    others = [await swift.store.read_range(container, f"files/{name}", 0, 100) for name in ("empty", "absent")]
    assert others == [ObjectPart(b"", 0), None]


async def test_a_container_is_created_once_and_removed_when_empty(swift: SwiftFixture) -> None:
    container = await swift.container()
    assert await swift.store.read_container(container) is None

    await swift.store.ensure_container(container)
    await swift.store.ensure_container(container)
    await swift.store.write_object(container, "files/a", b"abc", {})

    assert await swift.store.read_container(container) == ContainerUsage(1, 3)
    assert await swift.store.remove_container(container) is False
    await swift.store.remove_objects(container, ["files/a", "files/never-there"])
    assert await swift.store.remove_container(container) is True
    assert await swift.store.remove_container(container) is True
    assert await swift.store.read_container(container) is None


async def test_a_container_of_another_user_is_refused(swift: SwiftFixture) -> None:
    container = await swift.container()
    await swift.store.ensure_container(container)
    theirs = Container(await swift.store.login(swift.other), container.name)

    for request in (swift.store.read_container, swift.store.ensure_container):
        with pytest.raises(Refused, match="belongs to another user") as refusal:
            await request(theirs)
        assert refusal.value.reason is Reason.STORAGE_CONTAINER_REFUSED


async def test_a_name_the_store_does_not_take_is_refused(swift: SwiftFixture) -> None:
    container = Container(await swift.store.login(swift.account), ".harbor")

    with pytest.raises(Refused, match="InvalidBucketName") as refusal:
        await swift.store.ensure_container(container)

    assert refusal.value.reason is Reason.STORAGE_CONTAINER_REFUSED


async def test_an_object_without_segments_is_distinguished_from_others(swift: SwiftFixture) -> None:
    container = await swift.container()
    await swift.store.ensure_container(container)
    await swift.store.write_object(container, "files/empty", b"", {})
    await swift.store.write_object(container, "segments/a/1", b"abc", {})
    await swift.store.write_joined(container, "files/whole", "segments/a/")
    await swift.store.write_joined(container, "files/broken", "segments/b/")

    listed = await swift.store.list_sizes(container, "files/", "files/broken", 10)
    assert [(one.name, one.bytes) for one in listed] == [("files/empty", 0), ("files/whole", 0)]
    assert all(one.changed_at.tzinfo for one in listed)
    assert len(await swift.store.list_sizes(container, "files/", "", 2)) == 2
    found = await swift.store.find_without_segments(
        container, ["files/broken", "files/empty", "files/never-there", "files/whole"]
    )
    assert found == {"files/broken": True, "files/empty": False, "files/never-there": False, "files/whole": False}


async def test_objects_are_written_read_listed_and_deleted(swift: SwiftFixture) -> None:
    container = await swift.container()
    await swift.store.ensure_container(container)
    await swift.store.write_object(container, "own/a b", b"content", {"harbor-mark": "v1"})
    await swift.store.write_object(container, "zzz", b"", {})

    assert await swift.store.read_object(container, "own/a b") == b"content"
    assert dict(await swift.store.read_metadata(container, "own/a b") or {}) == {"harbor-mark": "v1"}
    assert await swift.store.read_metadata(container, "own/none") is None
    assert list(await swift.store.list_objects(container, "own/", 10)) == ["own/a b"]
    assert list(await swift.store.list_objects(container, "", 1)) == ["own/a b"]
    first, _ = await swift.store.list_sizes(container, "", "", 1000)
    assert (first.name, first.bytes) == ("own/a b", 7)
    assert first.digest == md5(b"content", usedforsecurity=False).hexdigest()
    await swift.store.remove_objects(container, ["own/a b", "zzz"])
    assert list(await swift.store.list_objects(container, "", 10)) == []


@pytest.mark.lab
async def test_rgw_has_no_precondition_for_a_delete_or_a_write(gateway: Gateway) -> None:
    """Why the operator reads the proof of ownership right before: nothing stronger exists in the same request."""
    store = SwiftObjectStore()
    account = gateway.account(gateway.ceph.create_swift_user(f"p{uuid4().hex[:8]}", "swift", KEY))
    container = Container(await store.login(account), f"harbor-{uuid4().hex[:8]}")
    await store.ensure_container(container)
    await store.write_object(container, "files/a", b"first", {})
    url, token = object_url(container, "files/a"), container.session.token.get_secret_value()
    trust = ssl.create_default_context(cadata=account.ca_pem)
    async with aiohttp.ClientSession(headers={"X-Auth-Token": token}) as http:
        async with http.put(url, data=b"second", headers={"If-None-Match": "*"}, ssl=trust) as written:
            assert written.status == HTTPStatus.CREATED
        assert await store.read_object(container, "files/a") == b"second"
        never = {"If-Match": '"0"', "If-Unmodified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"}
        async with http.delete(url, headers=never, ssl=trust) as deleted:
            assert deleted.status == HTTPStatus.NO_CONTENT
    assert await store.list_objects(container, "files/", 1) == []


async def test_a_joined_object_reads_as_its_segments(swift: SwiftFixture) -> None:
    container = await swift.container()
    await swift.store.ensure_container(container)
    for number, part in enumerate((b"one ", b"two")):
        await swift.store.write_object(container, f"seg/{number:04d}", part, {})

    await swift.store.write_joined(container, "joined", "seg/")

    assert await swift.store.read_object(container, "joined") == b"one two"


async def test_a_chunk_passes_or_the_proxy_is_blamed(swift: SwiftFixture) -> None:
    container = await swift.container()
    await swift.store.ensure_container(container)
    await swift.store.write_generated(container, "chunk", 3 * MIB + 17)
    await swift.store.remove_objects(container, ["chunk"])
    swift.limit_bodies(2)

    with pytest.raises(Refused, match=r"client_max_body_size.*proxy-body-size") as refusal:
        await swift.store.write_generated(container, "chunk", 3 * MIB)

    assert refusal.value.reason is Reason.STORAGE_BODY_LIMIT
    assert "3 MiB" in str(refusal.value)
    assert await swift.store.read_metadata(container, "chunk") is None


async def test_a_quota_is_distinguished_from_a_proxy(swift: SwiftFixture) -> None:
    container = swift.past_the_front(await swift.container())
    await swift.store.ensure_container(container)
    await swift.limit_room(1)

    with pytest.raises(Refused, match="QuotaExceeded") as refusal:
        await swift.store.write_generated(container, "chunk", 2 * MIB)

    assert refusal.value.reason is Reason.STORAGE_QUOTA_EXCEEDED


async def test_a_store_that_does_not_answer_is_unavailable(swift: SwiftFixture) -> None:
    session = await swift.store.login(swift.account)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{taken.getsockname()[1]}"
        if swift.fake is not None:
            swift.fake.down = True
        container = Container(replace(session, storage_url=f"{dead}/swift/v1"), "harbor")

        with pytest.raises(Unavailable) as refusal:
            await swift.store.read_container(container)
        assert refusal.value.reason is Reason.STORAGE_UNREACHABLE
        with pytest.raises(Unavailable):
            await swift.store.login(replace(swift.account, auth_url=f"{dead}/auth/v1.0"))


@pytest.mark.lab
async def test_a_certificate_of_an_unknown_authority_is_named(gateway: Gateway) -> None:
    account = replace(gateway.account("unknown:swift"), ca_pem=None, ca_secret="")

    with pytest.raises(Refused, match=r"the system's CAs.*caSecretRef") as refusal:
        await SwiftObjectStore().login(account)

    assert refusal.value.reason is Reason.CERTIFICATE_UNTRUSTED


@pytest.mark.lab
async def test_plain_http_where_tls_is_expected_is_no_certificate_problem(gateway: Gateway) -> None:
    account = replace(gateway.account("unknown:swift"), auth_url=gateway.ceph.rgw_url.replace("http:", "https:"))

    with pytest.raises(Unavailable, match="no TLS"):
        await SwiftObjectStore().login(account)


@pytest.mark.lab
async def test_no_key_or_token_is_logged(gateway: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    store, key = SwiftObjectStore(), "An0therVerySecretKey"
    account = gateway.account(gateway.ceph.create_swift_user(f"l{uuid4().hex[:8]}", "swift", key), key)
    with caplog.at_level(logging.DEBUG):
        session = await store.login(account)
        container = Container(session, ".harbor")
        with pytest.raises(Refused) as refusal:
            await store.ensure_container(container)
        with pytest.raises(Refused):
            await store.login(replace(account, username="unknown:swift"))

    logged = caplog.text + str(refusal.value) + repr(session)
    assert key not in logged
    assert session.token.get_secret_value()[:16] not in logged
