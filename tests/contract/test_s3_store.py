"""The S3Store port: the same cases against the fake, a real RADOS gateway and a real Versity gateway."""

from __future__ import annotations

from hashlib import md5

import pytest
from pydantic import SecretStr

from harbor_operator.model.storage import ObjectPart
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from harbor_operator.steps.s3_probe import S3Probe
from tests.contract.s3_servers import (
    S3Fixture,
    Versity,
    desired_bucket,
    fake_server,
    rgw_server,
    with_keys,
)


@pytest.fixture(
    params=["fake", pytest.param("rgw", marks=pytest.mark.lab), pytest.param("versity", marks=pytest.mark.lab)]
)
def s3(request: pytest.FixtureRequest) -> S3Fixture:
    if request.param == "rgw":
        return rgw_server(request.getfixturevalue("gateway"))
    if request.param == "versity":
        server: Versity = request.getfixturevalue("versity")
        return server.server()
    return fake_server()


async def test_a_store_passes_the_probe_and_nothing_of_it_remains(s3: S3Fixture) -> None:
    bucket = await s3.bucket()
    await s3.store.write_object(bucket, "images/docker/other", b"x", {})

    assert await S3Probe(s3.store, bucket, desired_bucket(bucket, redirect=True)).run() is None

    assert await s3.store.list_objects(bucket, "", 10) == ["images/docker/other"]
    assert await s3.store.list_uploads(bucket, "") == []


async def test_a_probe_removes_what_an_interrupted_one_left(s3: S3Fixture) -> None:
    bucket = await s3.bucket()
    await s3.store.write_object(bucket, "images/harbor-operator/probe/a&b <c> +d", b"x", {})
    await s3.store.begin_upload(bucket, "images/harbor-operator/probe/joined")

    assert await S3Probe(s3.store, bucket, desired_bucket(bucket)).run() is None

    assert await s3.store.list_objects(bucket, "", 10) == []
    assert await s3.store.list_uploads(bucket, "") == []


async def test_pages_list_names_sizes_and_digests(s3: S3Fixture) -> None:
    bucket = await s3.bucket()
    for key, body in (("images/a b", b"one"), ("images/b", b"three"), ("other/c", b"")):
        await s3.store.write_object(bucket, key, body, {})

    page = await s3.store.list_sizes(bucket, "images/", "", 1000)

    assert [(one.name, one.bytes) for one in page] == [("images/a b", 3), ("images/b", 5)]
    assert page[0].digest == md5(b"one", usedforsecurity=False).hexdigest()
    assert await s3.store.list_sizes(bucket, "images/", "", 1) == page[:1]
    assert await s3.store.list_sizes(bucket, "images/", "images/a b", 1000) == page[1:]
    assert await s3.store.list_sizes(bucket, "images/", "images/b", 1000) == []


async def test_only_the_objects_of_the_prefix_are_measured(s3: S3Fixture) -> None:
    bucket = await s3.bucket()
    for key, size in (("images/a", 3), ("images/b", 4), ("other/c", 5)):
        await s3.store.write_object(bucket, key, bytes(size), {})

    assert await s3.store.measure(bucket, "images/") == 7
    assert await s3.store.measure(bucket, "images/none") == 0


async def test_a_part_of_an_object_is_read_with_the_size_of_the_whole(s3: S3Fixture) -> None:
    bucket = await s3.bucket()
    for key, body in (("images/a", b"0123456789"), ("images/empty", b"")):
        await s3.store.write_object(bucket, key, body, {})

    assert await s3.store.read_range(bucket, "images/a", 0, 100) == ObjectPart(b"0123456789", 10)
    assert await s3.store.read_range(bucket, "images/a", 4, 3) == ObjectPart(b"456", 10)
    assert await s3.store.read_range(bucket, "images/a", 10, 3) == ObjectPart(b"", 10)
    assert await s3.store.read_range(bucket, "images/empty", 0, 100) == ObjectPart(b"", 0)
    assert await s3.store.read_range(bucket, "images/absent", 0, 100) is None


