from __future__ import annotations

import pytest
from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.outcomes import Done, Outcome, Pending
from harbor_operator.model.s3 import Upload
from harbor_operator.model.storage import RgwUser
from tests.fakes.s3_store import StoredObject
from tests.unit.steps.s3_fixture import PROOF, S3Fixture, provisioned, registry
from tests.unit.steps.storage_fixture import NAMESPACE

IMAGE = "docker/registry/v2/blobs/x"


@pytest.fixture
def fixture() -> S3Fixture:
    return S3Fixture()


async def remove(fixture: S3Fixture, wanted: HarborRegistry) -> Outcome:
    for _ in range(10):
        outcome = await fixture.step.teardown(wanted)
        if not isinstance(outcome, Pending):
            return outcome
    raise AssertionError("the removal does not end")


async def test_everything_stays_without_the_policy(fixture: S3Fixture) -> None:
    await fixture.step.reconcile(registry())
    before = dict(fixture.objects)

    outcome = await fixture.step.teardown(registry())

    assert isinstance(outcome, Done)
    assert "bucket 'harbor' is retained" in outcome.message
    assert fixture.objects == before


async def test_images_uploads_and_mark_are_removed_and_a_given_bucket_stays(fixture: S3Fixture) -> None:
    await fixture.step.reconcile(registry())
    fixture.objects[IMAGE] = StoredObject((b"x",))
    fixture.objects["backups/of-another-client"] = StoredObject((b"x",))
    fixture.store.uploads[Upload("docker/registry/v2/uploads/y", "1")] = {}
    fixture.store.uploads[Upload("backups/z", "2")] = {}

    outcome = await remove(fixture, registry(delete=True))

    assert isinstance(outcome, Done)
    assert "the operator did not create the bucket" in outcome.message
    assert list(fixture.objects) == ["backups/of-another-client"]
    assert list(fixture.store.uploads) == [Upload("backups/z", "2")]


async def test_what_was_provisioned_is_removed(fixture: S3Fixture) -> None:
    fixture.without_keys()
    await fixture.step.reconcile(provisioned())
    fixture.objects[IMAGE] = StoredObject((b"x",))

    assert isinstance(await remove(fixture, provisioned(delete=True)), Done)

    assert (fixture.store.buckets, fixture.rgw.users, fixture.keys) == ({}, {}, {})
    assert (NAMESPACE, "s3") not in fixture.kube.secrets
    assert isinstance(await remove(fixture, provisioned(delete=True)), Done)


async def test_a_provisioned_bucket_with_foreign_objects_stays(fixture: S3Fixture) -> None:
    fixture.without_keys()
    await fixture.step.reconcile(provisioned())
    fixture.objects["backup"] = StoredObject((b"x",))

    outcome = await remove(fixture, provisioned(delete=True))

    assert isinstance(outcome, Done)
    assert "it holds objects of another client ('backup')" in outcome.message
    assert list(fixture.objects) == ["backup"]


async def test_a_user_that_owns_another_bucket_stays_and_is_named(fixture: S3Fixture) -> None:
    fixture.without_keys()
    await fixture.step.reconcile(provisioned())
    fixture.rgw.bucket_owners.add("harbor")

    outcome = await remove(fixture, provisioned(delete=True))

    assert "RGW user 'harbor' is retained, because it still owns a bucket" in outcome.message
    assert "harbor" in fixture.rgw.users


async def test_the_bucket_of_a_user_that_someone_else_created_stays(fixture: S3Fixture) -> None:
    fixture.without_keys()
    fixture.rgw.users["harbor"] = RgwUser("harbor", "by hand", s3_keys={"OTHER": SecretStr("x")})
    await fixture.step.reconcile(provisioned())

    assert isinstance(await remove(fixture, provisioned(delete=True)), Done)

    assert fixture.store.buckets == {"harbor": {}}
    assert fixture.rgw.users["harbor"].s3_keys == {"OTHER": SecretStr("x")}


@pytest.mark.parametrize(
    "mark",
    [
        {},
        {"registry-uid": "uid-9", "cluster": "cluster-9", "registry": "intra/cr"},
        {"registry-uid": "uid-1", "cluster": "cluster-1", "registry": "intra/cr", "adopted": "true"},
    ],
)
async def test_what_is_not_marked_as_created_for_this_registry_stays(fixture: S3Fixture, mark: dict[str, str]) -> None:
    if mark:
        fixture.mark_as(**mark)
    fixture.objects[IMAGE] = StoredObject((b"x",))

    outcome = await fixture.step.teardown(registry(delete=True))

    assert isinstance(outcome, Done)
    assert "is retained" in outcome.message
    assert IMAGE in fixture.objects


async def test_without_the_secret_nothing_can_be_removed(fixture: S3Fixture) -> None:
    await fixture.step.reconcile(registry())
    del fixture.kube.secrets[NAMESPACE, "s3"]

    outcome = await fixture.step.teardown(registry(delete=True))

    assert isinstance(outcome, Done)
    assert "Secret 's3' does not exist" in outcome.message
    assert PROOF in fixture.objects
