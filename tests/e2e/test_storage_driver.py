"""A storage driver that the operator has no client for: proved through a real registry, again after each change."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import SecretStr

from harbor_operator.adapters.s3_store import HttpS3Store
from harbor_operator.model.s3 import Bucket, S3Account
from lab.lab import Lab
from lab.process import wait_until
from lab.registries import Manifest
from lab.registry_fixture import RegistryFixture
from tests.e2e.dedicated import FAST_PROBES
from tests.e2e.harbor_api import call_harbor
from tests.e2e.queries import remove_namespace
from tests.e2e.running_operator import RunningOperator
from tests.e2e.test_s3 import start_front

pytestmark = pytest.mark.e2e

NAMESPACE, BUCKET, UID = "driver-images", "driver-images", "driver-images"


def create_bucket(lab: Lab) -> dict[str, str]:
    """Creates a user with a bucket, and returns the Secret as the chart reads it."""
    ceph = lab.services.ceph
    keys = ceph.admin("user", "create", f"--uid={UID}", f"--display-name={UID}")["keys"][0]
    account = S3Account(ceph.rgw_url, "us-east-1", keys["access_key"], SecretStr(keys["secret_key"]), "store")
    asyncio.run(HttpS3Store().create_bucket(Bucket(account, BUCKET)))
    return {
        "REGISTRY_STORAGE_S3_ACCESSKEY": keys["access_key"],
        "REGISTRY_STORAGE_S3_SECRETKEY": keys["secret_key"],
    }


def spec_with_driver(fixture: RegistryFixture, endpoint: str) -> Manifest:
    parameters = {
        "region": "us-east-1",
        "regionendpoint": endpoint,
        "bucket": BUCKET,
        "rootdirectory": "/images",
        "chunksize": "5242880",
    }
    driver = {
        "name": "s3",
        "parameters": parameters,
        "secretRef": {"name": "store"},
        "caSecretRef": {"name": "s3-ca"},
    }
    spec = {key: value for key, value in fixture.spec.items() if key != "pullSecrets"}
    return {**spec, "storage": {"driver": driver}, "deletionPolicy": {"database": "Delete"}}


def proof_projects(fixture: RegistryFixture) -> list[str]:
    found: Any = call_harbor(fixture, "GET", "/projects?page_size=100")
    return [project["name"] for project in found if project["name"].startswith("harbor-operator-proof")]


def test_a_driver_is_proved_through_the_registry_after_each_change(lab: Lab, running_operator: RunningOperator) -> None:
    fixture, secret = RegistryFixture.set_up(lab, NAMESPACE, values=FAST_PROBES), create_bucket(lab)
    fixture.registry.put_secret("store", secret)
    fixture.registry.apply(spec_with_driver(fixture, start_front(lab).url))
    fixture.registry.wait_ready()
    assert "The operator has no client for this store" in fixture.registry.condition("StorageReady")["message"]
    reachable = fixture.registry.condition("RegistryReachable")["message"]
    assert "the registry stored, returned and deleted an image with driver 's3'" in reachable
    first = fixture.registry.status()["storageProof"]
    stored = [found.name for found in lab.services.ceph.objects(BUCKET)]
    assert any(name.startswith("images/docker/registry/v2/blobs/") for name in stored)
    assert proof_projects(fixture) == []

    wrong = {**secret, "REGISTRY_STORAGE_S3_SECRETKEY": "wrong-" + secret["REGISTRY_STORAGE_S3_SECRETKEY"][6:]}
    fixture.registry.put_secret("store", wrong)
    failed = fixture.registry.wait_condition("RegistryReachable", "False", "StorageProofFailed")
    assert "the registry could not store a layer with driver 's3' (HTTP 500" in failed["message"]
    assert "Secret 'store'" in failed["message"]

    fixture.registry.put_secret("store", secret)
    wait_until(
        lambda: fixture.registry.condition("RegistryReachable")["status"] == "True", "it is proved", deadline=120
    )
    fixture.registry.wait_ready()
    assert fixture.registry.status()["storageProof"] == first
    assert proof_projects(fixture) == []

    fixture.registry.delete()
    assert BUCKET in lab.services.ceph.containers()
    assert not {*secret.values(), wrong["REGISTRY_STORAGE_S3_SECRETKEY"]} & set(running_operator.all_logs().split())
    remove_namespace(lab, NAMESPACE)
