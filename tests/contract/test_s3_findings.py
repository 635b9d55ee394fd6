"""What is wrong with a bucket, a server or its front: each found on a real gateway, with its reason."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from pydantic import SecretStr
from yarl import URL

from harbor_operator.adapters.aws_signature import KeyPair, Request, sign
from harbor_operator.adapters.s3_store import HttpS3Store
from harbor_operator.adapters.tls import ssl_context
from harbor_operator.model.s3 import Bucket, BucketSettings, S3Account, WriteOptions
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from harbor_operator.steps.s3_probe import S3Probe
from tests.contract.gateway import Gateway
from tests.contract.s3_servers import (
    S3Fixture,
    Versity,
    desired_bucket,
    rgw_account,
    rgw_server,
    with_keys,
)


@pytest.mark.lab
async def test_a_wrong_region_is_named(versity: Versity) -> None:
    bucket = await versity.server().bucket()

    with pytest.raises(Refused, match=r"expects .* in signatures .*`spec\.storage\.s3\.region`") as refusal:
        await HttpS3Store().read_bucket(with_keys(bucket, region="eu-1"))

    assert refusal.value.reason is Reason.STORAGE_REGION_MISMATCH


@pytest.fixture(params=["rgw", "versity"])
def real(request: pytest.FixtureRequest) -> S3Fixture:
    if request.param == "rgw":
        return rgw_server(request.getfixturevalue("gateway"))
    server: Versity = request.getfixturevalue("versity")
    return server.server()


@pytest.mark.lab
@pytest.mark.parametrize("minutes", [-60, 60])
async def test_a_clock_that_differs_is_named(real: S3Fixture, minutes: int) -> None:
    bucket = await real.bucket()
    skewed = HttpS3Store(now=lambda: datetime.now(UTC) + timedelta(minutes=minutes))

    with pytest.raises(Refused, match="more than 15 minutes") as refusal:
        await skewed.read_bucket(bucket)

    assert refusal.value.reason is Reason.STORAGE_CLOCK_SKEWED


@pytest.mark.lab
async def test_an_untrusted_certificate_is_named(real: S3Fixture) -> None:
    bucket = with_keys(real.absent_bucket(), ca_pem=None)

    with pytest.raises(Refused, match=r"spec\.storage\.s3\.caSecretRef") as refusal:
        await real.store.read_bucket(bucket)

    assert refusal.value.reason is Reason.CERTIFICATE_UNTRUSTED


@pytest.mark.lab
async def test_a_versioned_bucket_is_seen(real: S3Fixture) -> None:
    bucket = await real.bucket()
    settings = await real.store.read_bucket(bucket)
    assert settings is not None
    assert not settings.keeps_versions

    await configure(bucket, "versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")

    versioned = await real.store.read_bucket(bucket)
    assert versioned == replace(settings, keeps_versions=True)


@pytest.mark.lab
async def test_a_locked_bucket_is_seen(real: S3Fixture) -> None:
    bucket = real.absent_bucket()
    await configure(bucket, "", "", {"x-amz-bucket-object-lock-enabled": "true"})

    settings = await real.store.read_bucket(bucket)

    assert settings is not None
    assert (settings.keeps_versions, settings.is_locked) == (True, True)


@pytest.mark.lab
async def test_a_rados_gateway_is_recognized(gateway: Gateway, versity: Versity) -> None:
    found = [
        await server.store.read_bucket(await server.bucket()) for server in (rgw_server(gateway), versity.server())
    ]

    assert found == [BucketSettings(is_rgw=True), BucketSettings(is_rgw=False)]


@pytest.mark.lab
async def test_the_bucket_of_another_user_is_refused(gateway: Gateway) -> None:
    bucket = await rgw_server(gateway).bucket()
    other = replace(bucket, account=rgw_account(gateway))
    store = HttpS3Store()

    with pytest.raises(Refused, match="'s3:PutObject'") as denied:
        await store.write_object(other, "x", b"x", {})
    with pytest.raises(Refused, match="belongs to another user") as taken:
        await store.create_bucket(other)

    assert denied.value.reason is Reason.STORAGE_ACCESS_DENIED
    assert taken.value.reason is Reason.STORAGE_CONTAINER_REFUSED


@pytest.mark.lab
async def test_a_full_quota_is_named(gateway: Gateway) -> None:
    account = rgw_account(gateway, "full")
    # At the gateway itself, which ends the connection when it refuses a body; a proxy would answer with 502.
    bucket = with_keys(Bucket(account, "full-bucket"), endpoint=gateway.ceph.rgw_url)
    store = HttpS3Store()
    await store.create_bucket(bucket)
    gateway.ceph.limit_user("full", mib=4)

    with pytest.raises(Refused, match="has no room for 10 MiB") as refusal:
        await S3Probe(store, bucket, desired_bucket(bucket)).run()

    assert refusal.value.reason is Reason.STORAGE_QUOTA_EXCEEDED


@pytest.mark.lab
async def test_a_proxy_that_changes_the_signed_host_is_named(gateway: Gateway) -> None:
    bucket = with_keys(rgw_server(gateway).absent_bucket(), endpoint=gateway.front.url)

    with pytest.raises(Refused, match="a proxy changes the Host header"):
        await HttpS3Store().read_bucket(bucket)


@pytest.mark.lab
async def test_encryption_that_the_store_lacks_is_named(gateway: Gateway) -> None:
    bucket = replace(await rgw_server(gateway).bucket(), options=WriteOptions(encrypts=True))

    with pytest.raises(Refused, match="`encryption`") as refusal:
        await HttpS3Store().write_object(bucket, "x", b"x", {})

    assert refusal.value.reason is Reason.STORAGE_PROBE_FAILED


@pytest.mark.lab
async def test_a_request_that_does_not_trust_the_certificate_uses_no_open_connection(
    gateway: Gateway, versity: Versity
) -> None:
    bucket = await rgw_server(gateway).bucket()
    async with HttpS3Store().persistent() as store:
        await store.write_object(bucket, "x", b"x", {})
        with pytest.raises(Refused) as refusal:
            await store.write_object(with_keys(bucket, ca_pem=versity.authority.ca_pem), "x", b"x", {})

    assert refusal.value.reason is Reason.CERTIFICATE_UNTRUSTED


async def test_something_else_than_s3_is_refused() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        account = S3Account(url, "us-east-1", "a", SecretStr("s"), "s3")
        with pytest.raises(Refused, match=r"`spec\.storage\.s3\.endpoint` must be the URL of an S3 server"):
            await HttpS3Store().read_bucket(Bucket(account, "harbor"))


async def configure(bucket: Bucket, query: str, body: str, headers: dict[str, str] | None = None) -> None:
    """Changes a setting of the bucket, which the operator itself never does; an empty query creates the bucket."""
    account, url = bucket.account, URL(bucket.url)
    parameters = {query: ""} if query else {}
    digest = hashlib.sha256(body.encode()).hexdigest()
    request = Request("PUT", f"{url.host}:{url.port}", url.path, parameters, headers, digest)
    signed = sign(request, KeyPair(account.access_key, account.secret_key, account.region), datetime.now(UTC))
    target, trust = url.with_query(parameters), ssl_context(account.ca_pem or "")
    async with (
        aiohttp.ClientSession() as session,
        session.put(target, data=body or None, headers=signed, ssl=trust) as response,
    ):
        assert response.ok, await response.text()
