"""A storage migration from one bucket to another: which places are the same storage."""

from __future__ import annotations

import pytest

from harbor_operator.model.outcomes import Blocked, Done
from harbor_operator.reasons import Reason
from tests.fakes.s3_store import StoredObject as S3Object
from tests.unit.steps.storage_migration_fixture import MIGRATION, ROOT, TARGET, MigrationFixture, registry


@pytest.fixture
def fixture() -> MigrationFixture:
    return MigrationFixture()


async def test_images_move_from_one_bucket_to_another(fixture: MigrationFixture) -> None:
    old = {**TARGET, "bucket": "old", "rootDirectory": "harbor"}
    objects = {f"harbor/{key}": S3Object((body,)) for key, body in fixture.originals().items()}
    fixture.s3.buckets["old"] = dict(objects)

    assert isinstance(await fixture.run(registry({"s3": old, "migration": MIGRATION})), Done)

    assert fixture.copies() == fixture.originals()
    assert fixture.s3.buckets["old"] == objects


async def test_etags_that_are_no_md5_do_not_copy_the_same_links_again(fixture: MigrationFixture) -> None:
    fixture.s3.shows_md5 = False
    old = {**TARGET, "bucket": "old"}
    fixture.s3.buckets["old"] = {key: S3Object((body,)) for key, body in fixture.originals().items()}

    assert isinstance(await fixture.run(registry({"s3": old, "migration": MIGRATION})), Done)

    puts = [write for write in fixture.s3.writes if write.startswith(f"put {ROOT}")]
    assert len(puts) == len(fixture.originals())


@pytest.mark.parametrize("to", [TARGET, {**TARGET, "rootDirectory": "new"}])
async def test_a_target_that_is_the_source_under_another_address_is_refused(
    fixture: MigrationFixture, to: dict[str, str]
) -> None:
    # The fake has the same buckets at every endpoint.
    here = {**TARGET, "endpoint": "http://rgw.svc"}
    await fixture.storage.reconcile(registry({"s3": here}))
    link = f"{ROOT}link"
    fixture.s3.buckets["images"][link] = S3Object((b"1",))
    before = set(fixture.s3.buckets["images"])

    blocked = await fixture.once(registry({"s3": here, "migration": {"to": {"s3": to}}}))

    assert isinstance(blocked, Blocked)
    assert blocked.reason is Reason.STORAGE_MIGRATION_REFUSED
    assert "is the same storage as" in blocked.message
    assert fixture.record == {}
    assert not fixture.is_read_only
    assert {key for key in fixture.s3.buckets["images"] if "probe" in key or ROOT in key} == {link}
    assert before <= set(fixture.s3.buckets["images"])


async def test_another_folder_of_the_same_bucket_is_another_storage(fixture: MigrationFixture) -> None:
    fixture.s3.buckets["images"] = {key: S3Object((body,)) for key, body in fixture.originals().items()}
    target = {**TARGET, "rootDirectory": "new"}

    assert isinstance(await fixture.run(registry({"s3": TARGET, "migration": {"to": {"s3": target}}})), Done)

    assert fixture.copies() == fixture.originals()


async def test_a_target_inside_of_the_source_is_refused(fixture: MigrationFixture) -> None:
    inside = {**TARGET, "rootDirectory": "docker/registry/v2/new"}

    blocked = await fixture.once(registry({"s3": TARGET, "migration": {"to": {"s3": inside}}}))

    assert isinstance(blocked, Blocked)
    assert blocked.reason is Reason.STORAGE_MIGRATION_REFUSED
    assert "inside the folder 'docker/registry/v2/'" in blocked.message
