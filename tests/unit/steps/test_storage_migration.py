"""A storage migration, pass by pass, with fakes: from Swift to S3, aborted, interrupted and finished."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harbor_operator.api.backup import READ_ONLY_SINCE
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.image_proof import ProofFailure, ProofStep
from harbor_operator.model.outcomes import Blocked, ConditionType, Done, Outcome, Pending, StatusWarning
from harbor_operator.model.storage_migration import MigrationPhase
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from harbor_operator.steps.storage_copy import BATCH_OBJECTS
from harbor_operator.steps.storage_in_use import StorageInUseStep
from harbor_operator.steps.storage_migration import (
    SLICE_SECONDS,
)
from tests.fakes.object_store import Stored
from tests.fakes.s3_store import StoredObject as S3Object
from tests.unit.steps.storage_migration_fixture import (
    BLOB,
    MIGRATING,
    MIGRATION,
    MOVED,
    NAMESPACE,
    OWNER,
    PINS,
    ROOT,
    SOURCE,
    SWIFT,
    MigrationFixture,
    registry,
)


@pytest.fixture
def fixture() -> MigrationFixture:
    return MigrationFixture()


async def test_everything_is_copied_proved_and_switched(fixture: MigrationFixture) -> None:
    before = fixture.originals()

    finished = await fixture.run(MIGRATING)

    assert isinstance(finished, Done)
    assert finished.warnings[0].code is Reason.STORAGE_MIGRATION_FINISHED
    assert finished.facts.storage_migration
    assert finished.facts.storage_migration.phase == "Finished"
    assert fixture.copies() == fixture.originals() == before
    assert fixture.images.pulled == ["library/app:1"] * 2  # from the source, and from the target
    assert fixture.settings.writes == [{"read_only": True}, {"read_only": False}]
    assert fixture.kube.values(NAMESPACE, PINS)["SECRET_KEY"] == "0123456789abcdef"
    used = await fixture.storage.reconcile(MIGRATING)
    assert "bucket 'images'" in used.message

    writes = len(fixture.s3.writes), len(fixture.kube.writes), len(fixture.settings.writes)
    assert await fixture.once(MIGRATING) == finished
    assert (len(fixture.s3.writes), len(fixture.kube.writes), len(fixture.settings.writes)) == writes


async def test_the_target_takes_the_place_of_the_source(fixture: MigrationFixture) -> None:
    await fixture.run(MIGRATING)

    refused = await fixture.storage.reconcile(SOURCE)
    assert isinstance(refused, Blocked)
    assert refused.reason is Reason.STORAGE_MIGRATION_FINISHED
    assert isinstance(await fixture.storage.reconcile(MOVED), Done)
    settled = await fixture.once(MOVED)

    assert isinstance(settled, Done)
    assert settled.warnings == ()
    assert fixture.record["phase"] == "Settled"
    writes = len(fixture.kube.writes)
    assert await fixture.once(MOVED) == settled
    assert len(fixture.kube.writes) == writes
    assert isinstance(await fixture.storage.reconcile(SOURCE), Blocked)


async def test_a_target_that_takes_its_place_too_early_is_refused(fixture: MigrationFixture) -> None:
    await fixture.run(MIGRATING, passes=2)

    refused = await fixture.storage.reconcile(MOVED)

    assert isinstance(refused, Blocked)
    assert refused.reason is Reason.STORAGE_MIGRATION_UNFINISHED


@pytest.mark.parametrize("phase", list(MigrationPhase)[:4])
async def test_an_abort_in_every_phase_is_safe(fixture: MigrationFixture, phase: MigrationPhase) -> None:
    before = fixture.originals()
    for _ in range(20):
        if fixture.record.get("phase") == phase:
            break
        await fixture.once(MIGRATING)
    assert fixture.record["phase"] == phase
    copies = fixture.copies()

    aborted = await fixture.once(SOURCE)

    assert isinstance(aborted, Done)
    assert "aborted the storage migration" in aborted.changes[0]
    assert not fixture.is_read_only
    assert fixture.record == {}
    assert (fixture.originals(), fixture.copies()) == (before, copies)
    assert "container 'harbor'" in (await fixture.storage.reconcile(SOURCE)).message
    assert (await fixture.once(SOURCE)) == replace(aborted, changes=())
    assert isinstance(await fixture.run(MIGRATING), Done)
    assert fixture.copies() == before


async def test_an_abort_leaves_a_read_only_mode_that_is_older(fixture: MigrationFixture) -> None:
    fixture.settings.settings["read_only"] = True
    await fixture.run(MIGRATING, passes=3)

    await fixture.once(SOURCE)

    assert fixture.is_read_only
    assert fixture.settings.writes == []


async def test_a_slice_ends_in_time_and_the_next_one_continues(fixture: MigrationFixture) -> None:
    fixture.seconds_per_reading = SLICE_SECONDS
    first = await fixture.run(MIGRATING, passes=4)

    assert isinstance(first, Pending)
    assert first.requeue_after < 1
    assert 0 < fixture.record["objects"] == BATCH_OBJECTS < len(fixture.originals())
    assert isinstance(await fixture.run(MIGRATING), Done)
    puts = [write for write in fixture.s3.writes if write.startswith(f"put {ROOT}")]
    assert len(puts) == len(set(puts)) == len(fixture.originals())


async def test_the_connections_of_a_copy_end_with_its_slice(fixture: MigrationFixture) -> None:
    await fixture.until(MigrationPhase.COPYING)
    assert fixture.swift.sessions == fixture.s3.sessions == []
    await fixture.once(MIGRATING)
    assert fixture.swift.sessions == fixture.s3.sessions == ["begun", "ended"]

    fixture.s3.down = True
    with pytest.raises(Unavailable):
        await fixture.once(MIGRATING)
    assert fixture.swift.sessions == fixture.s3.sessions


async def test_what_was_copied_before_an_error_is_not_read_again(fixture: MigrationFixture) -> None:
    # In the order of the keys, the blob is before every link, so its batch fails first.
    bad = fixture.swift.containers["harbor"][f"files/{BLOB}"]
    fixture.swift.containers["harbor"][f"files/{BLOB}"] = Stored(b"damaged", 7)

    with pytest.raises(Refused, match=BLOB) as refusal:
        await fixture.run(MIGRATING)

    assert refusal.value.reason is Reason.STORAGE_MIGRATION_DAMAGED
    assert BLOB not in fixture.copies()
    fixture.swift.containers["harbor"][f"files/{BLOB}"] = bad
    assert isinstance(await fixture.run(MIGRATING), Done)
    assert fixture.copies() == fixture.originals()


async def test_a_store_that_does_not_answer_costs_only_time(fixture: MigrationFixture) -> None:
    await fixture.run(MIGRATING, passes=2)
    fixture.s3.down = True
    with pytest.raises(Unavailable):
        await fixture.once(MIGRATING)
    fixture.s3.down = False

    assert isinstance(await fixture.run(MIGRATING), Done)


async def test_a_failed_pull_keeps_harbor_read_only_and_can_be_aborted(fixture: MigrationFixture) -> None:
    await fixture.until(MigrationPhase.SWITCHING)
    fixture.images.failing = ProofFailure(ProofStep.PULL, 404, "blob unknown")

    stopped = await fixture.run(MIGRATING)

    assert isinstance(stopped, Blocked)
    assert stopped.reason is Reason.STORAGE_PROOF_FAILED
    assert "image 'library/app:1'" in stopped.message
    assert fixture.is_read_only
    await fixture.once(SOURCE)
    assert not fixture.is_read_only
    assert "container 'harbor'" in (await fixture.storage.reconcile(SOURCE)).message


async def test_a_target_with_images_is_refused_before_anything_is_changed(fixture: MigrationFixture) -> None:
    fixture.s3.buckets["images"] |= {f"{ROOT}blobs/x": S3Object()}

    with pytest.raises(Refused, match=r"`spec\.storage\.migration\.to\.s3\.rootDirectory`") as refusal:
        await fixture.once(MIGRATING)

    assert refusal.value.reason is Reason.STORAGE_MIGRATION_REFUSED
    assert fixture.record == {}
    assert fixture.settings.writes == []


async def test_a_finding_about_the_target_names_the_field_of_the_target(fixture: MigrationFixture) -> None:
    del fixture.s3.buckets["images"]

    with pytest.raises(Refused, match=r"`spec\.storage\.migration\.to\.s3\.bucket`"):
        await fixture.once(MIGRATING)


async def test_a_setting_that_makes_harbor_writable_is_named(fixture: MigrationFixture) -> None:
    blocked = await fixture.once(registry({**SWIFT, "migration": MIGRATION}, configuration={"read_only": False}))

    assert isinstance(blocked, Blocked)
    assert blocked.reason is Reason.STORAGE_MIGRATION_REFUSED


async def test_a_migration_waits_for_a_backup(fixture: MigrationFixture) -> None:
    backup = {READ_ONLY_SINCE: "2026-11-28T20:00:00+00:00"}

    waiting = await fixture.once(registry({**SWIFT, "migration": MIGRATION}, backup))

    assert isinstance(waiting, Pending)
    assert "2026-11-28T20:00:00" in waiting.message
    assert fixture.settings.writes == []


async def test_a_record_of_another_writer_stops_everything(fixture: MigrationFixture) -> None:
    fixture.kube.put(NAMESPACE, PINS, {"STORAGE_MIGRATION": "x"}, OWNER)

    with pytest.raises(Refused, match="restore the Secret from a backup"):
        await fixture.storage.reconcile(SOURCE)


async def test_a_registry_without_a_migration_costs_no_request(fixture: MigrationFixture) -> None:
    assert await fixture.once(SOURCE) == await fixture.once(SOURCE)

    assert fixture.s3.reads == fixture.swift.reads == fixture.kube.writes == []


async def test_a_finding_after_the_switch_names_the_field_of_the_target(fixture: MigrationFixture) -> None:
    await fixture.run(MIGRATING)
    del fixture.s3.buckets["images"]

    blocked = await fixture.storage.reconcile(MIGRATING)

    assert "`spec.storage.migration.to.s3.bucket`" in blocked.message


class _Warned:
    """A step whose only finding is a warning about the field of the storage in use."""

    condition_type = ConditionType.RELEASE
    depends_on: tuple[ConditionType, ...] = ()

    async def reconcile(self, registry: HarborRegistry) -> Outcome:
        return Done("", warnings=(StatusWarning(Reason.STORAGE_MIGRATION_FINISHED, "set `spec.storage.s3.bucket`"),))

    async def teardown(self, registry: HarborRegistry) -> Outcome:
        return Done("")


async def test_a_warning_about_the_target_names_the_fields_of_the_migration(fixture: MigrationFixture) -> None:
    step = StorageInUseStep(_Warned(), fixture.records)
    assert (await step.reconcile(MIGRATING)).warnings[0].message == "set `spec.storage.s3.bucket`"
    await fixture.run(MIGRATING)
    (warning,) = (await step.reconcile(MIGRATING)).warnings
    assert warning.message == "set `spec.storage.migration.to.s3.bucket`"
