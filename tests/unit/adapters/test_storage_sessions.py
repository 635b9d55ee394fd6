"""How many connections requests to a storage open: a few for a copy, else one for each request."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import pytest
from pydantic import SecretStr

from harbor_operator.adapters.s3_store import HttpS3Store
from harbor_operator.adapters.swift import SwiftObjectStore
from harbor_operator.model.egress import AllowedHosts, Egress
from harbor_operator.model.s3 import Bucket, S3Account, Upload
from harbor_operator.model.storage import Container, ObjectPart, SwiftAccount, SwiftSession
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.s3_store import S3Store
from harbor_operator.reasons import Reason
from tests.fakes.counted_server import CountedServer, listening

PARALLEL = 4
PART = b"HTTP/1.1 206 Partial\r\nContent-Range: bytes 0-1/2\r\nContent-Length: 2\r\nSet-Cookie: route=1\r\n\r\n{}"
MISSING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}"
BODIES = [bytes([number]) * 100_000 for number in range(40)]


def bucket_at(url: str) -> Bucket:
    return Bucket(S3Account(url, "us-east-1", "ACCESS", SecretStr("secret"), "s3"), "images")


def container_at(url: str) -> Container:
    account = SwiftAccount(f"{url}/auth/v1.0", "u:swift", SecretStr("key"), "swift")
    return Container(SwiftSession(account, f"{url}/v1", SecretStr("token")), "harbor")


async def in_parallel(calls: Iterable[Callable[[], Awaitable[object]]]) -> list[object]:
    """Runs the calls, `PARALLEL` at a time, as a copy does."""
    slots = asyncio.Semaphore(PARALLEL)

    async def one(call: Callable[[], Awaitable[object]]) -> object:
        async with slots:
            return await call()

    return await asyncio.gather(*map(one, calls))


async def write_and_read(store: S3Store, bucket: Bucket) -> list[object]:
    """Writes each body, and reads after each; returns what was read."""

    async def call(body: bytes) -> ObjectPart | None:
        await store.write_object(bucket, "key", body, {})
        return await store.read_range(bucket, "key", 0, 2)

    return await in_parallel(lambda body=body: call(body) for body in BODIES)  # type: ignore[misc]


async def test_writes_and_reads_of_a_copy_share_as_many_connections_as_run_at_a_time() -> None:
    server = CountedServer(read=PART)
    async with listening(server) as url:
        async with HttpS3Store().persistent() as store:
            parts = await write_and_read(store, bucket_at(url))
            assert not server.ended[0].is_set()
        await server.wait_all_ended()

    assert server.connections <= PARALLEL
    assert parts == [ObjectPart(b"{}", 2)] * len(BODIES)
    assert sorted(filter(None, server.bodies)) == BODIES


async def test_what_an_idle_connection_did_not_deliver_is_sent_again() -> None:
    server = CountedServer(answers=1, read=PART)
    async with listening(server) as url, HttpS3Store().persistent() as store:
        parts = await write_and_read(store, bucket_at(url))

    assert parts == [ObjectPart(b"{}", 2)] * len(BODIES)
    assert sorted(filter(None, server.bodies)) == BODIES


async def test_what_must_not_be_sent_twice_and_what_is_outside_of_a_copy_has_its_own_connection() -> None:
    server = CountedServer(read=PART)
    async with listening(server) as url:
        bucket, store = bucket_at(url), HttpS3Store()
        await store.read_range(bucket, "key", 0, 2)
        await store.read_range(bucket, "key", 0, 2)
        async with store.persistent() as persistent:
            for _ in range(2):
                await persistent.complete_upload(bucket, Upload("key", "1"), ["etag"])
    assert server.connections == 4


async def test_a_server_that_answers_nothing_is_unavailable() -> None:
    server = CountedServer(answers=0)
    async with listening(server) as url, HttpS3Store().persistent() as store:
        with pytest.raises(Unavailable):
            await store.read_range(bucket_at(url), "key", 0, 2)


async def test_each_request_of_a_copy_is_checked_against_the_allowed_hosts() -> None:
    server, egress = CountedServer(read=PART), Egress(AllowedHosts.parse("127.0.0.1"))
    async with listening(server) as url, HttpS3Store(egress).persistent() as store:
        await store.read_range(bucket_at(url), "key", 0, 2)
        with pytest.raises(Refused) as refusal:
            await store.read_range(bucket_at(url.replace("127.0.0.1", "localhost")), "key", 0, 2)
    assert refusal.value.reason is Reason.HOST_NOT_ALLOWED


async def read_all(store: SwiftObjectStore, url: str, count: int = 40) -> list[object]:
    container = container_at(url)
    async with store.persistent() as persistent:
        return await in_parallel([lambda: persistent.read_range(container, "files/key", 0, 2)] * count)


async def test_swift_reads_of_a_copy_share_as_many_connections_as_run_at_a_time() -> None:
    server = CountedServer(read=PART)
    async with listening(server) as url:
        parts = await read_all(SwiftObjectStore(parallel=PARALLEL), url)
        await server.wait_all_ended()

    assert server.connections <= PARALLEL
    assert parts == [ObjectPart(b"{}", 2)] * 40


async def test_a_swift_read_is_sent_again_when_the_server_has_closed_the_idle_connection() -> None:
    server = CountedServer(answers=1, read=PART)
    async with listening(server) as url:
        parts = await read_all(SwiftObjectStore(parallel=PARALLEL), url)

    assert parts == [ObjectPart(b"{}", 2)] * 40


async def test_a_swift_read_outside_of_a_copy_has_its_own_connection() -> None:
    server, store = CountedServer(read=PART), SwiftObjectStore()
    async with listening(server) as url:
        for _ in range(2):
            await store.read_range(container_at(url), "files/key", 0, 2)
    assert server.connections == 2


async def test_missing_swift_objects_leave_no_connection_open() -> None:
    server = CountedServer(read=MISSING)
    async with listening(server) as url:
        parts = await read_all(SwiftObjectStore(parallel=PARALLEL), url)
        await server.wait_all_ended()

    assert parts == [None] * 40


async def test_each_swift_read_of_a_copy_is_checked_against_the_allowed_hosts() -> None:
    server, egress = CountedServer(read=PART), Egress(AllowedHosts.parse("127.0.0.1"))
    async with listening(server) as url, SwiftObjectStore(egress).persistent() as store:
        await store.read_range(container_at(url), "key", 0, 2)
        with pytest.raises(Refused) as refusal:
            await store.read_range(container_at(url.replace("127.0.0.1", "localhost")), "key", 0, 2)
    assert refusal.value.reason is Reason.HOST_NOT_ALLOWED
