"""The Storage step on a real RADOS gateway with S3: a given bucket, and one that is provisioned and removed."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr

from harbor_operator.adapters.postgres import PsycopgPostgres
from harbor_operator.adapters.rgw_admin import HttpRgwAdmin
from harbor_operator.adapters.s3_store import HttpS3Store
from harbor_operator.adapters.swift import SwiftObjectStore
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.outcomes import Blocked, Done, Outcome, Pending
from harbor_operator.model.s3 import Bucket, S3Account
from harbor_operator.model.storage import Quota
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from harbor_operator.steps.storage import StorageStep, Stores
from tests.contract.gateway import Gateway
from tests.contract.s3_servers import rgw_account
from tests.contract.test_s3_findings import configure
from tests.fakes.kube import FakeKube

pytestmark = pytest.mark.lab

NAMESPACE = "intra"
PROOF = "harbor-operator/proof"
READS = {"GET", "HEAD"}


class BucketFixture:
    """A registry of its own on the shared gateway: Secrets in a fake API server, everything else real."""

    def __init__(self, gateway: Gateway, uid: str = "", cluster: str = "cluster-1") -> None:
        self.gateway = gateway
        self.uid = uid or f"u{uuid4().hex[:8]}"
        self.bucket = f"b-{self.uid}"
        self.cluster = cluster
        self.made = f"made{uuid4().hex}"
        self.kube = FakeKube()
        self.store, self.rgw = HttpS3Store(), HttpRgwAdmin()
        self.step = StorageStep(
            self.kube, Stores(SwiftObjectStore(), self.store, self.rgw), lambda: SecretStr(self.made), PsycopgPostgres()
        )
        admin = gateway.endpoint()
        keys = {"accessKey": admin.access_key, "secretKey": admin.secret_key.get_secret_value()}
        self.kube.put(NAMESPACE, "rgw-admin", keys)
        self.kube.put(NAMESPACE, "s3-ca", {"ca.crt": gateway.authority.ca_pem})

    def with_keys(self) -> BucketFixture:
        account = rgw_account(self.gateway, self.uid)
        keys = {"accessKey": account.access_key, "secretKey": account.secret_key.get_secret_value()}
        self.kube.put(NAMESPACE, "s3", keys)
        return self

    @property
    def account(self) -> S3Account:
        keys = self.kube.values(NAMESPACE, "s3")
        url, pem = self.gateway.admin_front.url, self.gateway.authority.ca_pem
        return S3Account(url, "us-east-1", keys["accessKey"], SecretStr(keys["secretKey"]), "s3", pem)

    def registry(self, version: str = "", **s3: Any) -> HarborRegistry:
        wanted = {
            "endpoint": self.gateway.admin_front.url,
            "bucket": self.bucket,
            "credentialsSecretRef": {"name": "s3"},
            "caSecretRef": {"name": "s3-ca"},
            "chunkSizeMiB": 5,
            **s3,
        }
        policy = {"storage": "Delete"}
        spec = {"externalURL": "https://cr.example.com", "storage": {"s3": wanted}, "deletionPolicy": policy}
        spec |= {"release": {"version": version}} if version else {}
        metadata = {"name": "cr", "namespace": NAMESPACE, "uid": f"{self.cluster}-{self.uid}"}
        return HarborRegistry.parse({"metadata": metadata, "spec": spec}, self.cluster)

    def provisioned(self) -> HarborRegistry:
        section = {"adminURL": self.gateway.ceph.rgw_url, "adminSecretRef": {"name": "rgw-admin"}, "uid": self.uid}
        return self.registry(provision={**section, "quotaGiB": 1})

    def objects(self) -> list[str]:
        return [found.name for found in self.gateway.ceph.objects(self.bucket)]

    async def remove(self, registry: HarborRegistry) -> Outcome:
        for _ in range(10):
            outcome = await self.step.teardown(registry)
            if not isinstance(outcome, Pending):
                return outcome
        raise AssertionError("the removal does not end")


async def test_a_bucket_is_probed_once(gateway: Gateway) -> None:
    fixture = BucketFixture(gateway).with_keys()
    missing = await fixture.step.reconcile(fixture.registry())
    assert isinstance(missing, Blocked)
    assert missing.reason is Reason.STORAGE_BUCKET_MISSING
    assert f"bucket '{fixture.bucket}' does not exist" in missing.message
    assert "create it, correct `spec.storage.s3.bucket`" in missing.message
    await fixture.store.create_bucket(Bucket(fixture.account, fixture.bucket))

    first = await fixture.step.reconcile(fixture.registry())
    mark = gateway.admin_front.mark()

    assert isinstance(first, Done)
    assert fixture.objects() == [PROOF]
    assert await fixture.step.reconcile(fixture.registry()) == first
    observed = gateway.admin_front.requests_since(mark)
    assert [(request.method, request.status) for request in observed] == [("GET", 200), ("GET", 200)]


async def test_user_keys_bucket_and_quota_are_provisioned_once_and_removed(gateway: Gateway) -> None:
    fixture = BucketFixture(gateway)
    first = await fixture.step.reconcile(fixture.provisioned())
    mark = gateway.admin_front.mark()

    assert isinstance(first, Done)
    user = await fixture.rgw.read_user(gateway.endpoint(), fixture.uid)
    assert user is not None
    assert user.s3_keys == {fixture.account.access_key: SecretStr(fixture.made)}
    assert user.quota == Quota(enabled=True, kib=1 << 20)
    assert await fixture.step.reconcile(fixture.provisioned()) == first
    assert {request.method for request in gateway.admin_front.requests_since(mark)} <= READS

    bucket = Bucket(fixture.account, fixture.bucket)
    for number in range(3):
        await fixture.store.write_object(bucket, f"docker/registry/v2/blobs/{number}", b"x", {})
    await fixture.store.begin_upload(bucket, "docker/registry/v2/uploads/1")

    assert isinstance(await fixture.remove(fixture.provisioned()), Done)
    assert fixture.bucket not in gateway.ceph.containers()
    assert await fixture.rgw.read_user(gateway.endpoint(), fixture.uid) is None
    assert (NAMESPACE, "s3") not in fixture.kube.secrets


async def test_harbor_1_9_is_refused_and_the_next_one_is_not(gateway: Gateway) -> None:
    fixture = BucketFixture(gateway).with_keys()
    await fixture.store.create_bucket(Bucket(fixture.account, fixture.bucket))

    refused = await fixture.step.reconcile(fixture.registry("1.2.4"))
    assert isinstance(refused, Blocked)
    assert refused.reason is Reason.S3_UNSUPPORTED
    assert "set `spec.release.version` to 1.3.0 or newer" in refused.message
    assert isinstance(await fixture.step.reconcile(fixture.registry("1.3.0")), Done)


async def test_a_redirect_to_a_name_that_nodes_do_not_reach_is_removed(gateway: Gateway) -> None:
    fixture = BucketFixture(gateway).with_keys()
    await fixture.store.create_bucket(Bucket(fixture.account, fixture.bucket))

    refused = await fixture.step.reconcile(fixture.registry(redirect=True))
    assert isinstance(refused, Blocked)
    assert refused.reason is Reason.STORAGE_REDIRECT_UNREACHABLE
    assert "or remove `spec.storage.s3.redirect`" in refused.message
    assert isinstance(await fixture.step.reconcile(fixture.registry()), Done)


async def test_a_full_quota_is_raised(gateway: Gateway) -> None:
    fixture = BucketFixture(gateway).with_keys()
    await fixture.store.create_bucket(Bucket(fixture.account, fixture.bucket))
    # At the gateway itself, which ends the connection when it refuses a body; a proxy would answer with 502.
    registry = fixture.registry(endpoint=gateway.ceph.rgw_url)
    gateway.ceph.limit_user(fixture.uid, mib=4)

    with pytest.raises(
        Refused, match=r"`spec\.storage\.s3\.provision\.quotaGiB`, or radosgw-admin quota set"
    ) as refusal:
        await fixture.step.reconcile(registry)
    assert refusal.value.reason is Reason.STORAGE_QUOTA_EXCEEDED
    gateway.ceph.limit_user(fixture.uid, mib=1024)
    assert isinstance(await fixture.step.reconcile(registry), Done)


async def test_a_folder_that_the_keys_may_not_list_is_no_reason_to_refuse(gateway: Gateway) -> None:
    fixture = BucketFixture(gateway).with_keys()
    bucket = Bucket(fixture.account, fixture.bucket)
    await fixture.store.create_bucket(bucket)
    for key in ("files/docker/registry/v2/blobs/x", "segments/2f6/46f636b6572/0000000000000001"):
        await fixture.store.write_object(bucket, key, b"x", {})
    registry = fixture.registry(adoptExisting=True, rootDirectory="files")
    refused = await fixture.step.reconcile(registry)
    denied = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:ListBucket",
        "Resource": f"arn:aws:s3:::{fixture.bucket}",
        "Condition": {"StringLike": {"s3:prefix": "segments/*"}},
    }
    await configure(bucket, "policy", json.dumps({"Version": "2012-10-17", "Statement": [denied]}))

    assert isinstance(refused, Blocked), refused.message
    with pytest.raises(Refused, match="'s3:ListBucket'"):
        await fixture.store.list_objects(bucket, "segments/", 1)
    assert isinstance(await fixture.step.reconcile(registry), Done)


async def test_keys_that_someone_changed_are_set_again(gateway: Gateway) -> None:
    fixture = BucketFixture(gateway)
    assert isinstance(await fixture.step.reconcile(fixture.provisioned()), Done)
    key = fixture.account.access_key
    await fixture.rgw.set_s3_key(gateway.endpoint(), fixture.uid, key, SecretStr("meddled"))

    assert isinstance(await fixture.step.reconcile(fixture.provisioned()), Done)
    user = await fixture.rgw.read_user(gateway.endpoint(), fixture.uid)
    assert user is not None
    assert user.s3_keys == {key: SecretStr(fixture.made)}


async def test_two_clusters_with_the_same_manifest_share_a_gateway(gateway: Gateway) -> None:
    first = BucketFixture(gateway)
    second = BucketFixture(gateway, first.uid, "cluster-2")
    shared = {"adminURL": gateway.ceph.rgw_url, "adminSecretRef": {"name": "rgw-admin"}, "uid": first.uid}

    assert isinstance(await first.step.reconcile(first.registry(provision=shared)), Done)
    refused = await second.step.reconcile(second.registry(provision=shared))
    assert isinstance(refused, Blocked)
    assert refused.reason is Reason.STORAGE_CONTAINER_REFUSED
    folder = second.registry(provision=shared, rootDirectory="second")
    assert isinstance(await second.step.reconcile(folder), Done)

    assert isinstance(await second.remove(folder), Done)
    assert first.objects() == [PROOF]
    user = await first.rgw.read_user(gateway.endpoint(), first.uid)
    assert user is not None
    assert user.s3_keys == {first.account.access_key: SecretStr(first.made)}


async def test_an_access_key_of_another_user_is_refused(gateway: Gateway) -> None:
    fixture, other = BucketFixture(gateway), BucketFixture(gateway).with_keys()
    fixture.kube.secrets[NAMESPACE, "s3"] = other.kube.secrets[NAMESPACE, "s3"]

    with pytest.raises(Refused, match="another user has the access key") as refusal:
        await fixture.step.reconcile(fixture.provisioned())

    assert refusal.value.reason is Reason.STORAGE_PROVISIONING_REFUSED


async def test_the_user_of_a_tenant_is_provisioned(gateway: Gateway) -> None:
    fixture = BucketFixture(gateway)
    fixture.uid = f"team$u{uuid4().hex[:8]}"

    assert isinstance(await fixture.step.reconcile(fixture.provisioned()), Done)
    assert isinstance(await fixture.remove(fixture.provisioned()), Done)
    assert await fixture.rgw.read_user(gateway.endpoint(), fixture.uid) is None
