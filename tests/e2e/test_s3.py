"""A registry whose images are in a bucket that the operator created, from the first push to the deletion."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.images import make_image
from lab.lab import Lab
from lab.nginx import Front, Site
from lab.registries import Manifest
from lab.registry_fixture import RegistryFixture
from tests.e2e.dedicated import FAST_PROBES
from tests.e2e.queries import remove_namespace
from tests.e2e.running_operator import RunningOperator

pytestmark = pytest.mark.e2e

NAMESPACE, BUCKET, UID = "s3-images", "s3-images", "s3-images"


def start_front(lab: Lab) -> Front:
    """Starts a proxy that keeps the Host header, which S3 signs; pods reach a server of the lab at 127.0.0.1 only."""
    site = Site(lab.services.ceph.rgw_url, host_header="$http_host")
    return Front.start(lab.directory / "s3-front", lab.processes, lab.authority, site)


def spec_with_bucket(fixture: RegistryFixture, endpoint: str) -> Manifest:
    ceph = fixture.lab.services.ceph
    keys = {"accessKey": ceph.admin_access_key, "secretKey": ceph.admin_secret_key}
    fixture.registry.put_secret("rgw-admin", keys)
    s3 = {
        "endpoint": endpoint,
        "caSecretRef": {"name": "s3-ca"},
        "bucket": BUCKET,
        "rootDirectory": "images",
        "chunkSizeMiB": 5,
        "credentialsSecretRef": {"name": "s3"},
        "provision": {"adminURL": ceph.rgw_url, "adminSecretRef": {"name": "rgw-admin"}, "uid": UID, "quotaGiB": 1},
    }
    policy = {"database": "Delete", "storage": "Delete"}
    spec = {key: value for key, value in fixture.spec.items() if key != "pullSecrets"}
    return {**spec, "storage": {"s3": s3}, "deletionPolicy": policy}


def test_images_are_in_the_bucket_until_the_deletion(
    lab: Lab, running_operator: RunningOperator, tmp_path: Path
) -> None:
    fixture = RegistryFixture.set_up(lab, NAMESPACE, values=FAST_PROBES)
    endpoint = start_front(lab).url
    fixture.registry.apply(spec_with_bucket(fixture, endpoint))
    fixture.registry.wait_ready()
    storage = fixture.registry.condition("StorageReady")
    assert f"bucket '{BUCKET}/images'" in storage["message"]
    assert fixture.registry.status()["storageURL"] == f"{endpoint}/{BUCKET}"
    made = make_image(tmp_path / "image", size=12 << 20)
    reference = f"{fixture.front.url.removeprefix('https://')}/library/app:1"
    login, ca = fixture.admin_credential(), lab.authority.ca_dir

    assert fixture.skopeo.copy_in(tmp_path / "image", reference, authfile=login, ca_dir=ca) == made
    assert fixture.skopeo.copy_out(reference, tmp_path / "pulled", authfile=login, ca_dir=ca) == made

    keys = [found.name for found in lab.services.ceph.objects(BUCKET)]
    assert any(key.startswith("images/docker/registry/v2/blobs/") for key in keys)
    assert all(key.startswith("images/") for key in keys)

    secret_key = fixture.registry.secret("s3")["secretKey"]
    fixture.registry.delete()

    assert BUCKET not in lab.services.ceph.containers()
    assert UID not in lab.services.ceph.admin("user", "list")
    assert secret_key not in running_operator.all_logs()
    remove_namespace(lab, NAMESPACE)
