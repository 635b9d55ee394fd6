"""The migration of a registry's images to another storage, as a state machine; pure.

The record of a migration is stored beside the generated secrets, so that it survives a restart, is part of every
backup, and is there as long as the data. Each pass reads it, does what `next_act` says, and stores what follows.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, fields, replace

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.storage_migration import bucket_place, storage_place
from harbor_operator.model.outcomes import StorageMigrationFacts
from harbor_operator.model.storage import StoredObject
from harbor_operator.model.storage_migration import (
    ENDED,
    SWITCHED,
    CopiedBatch,
    MigrationAct,
    MigrationPhase,
    MigrationRecord,
)

GIB = 1 << 30
_ACTS = {
    MigrationPhase.COUNTING: MigrationAct.COUNT,
    MigrationPhase.COPYING: MigrationAct.COPY,
    MigrationPhase.VERIFYING: MigrationAct.COPY,
    MigrationPhase.SWITCHING: MigrationAct.PROVE,
}


def is_copied(key: str) -> bool:
    """Whether an object of the registry is copied: not the unfinished uploads of clients, which cannot continue."""
    return "/_uploads/" not in key


def can_migrate(registry: HarborRegistry) -> bool:
    """Whether the registry can have a record of a migration: only then is one read."""
    return registry.spec.release is not None and bool(storage_place(registry.spec.storage))


def read_record(text: str) -> MigrationRecord | None:
    """Returns the stored record; None for an empty text. Raises ValueError if the operator did not write it."""
    if not text:
        return None
    try:
        stored = json.loads(text)
        known = {one.name: stored[one.name] for one in fields(MigrationRecord) if one.name in stored}
        images = tuple(map(str, known.get("images", ())))
        return MigrationRecord(**{**known, "phase": MigrationPhase(stored["phase"]), "images": images})
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError("not a record of a storage migration") from error


def write_record(record: MigrationRecord) -> str:
    """Returns the record as it is stored."""
    return json.dumps(asdict(record), sort_keys=True)


def in_use(registry: HarborRegistry, record: MigrationRecord | None) -> HarborRegistry:
    """Returns the registry with the storage that its release uses: the target, once the migration has switched."""
    storage = registry.spec.storage
    if record is None or storage is None or storage.migration is None or record.phase not in SWITCHED:
        return registry
    to = storage.migration.to.s3
    if bucket_place(to) != record.target:
        return registry
    spec = registry.spec.model_copy(update={"storage": storage.model_copy(update={"swift": None, "s3": to})})
    return registry.model_copy(update={"spec": spec})


def target_of(registry: HarborRegistry) -> HarborRegistry:
    """Returns the registry as it will be with the target of its migration in the place of its storage."""
    storage = registry.spec.storage
    assert storage and storage.migration  # noqa: S101, PT018 - the caller has a migration
    moved = storage.model_copy(update={"swift": None, "s3": storage.migration.to.s3})
    return registry.model_copy(update={"spec": registry.spec.model_copy(update={"storage": moved})})


def unfinished_copy(registry: HarborRegistry, record: MigrationRecord | None) -> HarborRegistry | None:
    """Returns the registry with the target that its migration copies to, and that its release does not use yet."""
    storage = registry.spec.storage
    if record is None or record.phase in SWITCHED or storage is None or storage.migration is None:
        return None
    return target_of(registry) if bucket_place(storage.migration.to.s3) == record.target else None


def allows_storage(registry: HarborRegistry, record: MigrationRecord | None) -> bool:
    """Whether the release may change to the storage of the registry: a migration switches, or an abort goes back."""
    if record is None:
        return False
    here = storage_place(registry.spec.storage)
    switches = record.phase in SWITCHED and here == record.target
    return switches or (record.phase not in ENDED and here == record.source)


def next_act(registry: HarborRegistry, record: MigrationRecord | None) -> MigrationAct:
    """Returns what this pass does; `registry` is as the spec describes it."""
    storage = registry.spec.storage
    here = storage_place(storage)
    if storage is None or storage.migration is None:
        return _without_migration(here, record)
    if record is None or record.target != bucket_place(storage.migration.to.s3):
        return MigrationAct.START
    if record.phase is MigrationPhase.FINISHED or (record.phase in ENDED and here == record.source):
        return MigrationAct.END_READ_ONLY if record.sets_read_only else MigrationAct.REPORT
    if record.source != here and record.phase is not MigrationPhase.SWITCHING:
        return MigrationAct.START
    return _ACTS.get(record.phase, MigrationAct.REPORT)


def _without_migration(here: str, record: MigrationRecord | None) -> MigrationAct:
    if record is None:
        return MigrationAct.NOTHING
    if record.phase not in ENDED:
        return MigrationAct.ABORT
    if record.sets_read_only:
        return MigrationAct.END_READ_ONLY
    is_new = record.phase is MigrationPhase.FINISHED and here == record.target
    return MigrationAct.SETTLE if is_new else MigrationAct.NOTHING


def start(registry: HarborRegistry, earlier: MigrationRecord | None, *, is_read_only: bool) -> MigrationRecord:
    """Returns the record of a new migration; it ends the read-only mode that it, or an earlier one, has set."""
    storage = registry.spec.storage
    assert storage and storage.migration  # noqa: S101, PT018 - the caller has a migration
    sets_read_only = not is_read_only or (earlier is not None and earlier.sets_read_only)
    target = bucket_place(storage.migration.to.s3)
    return MigrationRecord(storage_place(storage), target, sets_read_only=sets_read_only)


def interrupted(record: MigrationRecord) -> MigrationRecord:
    """Returns the record after Harbor was writable for a time: images may be behind the key, so all is compared.

    After the switch, pushes went to the source until the registry had restarted, and to the target since then. The
    release returns to the source until these images are copied too.
    """
    is_copied_again = record.phase in {MigrationPhase.VERIFYING, MigrationPhase.SWITCHING}
    phase = MigrationPhase.COPYING if is_copied_again else record.phase
    was_switched = record.was_switched or record.phase is MigrationPhase.SWITCHING
    return replace(_begun(record, phase), sets_read_only=True, was_switched=was_switched)


def counted(record: MigrationRecord, page: Sequence[StoredObject]) -> MigrationRecord:
    """Returns the record after one more page of the source; what is not copied does not count."""
    sizes = [one.bytes for one in page if is_copied(one.name)]
    return _advanced(record, CopiedBatch(page[-1].name, len(sizes), sum(sizes)), 0.0)


def copied(record: MigrationRecord, batch: CopiedBatch, seconds: float) -> MigrationRecord:
    """Returns the record after one more batch."""
    return _advanced(record, batch, seconds)


def completed(record: MigrationRecord, measured_bytes: int | None = None) -> MigrationRecord:
    """Returns the record at the end of the source: of the next phase, or of one more comparison.

    Only a comparison that found nothing to copy is followed by the switch. `measured_bytes` is what the store says of
    the whole source, which counts more than the listing where that does not have the size of large objects.
    """
    match record.phase:
        case MigrationPhase.COUNTING:
            size = max(record.bytes, measured_bytes or 0)
            return replace(_begun(record, MigrationPhase.COPYING), total_objects=record.objects, total_bytes=size)
        case MigrationPhase.VERIFYING if record.copied == 0:
            return replace(record, phase=MigrationPhase.SWITCHING, after="")
        case _:
            return _begun(record, MigrationPhase.VERIFYING)


def facts(record: MigrationRecord | None) -> StorageMigrationFacts:
    """Returns what the status reports; nothing without a migration, or after the spec names its target."""
    if record is None or record.phase is MigrationPhase.SETTLED:
        return StorageMigrationFacts()
    objects, size = _rate(record.objects, record.seconds), _rate(record.bytes, record.seconds)
    left = max(
        _left(record.total_objects - record.objects, objects),
        _left(record.total_bytes - record.bytes, size) if record.phase is MigrationPhase.COPYING else 0.0,
    )
    is_running = record.phase in {MigrationPhase.COPYING, MigrationPhase.VERIFYING}
    return StorageMigrationFacts(
        phase=str(record.phase),
        source=record.source,
        target=record.target,
        objects=record.objects,
        total_objects=record.total_objects,
        bytes=record.bytes,
        total_bytes=record.total_bytes,
        objects_per_second=round(objects) if is_running else None,
        bytes_per_second=round(size) if is_running else None,
        seconds_left=round(left) if is_running else None,
    )


def describe(record: MigrationRecord) -> str:
    """Returns the progress as one sentence."""
    known = facts(record)
    match record.phase:
        case MigrationPhase.COUNTING:
            return f"the operator counts the objects of {record.source}: {record.objects} so far; Harbor is read-only"
        case MigrationPhase.SWITCHING:
            return f"the release changes to {record.target}; Harbor is read-only until images were pulled from it"
        case MigrationPhase.COPYING | MigrationPhase.VERIFYING:
            does = "copies {} to {}" if record.phase is MigrationPhase.COPYING else "compares {} with {}"
            what = does.format(record.source, record.target)
            return (
                f"the operator {what}: {record.objects} of {record.total_objects} objects, "
                f"{record.bytes / GIB:.1f} of {record.total_bytes / GIB:.1f} GiB, {known.objects_per_second} objects/s,"
                f" about {known.seconds_left} s left; Harbor is read-only"
            )
        case _:
            return f"the images are in {record.target}"


def _begun(record: MigrationRecord, phase: MigrationPhase) -> MigrationRecord:
    return replace(record, phase=phase, after="", objects=0, bytes=0, copied=0, seconds=0.0)


def _advanced(record: MigrationRecord, batch: CopiedBatch, seconds: float) -> MigrationRecord:
    return replace(
        record,
        after=batch.after,
        objects=record.objects + batch.objects,
        bytes=record.bytes + batch.bytes,
        copied=record.copied + batch.copied,
        seconds=round(record.seconds + seconds, 1),
    )


def _rate(amount: int, seconds: float) -> float:
    return amount / seconds if seconds else 0.0


def _left(amount: int, rate: float) -> float:
    return max(amount, 0) / rate if rate else 0.0
