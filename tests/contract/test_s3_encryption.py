"""Encryption by the store: with keys of the gateway's key management, and on a store that has none."""

from __future__ import annotations

import pytest

from harbor_operator.adapters.s3_store import HttpS3Store
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from harbor_operator.steps.s3_probe import S3Probe
from tests.contract.gateway import KMS_KEY, Gateway
from tests.contract.s3_servers import Versity, desired_bucket, encryption_of, rgw_server, with_key

pytestmark = pytest.mark.lab

MIB = 1 << 20


async def test_a_gateway_that_cannot_copy_encrypted_objects_is_named(key_gateway: Gateway) -> None:
    """Every gateway of the lab; Ceph implements it since ceph/ceph#63794, in Ceph 20 since ceph/ceph#69277."""
    bucket = with_key(await rgw_server(key_gateway).bucket())

    with pytest.raises(Refused, match=r"copy encrypted objects.*remove `encryption`") as refusal:
        await S3Probe(HttpS3Store(), bucket, desired_bucket(bucket, redirect=True)).run()

    assert refusal.value.reason is Reason.STORAGE_PROBE_FAILED


async def test_objects_are_encrypted_with_the_key(key_gateway: Gateway) -> None:
    store, bucket = HttpS3Store(), with_key(await rgw_server(key_gateway).bucket())
    await store.write_object(bucket, "written", b"content", {"mark": "x"})
    upload = await store.begin_upload(bucket, "joined")
    etags = [await store.write_part(bucket, upload, number, bytes(size)) for number, size in ((1, 5 * MIB), (2, 7))]
    await store.complete_upload(bucket, upload, etags)

    assert encryption_of(key_gateway, bucket) == {"written": "SSE-KMS", "joined": "SSE-KMS"}
    assert await store.read_from(bucket, "written", 3) == b"tent"
    assert await store.read_from(bucket, "joined", 5 * MIB) == bytes(7)
    assert await store.read_metadata(bucket, "written") == {"mark": "x"}


async def test_a_key_that_the_store_does_not_have_is_named(key_gateway: Gateway) -> None:
    bucket = with_key(await rgw_server(key_gateway).bucket(), "unknown-key")

    with pytest.raises(
        Refused, match=r"refuses key 'unknown-key' .*`spec\.storage\.s3\.encryption\.kmsKeyId`"
    ) as found:
        await S3Probe(HttpS3Store(), bucket, desired_bucket(bucket)).run()

    assert found.value.reason is Reason.STORAGE_KEY_REFUSED
    assert await HttpS3Store().list_objects(bucket, "", 10) == []


async def test_a_gateway_that_sees_no_tls_refuses_encryption(gateway: Gateway) -> None:
    """By default, a gateway does not believe its proxy that clients use TLS."""
    bucket = with_key(await rgw_server(gateway).bucket())

    with pytest.raises(Refused, match="`rgw_trust_forwarded_https`") as refusal:
        await HttpS3Store().write_object(bucket, "x", b"x", {})

    assert refusal.value.reason is Reason.STORAGE_PROBE_FAILED


@pytest.mark.parametrize("key", ["", KMS_KEY])
async def test_a_store_that_ignores_the_request_for_encryption_is_named(versity: Versity, key: str) -> None:
    bucket = with_key(await versity.server().bucket(), key)

    with pytest.raises(Refused, match="without the encryption that the request asks for") as refusal:
        await HttpS3Store().write_object(bucket, "x", b"x", {})

    assert refusal.value.reason is Reason.STORAGE_PROBE_FAILED
