"""How many connections requests to S3 open: a few for a copy, else one for each request."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from harbor_operator.adapters.s3_store import HttpS3Store
from harbor_operator.model.egress import AllowedHosts, Egress
from harbor_operator.model.s3 import Bucket, S3Account, Upload
from harbor_operator.model.storage import ObjectPart
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.s3_store import S3Store
from harbor_operator.reasons import Reason
from tests.fakes.counted_server import PARALLEL, PART, CountedServer, in_parallel, listening

BODIES = [bytes([number]) * 100_000 for number in range(40)]


def bucket_at(url: str) -> Bucket:
    return Bucket(S3Account(url, "us-east-1", "ACCESS", SecretStr("secret"), "s3"), "images")


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
