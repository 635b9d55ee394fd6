"""The images move from a Swift container to an S3 bucket, after a damaged layer and an abort."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from pydantic import SecretStr

from harbor_operator.adapters.swift import SwiftObjectStore
from harbor_operator.checks.storage import MIB
from harbor_operator.model.storage import Container, SwiftAccount
from lab.images import make_image
from lab.lab import Lab
from lab.process import LabError, wait_until
from lab.registries import Manifest
from lab.registry_fixture import SWIFT_KEY, RegistryFixture
from tests.e2e.dedicated import FAST_PROBES
from tests.e2e.queries import remove_namespace
from tests.e2e.running_operator import RunningOperator
from tests.e2e.test_s3 import start_front

pytestmark = pytest.mark.e2e

NAMESPACE, BUCKET, UID = "moved-images", "moved-images", "moved-images"
MIGRATION_SECONDS = 240.0


def target(fixture: RegistryFixture, endpoint: str) -> Manifest:
    ceph = fixture.lab.services.ceph
    keys = {"accessKey": ceph.admin_access_key, "secretKey": ceph.admin_secret_key}
    fixture.registry.put_secret("rgw-admin", keys)
    return {
        "endpoint": endpoint,
        "caSecretRef": {"name": "s3-ca"},
        "bucket": BUCKET,
        "chunkSizeMiB": 5,
        "credentialsSecretRef": {"name": "s3"},
        "provision": {"adminURL": ceph.rgw_url, "adminSecretRef": {"name": "rgw-admin"}, "uid": UID},
    }


class Layers:
    """The layers of a registry in its Swift container."""

    def __init__(self, fixture: RegistryFixture) -> None:
        services, authority = fixture.lab.services, fixture.lab.authority
        user, pem = f"{fixture.container}:swift", authority.ca_path.read_text()
        self._account = SwiftAccount(services.auth_url, user, SecretStr(SWIFT_KEY), "swift", pem)
        self._name = fixture.container

    def replace_largest(self, body: bytes) -> tuple[str, bytes]:
        """Writes another content into the largest layer; returns its name and the content before."""
        return asyncio.run(self._replace_largest(body))

    def write(self, name: str, body: bytes) -> None:
        asyncio.run(self._write(name, body))

    async def _container(self, store: SwiftObjectStore) -> Container:
        return Container(await store.login(self._account), self._name)

    async def _replace_largest(self, body: bytes) -> tuple[str, bytes]:
        store = SwiftObjectStore()
        container = await self._container(store)
        names = await store.list_objects(container, "files/docker/registry/v2/blobs/", 100)
        found = {name: await store.read_range(container, name, 0, 32 * MIB) for name in names}
        contents = {name: part.data for name, part in found.items() if part}
        name = max(contents, key=lambda one: len(contents[one]))
        await store.write_object(container, name, body, {})
        return name, contents[name]

    async def _write(self, name: str, body: bytes) -> None:
        store = SwiftObjectStore()
        await store.write_object(await self._container(store), name, body, {})


def images(fixture: RegistryFixture) -> list[str]:
    """The names of the images in the Swift container; the operator's own probe begins and ends uploads there."""
    names = [found.name for found in fixture.lab.services.ceph.objects(fixture.container)]
    return [name for name in names if name.startswith("files/") and "/_uploads/" not in name]


def phase(fixture: RegistryFixture) -> str:
    return str((fixture.registry.status().get("storageMigration") or {}).get("phase", ""))


def push(fixture: RegistryFixture, directory: Path, reference: str) -> str:
    lab = fixture.lab
    return fixture.skopeo.copy_in(
        directory, reference, authfile=fixture.admin_credential(), ca_dir=lab.authority.ca_dir
    )


