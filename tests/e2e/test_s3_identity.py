"""A bucket for which only the registry has keys: proved through the registry, and retained by the deletion."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pydantic import SecretStr

from harbor_operator.adapters.s3_store import HttpS3Store
from harbor_operator.model.s3 import Bucket, S3Account
from lab.images import make_image
from lab.lab import Lab
from lab.registries import Manifest, merged
from lab.registry_fixture import RegistryFixture
from tests.e2e.dedicated import FAST_PROBES
from tests.e2e.queries import remove_namespace
from tests.e2e.running_operator import RunningOperator
from tests.e2e.test_s3 import start_front

pytestmark = pytest.mark.e2e

NAMESPACE, BUCKET, UID = "identity-images", "identity-images", "identity-images"


def create_bucket(lab: Lab) -> S3Account:
    """Creates a user with a bucket."""
    ceph = lab.services.ceph
    keys = ceph.admin("user", "create", f"--uid={UID}", f"--display-name={UID}")["keys"][0]
    account = S3Account(ceph.rgw_url, "us-east-1", keys["access_key"], SecretStr(keys["secret_key"]), "store")
    asyncio.run(HttpS3Store().create_bucket(Bucket(account, BUCKET)))
    return account


def identity() -> Manifest:
    """Returns the chart values of a registry that finds its keys in the variables of AWS."""
    keys = {"AWS_ACCESS_KEY_ID": "accessKey", "AWS_SECRET_ACCESS_KEY": "secretKey"}
    variables = [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": "s3-session", "key": key}}} for name, key in keys.items()
    ]
    return {"registry": {part: {"extraEnvVars": variables} for part in ("registry", "controller")}}


def test_images_are_stored_with_the_identity_of_the_registry(
    lab: Lab, running_operator: RunningOperator, tmp_path: Path
) -> None:
    account = create_bucket(lab)
    fixture = RegistryFixture.set_up(lab, NAMESPACE, values=merged(FAST_PROBES, identity()))
    secret_key = account.secret_key.get_secret_value()
    fixture.registry.put_secret("s3-session", {"accessKey": account.access_key, "secretKey": secret_key})
    s3 = {
        "endpoint": start_front(lab).url,
        "caSecretRef": {"name": "s3-ca"},
        "bucket": BUCKET,
        "rootDirectory": "images",
        "chunkSizeMiB": 5,
        "ambientIdentity": {},
    }
    spec = {key: value for key, value in fixture.spec.items() if key != "pullSecrets"}
    fixture.registry.apply({**spec, "storage": {"s3": s3}, "deletionPolicy": {"database": "Delete"}})
    fixture.registry.wait_ready()
    storage = fixture.registry.condition("StorageReady")["message"]
    assert f"driver 's3' (bucket '{BUCKET}/images'): the registry logs in with the identity of its pod" in storage
    assert "The operator has no keys for this store" in storage
    reachable = fixture.registry.condition("RegistryReachable")["message"]
    assert "the registry stored, returned and deleted an image with driver 's3'" in reachable
    assert fixture.registry.status()["storageProof"]
    assert "storageURL" not in fixture.registry.status()

    made = make_image(tmp_path / "image", size=12 << 20)
    reference = f"{fixture.front.url.removeprefix('https://')}/library/app:1"
    login, ca = fixture.admin_credential(), lab.authority.ca_dir
    assert fixture.skopeo.copy_in(tmp_path / "image", reference, authfile=login, ca_dir=ca) == made
    assert fixture.skopeo.copy_out(reference, tmp_path / "pulled", authfile=login, ca_dir=ca) == made
    keys = [found.name for found in lab.services.ceph.objects(BUCKET)]
    assert keys
    assert all(key.startswith("images/docker/registry/v2/") for key in keys)

    fixture.registry.delete()

    assert [found.name for found in lab.services.ceph.objects(BUCKET)]
    assert secret_key not in running_operator.all_logs()
    remove_namespace(lab, NAMESPACE)
