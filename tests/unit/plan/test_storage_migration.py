"""The state machine of a storage migration."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.storage_migration import check_storage, storage_place
from harbor_operator.model.storage_migration import CopiedBatch, MigrationAct, MigrationPhase, MigrationRecord
from harbor_operator.plan.storage_migration import (
    allows_storage,
    completed,
    copied,
    describe,
    facts,
    in_use,
    interrupted,
    next_act,
    read_record,
    start,
    write_record,
)
from harbor_operator.reasons import Reason

SWIFT = {"swift": {"authURL": "https://old.example.com/auth/v1.0", "credentialsSecretRef": {"name": "swift"}}}
TARGET = {"endpoint": "https://s3.example.com", "bucket": "images", "credentialsSecretRef": {"name": "s3"}}
SOURCE_PLACE = "container 'harbor' at 'https://old.example.com/auth/v1.0'"
TARGET_PLACE = "bucket 'images' at 'https://s3.example.com'"
RECORD = MigrationRecord(SOURCE_PLACE, TARGET_PLACE, sets_read_only=True)


def registry(storage: dict[str, Any], **spec: Any) -> HarborRegistry:
    wanted = {"externalURL": "https://cr.example.com", "storage": storage, "release": {"version": "1.19.1"}, **spec}
    return HarborRegistry.parse({"metadata": {"name": "cr", "namespace": "intra", "uid": "u"}, "spec": wanted})


def migrating(storage: dict[str, Any] | None = None, **to: Any) -> HarborRegistry:
    return registry({**(storage or SWIFT), "migration": {"to": {"s3": {**TARGET, **to}}}})


SOURCE, MOVED = registry(SWIFT), registry({"s3": TARGET})
ELSEWHERE = registry({"s3": {**TARGET, "bucket": "third"}})
PHASES = list(MigrationPhase)


def at(phase: MigrationPhase, **fields: Any) -> MigrationRecord:
    return replace(RECORD, phase=phase, **fields)


def test_a_record_is_read_as_it_was_written() -> None:
    record = at(MigrationPhase.COPYING, after="docker/x", objects=3, bytes=9, seconds=1.5, images=("a/b:1",))

    assert read_record(write_record(record)) == record
    assert read_record("") is None


@pytest.mark.parametrize("text", ["x", "[]", "{}", '{"phase": "Unknown", "source": "", "target": ""}'])
def test_a_record_of_another_writer_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="not a record"):
        read_record(text)


@pytest.mark.parametrize(
    ("spec", "record", "act"),
    [
        (SOURCE, None, MigrationAct.NOTHING),
        (migrating(), None, MigrationAct.START),
        (migrating(), at(MigrationPhase.COUNTING), MigrationAct.COUNT),
        (migrating(), at(MigrationPhase.COPYING), MigrationAct.COPY),
        (migrating(), at(MigrationPhase.VERIFYING), MigrationAct.COPY),
        (migrating(), at(MigrationPhase.SWITCHING), MigrationAct.PROVE),
        (migrating(), at(MigrationPhase.FINISHED), MigrationAct.END_READ_ONLY),
        (migrating(), at(MigrationPhase.FINISHED, sets_read_only=False), MigrationAct.REPORT),
        (migrating(), at(MigrationPhase.SETTLED, sets_read_only=False), MigrationAct.REPORT),
        # Another target, or another source, is another migration.
        (migrating(bucket="third"), at(MigrationPhase.COPYING), MigrationAct.START),
        (migrating(bucket="third"), at(MigrationPhase.SWITCHING), MigrationAct.START),
        (migrating({"s3": {**TARGET, "bucket": "first"}}), at(MigrationPhase.COPYING), MigrationAct.START),
        (migrating({"s3": TARGET}, bucket="third"), at(MigrationPhase.SETTLED), MigrationAct.START),
        # An abort is possible until images can have been pushed to the target.
        *((SOURCE, at(phase), MigrationAct.ABORT) for phase in PHASES[:4]),
        (MOVED, at(MigrationPhase.FINISHED), MigrationAct.END_READ_ONLY),
        (MOVED, at(MigrationPhase.FINISHED, sets_read_only=False), MigrationAct.SETTLE),
        (MOVED, at(MigrationPhase.SETTLED, sets_read_only=False), MigrationAct.NOTHING),
    ],
)
def test_each_pass_has_one_act(spec: HarborRegistry, record: MigrationRecord | None, act: MigrationAct) -> None:
    assert next_act(spec, record) is act


@pytest.mark.parametrize("phase", PHASES)
def test_the_release_uses_the_target_from_the_switch_on(phase: MigrationPhase) -> None:
    used = in_use(migrating(), at(phase))

    is_switched = phase in PHASES[3:]
    assert storage_place(used.spec.storage) == (TARGET_PLACE if is_switched else SOURCE_PLACE)
    assert storage_place(in_use(SOURCE, at(phase)).spec.storage) == SOURCE_PLACE
    assert storage_place(in_use(migrating(bucket="third"), at(phase)).spec.storage) == SOURCE_PLACE


@pytest.mark.parametrize(
    ("spec", "record", "reason"),
    [
        (SOURCE, None, None),
        *((SOURCE, at(phase), None) for phase in PHASES[:4]),
        *((migrating(), at(phase), None) for phase in PHASES),
        *((MOVED, at(phase), Reason.STORAGE_MIGRATION_UNFINISHED) for phase in PHASES[:4]),
        *((MOVED, at(phase), None) for phase in PHASES[4:]),
        *((SOURCE, at(phase), Reason.STORAGE_MIGRATION_FINISHED) for phase in PHASES[4:]),
        *((migrating(bucket="third"), at(phase), Reason.STORAGE_MIGRATION_FINISHED) for phase in PHASES[4:]),
        (ELSEWHERE, at(MigrationPhase.FINISHED), Reason.STORAGE_MIGRATION_FINISHED),
        # After the target was in its place, its address may change.
        (ELSEWHERE, at(MigrationPhase.SETTLED), None),
    ],
)
def test_the_spec_names_a_storage_that_has_the_images(
    spec: HarborRegistry, record: MigrationRecord | None, reason: Reason | None
) -> None:
    found = check_storage(spec, record)

    assert (found.reason if found else None) is reason
    assert found is None or TARGET_PLACE in found.message


@pytest.mark.parametrize("phase", PHASES)
def test_the_release_changes_its_storage_only_by_a_migration(phase: MigrationPhase) -> None:
    record = at(phase)

    assert allows_storage(in_use(migrating(), record), record)
    assert allows_storage(MOVED, record) is (phase in PHASES[3:])
    assert allows_storage(SOURCE, record) is (phase in PHASES[:4])
    assert not allows_storage(ELSEWHERE, record)
    assert not allows_storage(MOVED, None)


def test_only_a_comparison_without_a_copy_is_followed_by_the_switch() -> None:
    counting = at(MigrationPhase.COUNTING, objects=10, bytes=100, after="z")
    copying = completed(counting, measured_bytes=5000)
    assert (copying.phase, copying.after, copying.objects) == (MigrationPhase.COPYING, "", 0)
    assert (copying.total_objects, copying.total_bytes) == (10, 5000)

    verifying = completed(copied(copying, CopiedBatch("z", 10, 5000, copied=10), 1.0))
    again = completed(copied(verifying, CopiedBatch("z", 10, 5000, copied=1), 1.0))
    switching = completed(copied(again, CopiedBatch("z", 10, 5000, copied=0), 1.0))

    assert [verifying.phase, again.phase] == [MigrationPhase.VERIFYING] * 2
    assert switching.phase is MigrationPhase.SWITCHING


def test_a_time_in_which_harbor_was_writable_starts_the_comparison_again() -> None:
    record = interrupted(at(MigrationPhase.VERIFYING, after="m", objects=5, sets_read_only=False, total_objects=9))

    assert record == at(MigrationPhase.COPYING, total_objects=9)


def test_a_migration_ends_the_read_only_mode_that_an_earlier_one_began() -> None:
    assert start(migrating(), None, is_read_only=False) == RECORD
    assert not start(migrating(), None, is_read_only=True).sets_read_only
    assert start(migrating(), at(MigrationPhase.COPYING), is_read_only=True).sets_read_only
    assert not start(migrating(), at(MigrationPhase.COPYING, sets_read_only=False), is_read_only=True).sets_read_only


def test_the_slower_of_objects_and_bytes_says_how_long_it_takes() -> None:
    record = at(
        MigrationPhase.COPYING, objects=50, total_objects=100, bytes=1000, total_bytes=11_000, seconds=10.0, after="x"
    )

    known = facts(record)

    assert (known.objects_per_second, known.bytes_per_second, known.seconds_left) == (5, 100, 100)
    assert "50 of 100 objects" in describe(record)
    assert "about 100 s left" in describe(record)
    assert facts(None).phase == ""
    assert facts(at(MigrationPhase.SETTLED)).phase == ""