def abort_at_a_damaged_layer(fixture: RegistryFixture, migrating: Manifest, spec: Manifest, image: Path) -> str:
    """Returns the digest of the image, which is refused during the migration and pushed as tag 2 after its abort."""
    registry, host = fixture.registry, fixture.front.url.removeprefix("https://")
    layers = Layers(fixture)
    damaged, content = layers.replace_largest(b"damaged")
    registry.apply(migrating)
    stopped = registry.wait_condition("Configured", "False", "StorageMigrationDamaged", deadline=MIGRATION_SECONDS)
    assert damaged.removeprefix("files/") in stopped["message"]
    with pytest.raises(LabError, match="read only"):
        push(fixture, image, f"{host}/library/app:2")
    registry.apply(spec)
    registry.wait_ready()
    assert phase(fixture) == ""
    layers.write(damaged, content)
    return push(fixture, image, f"{host}/library/app:2")


def test_images_move_to_a_bucket_and_the_source_is_kept(
    lab: Lab, running_operator: RunningOperator, tmp_path: Path
) -> None:
    fixture = RegistryFixture.set_up(lab, NAMESPACE, values=FAST_PROBES)
    ceph, registry = lab.services.ceph, fixture.registry
    spec = {key: value for key, value in fixture.spec.items() if key != "pullSecrets"}
    spec["deletionPolicy"] = {"database": "Delete", "storage": "Delete"}
    s3 = target(fixture, start_front(lab).url)
    migrating = {**spec, "storage": {**spec["storage"], "migration": {"to": {"s3": s3}}}}
    registry.apply(spec)
    registry.wait_ready()
    host = fixture.front.url.removeprefix("https://")
    for number, size in enumerate((12 << 20, 1 << 10)):
        make_image(tmp_path / f"image-{number}", size=size)
    made = [push(fixture, tmp_path / f"image-{number}", f"{host}/library/app:{number}") for number in range(2)]

    make_image(tmp_path / "refused", size=1 << 10)
    made.append(abort_at_a_damaged_layer(fixture, migrating, spec, tmp_path / "refused"))

    before = images(fixture)
    registry.apply(migrating)
    wait_until(lambda: phase(fixture) == "Finished", "the migration is finished", deadline=MIGRATION_SECONDS)
    registry.wait_ready()

    status = registry.status()
    assert status["storageURL"] == f"{s3['endpoint']}/{BUCKET}"
    assert "StorageMigrationFinished" in {warning["code"] for warning in status["warnings"]}
    assert images(fixture) == before
    login, ca = fixture.admin_credential(), lab.authority.ca_dir
    for number, digest in enumerate(made):
        reference = f"{host}/library/app:{number}"
        assert fixture.skopeo.copy_out(reference, tmp_path / f"out-{number}", authfile=login, ca_dir=ca) == digest
    make_image(tmp_path / "later", size=2 << 20)
    later = push(fixture, tmp_path / "later", f"{host}/library/app:later")

    put_in_place(fixture, spec, migrating, s3)
    assert fixture.skopeo.copy_out(f"{host}/library/app:later", tmp_path / "out", authfile=login, ca_dir=ca) == later

    secret_key = registry.secret("s3")["secretKey"]
    registry.delete()
    assert BUCKET not in ceph.containers()
    assert images(fixture) == before
    assert secret_key not in running_operator.all_logs()
    remove_namespace(lab, NAMESPACE)


def put_in_place(fixture: RegistryFixture, spec: Manifest, migrating: Manifest, s3: Manifest) -> None:
    """Names the source once more, which has not got what was pushed since, and then the target."""
    registry = fixture.registry
    registry.apply(spec)
    refused = registry.wait_condition("StorageReady", "False", "StorageMigrationFinished")
    assert f"bucket '{BUCKET}'" in refused["message"]

    registry.apply(migrating)
    registry.wait_ready()
    revision = registry.status()["releaseRevision"]
    registry.apply({**spec, "storage": {"s3": s3}})
    registry.wait_ready()
    wait_until(lambda: phase(fixture) == "", "the migration is settled", deadline=60)
    assert registry.status()["releaseRevision"] == revision
    record = json.loads(registry.secret("hreg-cr-pins")["STORAGE_MIGRATION"])
    assert (record["phase"], record["sets_read_only"]) == ("Settled", False)
