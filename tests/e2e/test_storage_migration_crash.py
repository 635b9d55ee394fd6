"""The images move between the buckets of two stores, and the operator is killed in the middle of the copy."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from harbor_operator.adapters.s3_store import HttpS3Store
from harbor_operator.model.s3 import Bucket, S3Account
from harbor_operator.steps.storage_copy import PARALLEL_OBJECTS
from lab.ceph import StoredObject
from lab.images import make_image
from lab.lab import Lab
from lab.nginx import Front, Request, Site
from lab.process import wait_until
from lab.registries import Manifest, merged
from lab.registry_fixture import RegistryFixture
from lab.versitygw import VersityGateway
from tests.e2e.dedicated import FAST_PROBES
from tests.e2e.queries import remove_namespace
from tests.e2e.running_operator import RunningOperator
from tests.e2e.test_storage_migration import MIGRATION_SECONDS, phase, push, target

pytestmark = pytest.mark.e2e

SLOW_OBJECTS, SLOW_BYTES, BYTES_PER_SECOND = 160, 64 << 10, "32k"
"""Each object takes about two seconds to read, so a copy of all takes longer than a slice on every machine."""
SLOW = "docker/registry/v2/repositories/library/slow/"
PUSH_PROBE = "/repositories/library/harbor-operator-probe/"
SECOND_NAMESPACE, FIRST_BUCKET, SECOND_BUCKET = "moved-buckets", "moved-from", "moved-to"


class SlowImages:
    """Files of a registry in its bucket, written past the front through which the operator reads them slowly."""

    def __init__(self, fixture: RegistryFixture, bucket: str) -> None:
        keys = fixture.registry.secret("s3")
        self._store = HttpS3Store()
        account = S3Account(
            fixture.lab.services.ceph.rgw_url, "us-east-1", keys["accessKey"], SecretStr(keys["secretKey"]), "s3"
        )
        self._bucket = Bucket(account, bucket)

    async def write(self) -> None:
        slots = asyncio.Semaphore(8)

        async def one(number: int) -> None:
            body = f"{number:08d}".encode() * (SLOW_BYTES // 8)
            async with slots:
                await self._store.write_object(self._bucket, f"{SLOW}{number:04d}/link", body, {})

        await asyncio.gather(*map(one, range(SLOW_OBJECTS)))


def slow_front(lab: Lab) -> Front:
    """Starts a proxy in front of the gateway that sends each answer slowly."""
    site = Site(lab.services.ceph.rgw_url, host_header="$http_host", rate=BYTES_PER_SECOND)
    return Front.start(lab.directory / "slow-front", lab.processes, lab.authority, site)


def second_store(fixture: RegistryFixture) -> tuple[Front, Manifest]:
    """Starts another S3 server; returns its front, and the section of a spec for a bucket there."""
    lab = fixture.lab
    gateway = VersityGateway.start(lab.directory / "versity", lab.processes)
    fixture.registry.put_secret("versity", {"accessKey": gateway.access_key, "secretKey": gateway.secret_key})
    account = S3Account(gateway.url, gateway.region, gateway.access_key, SecretStr(gateway.secret_key), "versity")
    asyncio.run(HttpS3Store().create_bucket(Bucket(account, SECOND_BUCKET)))
    site = Site(gateway.url, host_header="$http_host")
    front = Front.start(lab.directory / "versity-front", lab.processes, lab.authority, site)
    return front, {
        "endpoint": front.url,
        "region": gateway.region,
        "caSecretRef": {"name": "s3-ca"},
        "bucket": SECOND_BUCKET,
        "chunkSizeMiB": 5,
        "credentialsSecretRef": {"name": "versity"},
    }


def record(fixture: RegistryFixture) -> Manifest:
    """Returns how far the migration is, as the operator has stored it."""
    stored: Manifest = json.loads(fixture.registry.secret("hreg-cr-pins").get("STORAGE_MIGRATION", "{}"))
    return stored


def slow_keys(requests: list[Request], method: str, bucket: str) -> list[str]:
    """Returns the keys of the slow objects in the requests of this method."""
    prefix = f"/{bucket}/"
    paths = [request.path.removeprefix(prefix) for request in requests if request.method == method]
    return [path for path in paths if path.startswith(SLOW)]


def spec_with_slow_bucket(fixture: RegistryFixture, endpoint: str) -> Manifest:
    """Returns the spec of a registry whose images are in a bucket, which its deletion policy would delete."""
    s3 = {**target(fixture, endpoint), "bucket": FIRST_BUCKET}
    s3["provision"] = {**s3["provision"], "uid": FIRST_BUCKET}
    spec = {key: value for key, value in fixture.spec.items() if key != "pullSecrets"}
    return {**spec, "storage": {"s3": s3}, "deletionPolicy": {"database": "Delete", "storage": "Delete"}}


def images_in(lab: Lab, bucket: str) -> list[StoredObject]:
    """Returns the images in a bucket of the gateway, without what the operator and its push probe write."""
    images = [one for one in lab.services.ceph.objects(bucket) if one.name.startswith("docker/")]
    return [one for one in images if PUSH_PROBE not in one.name]


def test_a_killed_operator_continues_a_copy_between_two_stores(
    lab: Lab, running_operator: RunningOperator, tmp_path: Path
) -> None:
    fixture = RegistryFixture.set_up(lab, SECOND_NAMESPACE, values=FAST_PROBES)
    registry, reference = fixture.registry, f"{fixture.front.url.removeprefix('https://')}/library/app:1"
    source = slow_front(lab)
    spec = spec_with_slow_bucket(fixture, source.url)
    registry.apply(spec)
    registry.wait_ready()
    made = make_image(tmp_path / "image", size=1 << 10)
    assert push(fixture, tmp_path / "image", reference) == made
    asyncio.run(SlowImages(fixture, FIRST_BUCKET).write())
    before = images_in(lab, FIRST_BUCKET)
    front, to = second_store(fixture)
    begin = front.mark()

    registry.apply(merged(spec, {"storage": {"migration": {"to": {"s3": to}}}}))
    wait_until(lambda: is_stopped_between(record(fixture)), "a part is copied", deadline=MIGRATION_SECONDS)
    running_operator.operator.kill()
    source.serve(replace(source.site, rate="0"))
    stopped, after_kill = record(fixture), source.mark()
    assert is_stopped_between(stopped)
    running_operator.replace(sigkill=True)
    seen = progress_until_copied(fixture)
    wait_until(lambda: phase(fixture) == "Finished", "the migration is finished", deadline=MIGRATION_SECONDS)
    registry.wait_ready()

    assert all(number >= stopped["objects"] for number in seen)
    read = slow_keys(source.requests_since(after_kill), "GET", FIRST_BUCKET)
    assert min(read) > stopped["after"]
    written = slow_keys(front.requests_since(begin), "PUT", SECOND_BUCKET)
    assert len(set(written)) == SLOW_OBJECTS
    assert len(written) - SLOW_OBJECTS <= PARALLEL_OBJECTS  # the requests that the kill has cut
    login, ca = fixture.admin_credential(), lab.authority.ca_dir
    assert fixture.skopeo.copy_out(reference, tmp_path / "out", authfile=login, ca_dir=ca) == made

    registry.delete()
    assert images_in(lab, FIRST_BUCKET) == before
    remove_namespace(lab, SECOND_NAMESPACE)


def is_stopped_between(stored: Manifest) -> bool:
    """Whether a copy has stored a position among the slow objects."""
    return stored.get("phase") == "Copying" and stored["after"].startswith(SLOW)


def progress_until_copied(fixture: RegistryFixture) -> list[int]:
    """Waits until everything is copied, and returns the numbers of objects that the operator has stored meanwhile."""
    seen: list[int] = []

    def is_copied() -> bool:
        progress = record(fixture)
        if is_copying := progress.get("phase") == "Copying":
            seen.append(progress["objects"])
        return not is_copying

    wait_until(is_copied, "everything is copied", deadline=MIGRATION_SECONDS)
    return seen