async def test_metadata_is_read_back(s3: S3Fixture) -> None:
    bucket = await s3.bucket()
    await s3.store.write_object(bucket, "harbor-operator/proof", b"", {"harbor-operator-digest": "abc"})

    assert await s3.store.read_metadata(bucket, "harbor-operator/proof") == {"harbor-operator-digest": "abc"}
    assert await s3.store.read_metadata(bucket, "harbor-operator/absent") is None


async def test_a_bucket_is_created_and_removed_only_when_empty(s3: S3Fixture) -> None:
    bucket = s3.absent_bucket()
    assert await s3.store.read_bucket(bucket) is None

    await s3.store.create_bucket(bucket)
    await s3.store.create_bucket(bucket)
    assert await s3.store.read_bucket(bucket) is not None
    await s3.store.write_object(bucket, "x", b"x", {})
    assert await s3.store.remove_bucket(bucket) is False
    await s3.store.remove_objects(bucket, ["x", "absent"])

    assert await s3.store.remove_bucket(bucket) is True
    assert await s3.store.remove_bucket(bucket) is True
    assert await s3.store.read_bucket(bucket) is None


async def test_a_missing_bucket_is_named(s3: S3Fixture) -> None:
    bucket = s3.absent_bucket()

    with pytest.raises(Refused, match=f"bucket '{bucket.name}' does not exist") as refusal:
        await s3.store.write_object(bucket, "x", b"x", {})

    assert refusal.value.reason is Reason.STORAGE_BUCKET_MISSING


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"access_key": "UNKNOWNKEY0123456789"}, "the access key in Secret 's3' is unknown"),
        ({"secret_key": SecretStr("n0tTheKey")}, "the secret key in Secret 's3' does not belong"),
    ],
)
async def test_wrong_keys_are_refused(s3: S3Fixture, change: dict[str, object], words: str) -> None:
    bucket = with_keys(await s3.bucket(), **change)

    with pytest.raises(Refused, match=words) as refusal:
        await s3.store.read_bucket(bucket)

    assert refusal.value.reason is Reason.STORAGE_CREDENTIALS_REJECTED
    assert "n0tTheKey" not in str(refusal.value)


async def test_a_body_limit_below_two_chunks_is_found(s3: S3Fixture) -> None:
    bucket = await s3.bucket()
    s3.limit_bodies(9)
    try:
        with pytest.raises(Refused, match="10 MiB was refused") as refusal:
            await S3Probe(s3.store, bucket, desired_bucket(bucket)).run()
    finally:
        s3.limit_bodies(None)

    assert refusal.value.reason is Reason.STORAGE_BODY_LIMIT
    assert await S3Probe(s3.store, bucket, desired_bucket(bucket)).run() is None


async def test_a_refused_body_does_not_end_the_other_requests_of_a_copy(s3: S3Fixture) -> None:
    bucket = await s3.bucket()
    async with s3.store.persistent() as store:
        await store.write_object(bucket, "small", b"x", {})
        upload = await store.begin_upload(bucket, "large")
        s3.limit_bodies(1)
        try:
            with pytest.raises(Refused) as refusal:
                await store.write_part(bucket, upload, 1, bytes(4 << 20))
        finally:
            s3.limit_bodies(None)
        await store.abort_upload(bucket, upload)
        assert await store.read_range(bucket, "small", 0, 1) == ObjectPart(b"x", 1)

    assert refusal.value.reason is Reason.STORAGE_BODY_LIMIT


async def test_a_store_that_does_not_answer_is_unavailable(s3: S3Fixture) -> None:
    bucket = await s3.bucket()
    if s3.fake is not None:
        s3.fake.down = True

    with pytest.raises(Unavailable) as refusal:
        await s3.store.read_bucket(with_keys(bucket, endpoint="http://127.0.0.1:9"))

    assert refusal.value.reason is Reason.STORAGE_UNREACHABLE
