"""The copy of images between stores: the same cases on fakes, from a real gateway's Swift and S3, and to another S3."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from uuid import uuid4

import pytest

from harbor_operator.adapters.s3_store import HttpS3Store
from harbor_operator.adapters.swift import SwiftObjectStore
from harbor_operator.checks.storage import MIB
from harbor_operator.model.s3 import Bucket
from harbor_operator.model.storage import Container
from harbor_operator.model.storage_migration import CopiedBatch
from harbor_operator.ports import Refused
from harbor_operator.ports.object_store import ObjectStore
from harbor_operator.ports.s3_store import S3Store
from harbor_operator.reasons import Reason
from harbor_operator.steps.storage_copy import BATCH_OBJECTS, ImageCopy, ImageSource, S3Images, SwiftImages
from harbor_operator.steps.storage_identity import is_same_storage
from tests.contract.gateway import KEY, Gateway
from tests.contract.s3_servers import KEY_OPTIONS, S3Fixture, Versity, fake_server, rgw_account, rgw_server
from tests.contract.test_swift import fake_swift

PART_BYTES = 5 * MIB
"""The smallest part that S3 accepts before the last one."""
ROOT = "docker/registry/v2/"
LINK = f"{ROOT}repositories/library/app/_manifests/tags/1/current/link"


def blob(content: bytes) -> str:
    digest = sha256(content).hexdigest()
    return f"{ROOT}blobs/sha256/{digest[:2]}/{digest}/data"


@dataclass
class SwiftSide:
    """Images in a container."""

    store: ObjectStore
    container: Container

    @property
    def images(self) -> ImageSource:
        return SwiftImages(self.store, self.container)

    async def put(self, key: str, body: bytes) -> None:
        await self.store.write_object(self.container, f"files/{key}", body, {})

    async def put_parts(self, key: str, parts: list[bytes]) -> None:
        prefix = f"segments/2f6/{uuid4().hex}/"
        for number, part in enumerate(parts, start=1):
            await self.store.write_object(self.container, f"{prefix}{number:016d}", part, {})
        await self.store.write_joined(self.container, f"files/{key}", prefix)

    async def remove(self, key: str) -> None:
        await self.store.remove_objects(self.container, [f"files/{key}"])


@dataclass
class S3Side:
    """Images in a folder of a bucket."""

    store: S3Store
    bucket: Bucket
    folder: str

    @property
    def images(self) -> S3Images:
        return S3Images(self.store, self.bucket, self.folder)

    async def put(self, key: str, body: bytes) -> None:
        await self.store.write_object(self.bucket, f"{self.folder}{key}", body, {})

    async def put_parts(self, key: str, parts: list[bytes]) -> None:
        upload = await self.store.begin_upload(self.bucket, f"{self.folder}{key}")
        numbered = enumerate(parts, start=1)
        etags = [await self.store.write_part(self.bucket, upload, number, part) for number, part in numbered]
        await self.store.complete_upload(self.bucket, upload, etags)

    async def remove(self, key: str) -> None:
        await self.store.remove_objects(self.bucket, [f"{self.folder}{key}"])

    async def content(self) -> Mapping[str, bytes]:
        found = {}
        for stored in await self.store.list_sizes(self.bucket, self.folder, "", 1000):
            part = await self.store.read_range(self.bucket, stored.name, 0, 32 * MIB)
            assert part is not None
            found[stored.name.removeprefix(self.folder)] = part.data
        return found


@dataclass
class Stores:
    """Where a copy leads from and to."""

    source: SwiftSide | S3Side
    target: S3Side
    written: dict[str, bytes] = field(default_factory=dict)

    async def put(self, key: str, body: bytes) -> None:
        await self.source.put(key, body)
        self.written[key] = body

    @asynccontextmanager
    async def copy(self) -> AsyncIterator[ImageCopy]:
        async with self.source.images.persistent() as source, self.target.images.persistent() as target:
            yield ImageCopy(source, target, PART_BYTES)

    async def run(self, after: str = "") -> list[CopiedBatch]:
        async with self.copy() as copy:
            return [batch async for batch in copy.batches(after)]


async def s3_side(server: S3Fixture, folder: str) -> S3Side:
    return S3Side(server.store, await server.bucket(), folder)


async def rgw_swift(gateway: Gateway) -> SwiftSide:
    store = SwiftObjectStore()
    account = gateway.account(gateway.ceph.create_swift_user(f"u{uuid4().hex[:8]}", "swift", KEY))
    container = Container(await store.login(account), f"c-{uuid4().hex[:8]}")
    await store.ensure_container(container)
    return SwiftSide(store, container)


async def fake_swift_side() -> SwiftSide:
    fixture = fake_swift()
    container = await fixture.container()
    await fixture.store.ensure_container(container)
    return SwiftSide(fixture.store, container)


REAL = [
    pytest.param(names, marks=pytest.mark.lab, id="-to-".join(names))
    for names in (
        ("rgw-swift", "rgw"),
        ("rgw-swift", "versity"),
        ("rgw", "versity"),
        ("versity", "rgw"),
        ("rgw-swift", "rgw-with-key"),
        ("rgw-with-key", "rgw-with-key"),
    )
]


@pytest.fixture(params=[("fake-swift", "fake"), ("fake", "fake"), *REAL])
async def stores(request: pytest.FixtureRequest) -> Stores:
    def s3_server(name: str) -> S3Fixture:
        if name == "rgw":
            return rgw_server(request.getfixturevalue("gateway"))
        if name == "rgw-with-key":
            return replace(rgw_server(request.getfixturevalue("key_gateway")), options=KEY_OPTIONS)
        if name == "versity":
            server: Versity = request.getfixturevalue("versity")
            return server.server()
        return fake_server()

    from_name, to_name = request.param
    target = await s3_side(s3_server(to_name), "images/")
    if from_name == "fake-swift":
        return Stores(await fake_swift_side(), target)
    if from_name == "rgw-swift":
        return Stores(await rgw_swift(request.getfixturevalue("gateway")), target)
    return Stores(await s3_side(s3_server(from_name), ""), target)


async def test_everything_but_unfinished_uploads_is_copied_once(stores: Stores) -> None:
    for number in range(3):
        body = f"layer {number}".encode()
        await stores.put(blob(body), body)
    await stores.put(blob(b""), b"")
    # In a file system, the order of these differs from that of their keys.
    for repository in ("library/app", "library/app-2", "library/app.3", "library/app/sub"):
        await stores.put(f"{ROOT}repositories/{repository}/_manifests/tags/1/current/link", repository.encode())
    await stores.source.put(f"{ROOT}repositories/library/app/_uploads/1/data", b"unfinished")
    await stores.source.put("other/object", b"of another client")

    first = await stores.run()
    again = await stores.run()

    assert await stores.target.content() == stores.written
    assert sum(batch.copied for batch in first) == len(stores.written)
    assert sum(batch.bytes for batch in first) == sum(len(body) for body in stores.written.values())
    assert [batch.copied for batch in again] == [0]
    assert [batch.objects for batch in again] == [len(stores.written)]


async def test_a_changed_link_is_copied_again(stores: Stores) -> None:
    await stores.put(LINK, b"sha256:old")
    await stores.run()
    await stores.put(LINK, b"sha256:new")

    (batch,) = await stores.run()

    assert batch.copied == 1
    assert await stores.target.content() == {LINK: b"sha256:new"}


async def test_a_blob_of_several_parts_is_copied_as_one_object(stores: Stores) -> None:
    parts = [bytes([number]) * PART_BYTES for number in range(2)] + [b"end"]
    content = b"".join(parts)
    await stores.source.put_parts(blob(content), parts)

    (batch,) = await stores.run()
    (again,) = await stores.run()

    assert (batch.bytes, batch.copied) == (len(content), 1)
    assert (again.bytes, again.copied) == (len(content), 0)
    assert await stores.target.content() == {blob(content): content}
    assert await stores.target.store.list_uploads(stores.target.bucket, "") == []


@pytest.mark.parametrize("size", [10, PART_BYTES + 10])
async def test_a_damaged_blob_stops_the_copy_and_never_reaches_the_target(stores: Stores, size: int) -> None:
    good, bad = bytes(size), b"x" + bytes(size - 1)
    await stores.source.put_parts(blob(good), [bad[:PART_BYTES], bad[PART_BYTES:]] if size > PART_BYTES else [bad])

    with pytest.raises(Refused, match=blob(good)) as refusal:
        await stores.run()

    assert refusal.value.reason is Reason.STORAGE_MIGRATION_DAMAGED
    assert await stores.target.content() == {}
    assert await stores.target.store.list_uploads(stores.target.bucket, "") == []
    await stores.source.remove(blob(good))
    await stores.put(blob(good), good)
    await stores.run()
    assert await stores.target.content() == stores.written


async def test_a_copy_continues_behind_the_last_batch(stores: Stores) -> None:
    for number in range(BATCH_OBJECTS + 2):
        await stores.put(f"{LINK}-{number:03d}", str(number).encode())
    async with stores.copy() as copy, aclosing(copy.batches("")) as batches:
        first = await anext(batches)  # the rest is not copied, as in an interrupted pass

    rest = await stores.run(first.after)

    assert (first.objects, first.copied) == (BATCH_OBJECTS, BATCH_OBJECTS)
    assert [(batch.objects, batch.copied) for batch in rest] == [(2, 2)]
    assert await stores.target.content() == stores.written


async def test_what_an_interrupted_copy_began_is_ended_and_copied(stores: Stores) -> None:
    content = bytes(PART_BYTES + 10)
    await stores.source.put_parts(blob(content), [content[:PART_BYTES], content[PART_BYTES:]])
    name = f"{stores.target.folder}{blob(content)}"
    left = await stores.target.store.begin_upload(stores.target.bucket, name)
    await stores.target.store.write_part(stores.target.bucket, left, 1, b"half")

    await stores.run()

    assert await stores.target.content() == {blob(content): content}
    assert await stores.target.store.list_uploads(stores.target.bucket, "") == []


async def test_two_stores_are_not_the_same(stores: Stores) -> None:
    source = stores.source.images
    assert isinstance(source, SwiftImages | S3Images)

    assert not await is_same_storage(source, stores.target.images, uuid4().hex)
    assert await stores.target.content() == {}


@pytest.mark.lab
async def test_one_bucket_at_two_addresses_is_found(gateway: Gateway) -> None:
    server = rgw_server(gateway)
    target = await s3_side(server, "")
    account = replace(target.bucket.account, endpoint=gateway.ceph.rgw_url, ca_pem=None)
    source = S3Images(server.store, replace(target.bucket, account=account), "")

    assert await is_same_storage(source, target.images, uuid4().hex)
    assert await target.content() == {}


@pytest.mark.lab
async def test_the_bucket_that_is_the_swift_container_is_found(gateway: Gateway) -> None:
    uid = f"u{uuid4().hex[:8]}"
    server = S3Fixture(HttpS3Store(), rgw_account(gateway, uid), lambda _: None)
    target = await s3_side(server, "files/")
    store = SwiftObjectStore()
    wanted = f"--uid={uid}", f"--subuser={uid}:swift", "--access=full", "--key-type=swift", f"--secret-key={KEY}"
    gateway.ceph.admin("subuser", "create", *wanted)
    session = await store.login(gateway.account(f"{uid}:swift"))
    source = SwiftImages(store, Container(session, target.bucket.name))

    assert await is_same_storage(source, target.images, uuid4().hex)
    assert await target.content() == {}


async def test_a_source_without_images_is_copied_in_no_batch(stores: Stores) -> None:
    assert await stores.run() == []
