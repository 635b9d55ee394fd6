"""Harbor's read-only mode during a storage migration: what is pushed while it is writable is not lost."""

from __future__ import annotations

import pytest

from harbor_operator.model.outcomes import Done
from harbor_operator.model.storage_migration import MigrationPhase
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from tests.fakes.object_store import Stored
from tests.fakes.s3_store import StoredObject as S3Object
from tests.unit.steps.storage_migration_fixture import LINKS, MIGRATING, ROOT, MigrationFixture


@pytest.fixture
def fixture() -> MigrationFixture:
    return MigrationFixture()


async def test_images_pushed_while_harbor_was_writable_are_copied(fixture: MigrationFixture) -> None:
    for _ in range(20):
        if fixture.record.get("phase") == "Verifying":
            break
        await fixture.once(MIGRATING)
    fixture.settings.settings["read_only"] = False
    fixture.swift.containers["harbor"][f"files/{ROOT}a-new-link"] = Stored(b"new", 3)

    assert isinstance(await fixture.run(MIGRATING), Done)

    assert fixture.copies() == fixture.originals()
    assert not fixture.is_read_only


async def test_images_pushed_during_the_last_slice_are_copied_before_the_switch(fixture: MigrationFixture) -> None:
    await fixture.until(MigrationPhase.VERIFYING)
    link = f"{ROOT}a-new-link"

    def end_read_only() -> None:
        fixture.settings.settings["read_only"] = False

    fixture.settings.after_next_read = end_read_only
    await fixture.once(MIGRATING)
    # The comparison has seen the source before this push.
    fixture.swift.containers["harbor"][f"files/{link}"] = Stored(b"new", 3)

    assert fixture.record["phase"] == "Copying"
    assert fixture.is_read_only
    assert isinstance(await fixture.run(MIGRATING), Done)
    assert fixture.copies() == fixture.originals()
    assert link in fixture.copies()


async def test_images_pushed_during_the_switch_are_copied_and_those_of_the_target_kept(
    fixture: MigrationFixture,
) -> None:
    await fixture.until(MigrationPhase.SWITCHING)
    fixture.settings.settings["read_only"] = False
    fixture.swift.containers["harbor"][f"files/{ROOT}a-new-link"] = Stored(b"new", 3)
    fixture.s3.buckets["images"][f"{ROOT}pushed-to-the-target"] = S3Object((b"newer",))

    await fixture.once(MIGRATING)

    assert fixture.record["phase"] == "Copying"
    assert fixture.is_read_only
    assert "container 'harbor'" in (await fixture.storage.reconcile(MIGRATING)).message
    assert isinstance(await fixture.run(MIGRATING), Done)
    assert fixture.copies() == fixture.originals() | {f"{ROOT}pushed-to-the-target": b"newer"}


async def test_a_tag_that_was_pushed_during_the_switch_is_not_replaced(fixture: MigrationFixture) -> None:
    await fixture.until(MigrationPhase.SWITCHING)
    fixture.settings.settings["read_only"] = False
    pushed = S3Object((b"another digest",))
    fixture.s3.buckets["images"][LINKS[0]] = pushed

    with pytest.raises(Refused, match=LINKS[0]) as refusal:
        await fixture.run(MIGRATING)

    assert refusal.value.reason is Reason.STORAGE_MIGRATION_DIVERGED
    assert fixture.s3.buckets["images"][LINKS[0]] == pushed
    del fixture.swift.containers["harbor"][f"files/{LINKS[0]}"]
    assert isinstance(await fixture.run(MIGRATING), Done)
    assert fixture.copies()[LINKS[0]] == b"another digest"


async def test_a_read_only_mode_that_cannot_be_set_is_refused_before_anything_is_changed(
    fixture: MigrationFixture,
) -> None:
    fixture.settings.is_locked = True

    with pytest.raises(Refused, match="CONFIG_OVERWRITE_JSON") as refusal:
        await fixture.once(MIGRATING)

    assert refusal.value.reason is Reason.STORAGE_MIGRATION_REFUSED
    assert fixture.record == {}
    assert fixture.s3.writes == []


async def test_nothing_is_copied_while_harbor_does_not_stay_read_only(fixture: MigrationFixture) -> None:
    fixture.settings.forgets = True

    with pytest.raises(Refused, match="does not keep the setting 'read_only'") as refusal:
        await fixture.run(MIGRATING)

    assert refusal.value.reason is Reason.STORAGE_MIGRATION_REFUSED
    assert fixture.copies() == {}
    fixture.settings.forgets = False
    assert isinstance(await fixture.run(MIGRATING), Done)
