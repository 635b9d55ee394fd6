"""Checks of a storage migration: which storage the spec may name, what stops a migration, and what to do."""

from __future__ import annotations

from http import HTTPStatus

from harbor_operator.api.backends import Storage
from harbor_operator.api.s3 import S3
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.image_proof import ProofFailure
from harbor_operator.model.outcomes import Blocked, StatusWarning
from harbor_operator.model.storage_migration import ENDED, SWITCHED, MigrationPhase, MigrationRecord
from harbor_operator.reasons import Reason

READ_ONLY = "read_only"
"""Harbor's setting that refuses pushes."""
_FIELD = "spec.storage.migration"
_IMAGES = "docker/registry/v2/"
"""Where the registry's driver stores images, below its root directory."""


def storage_place(storage: Storage | None) -> str:
    """Returns what identifies a storage and names it in messages; empty for one that cannot be migrated."""
    if storage is None:
        return ""
    if storage.swift:
        return f"container '{storage.swift.container}' at '{storage.swift.auth_url}'"
    return bucket_place(storage.s3) if storage.s3 else ""


def bucket_place(s3: S3) -> str:
    """Returns what `storage_place` returns for a storage in this bucket."""
    return f"bucket '{f'{s3.bucket}/{s3.root_directory}'.rstrip('/')}' at '{s3.endpoint}'"


def check_storage(registry: HarborRegistry, record: MigrationRecord | None) -> Blocked | None:
    """Returns why the storage that the spec names must not be used: its images are elsewhere, or not yet there."""
    storage = registry.spec.storage
    if record is None or storage is None:
        return None
    here = storage_place(storage)
    to = bucket_place(storage.migration.to.s3) if storage.migration else ""
    if record.phase in ENDED:
        is_left = here == record.source if record.phase is MigrationPhase.SETTLED else here != record.target
        return _finished(record) if is_left and to != record.target else None
    if here == record.target != record.source:
        return Blocked(
            Reason.STORAGE_MIGRATION_UNFINISHED,
            f"`spec.storage` names {record.target}, to which the images of {record.source} are not copied completely: "
            f"put {record.source} back into `spec.storage`, with `{_FIELD}` beside it, and wait until "
            "`status.storageMigration.phase` is Finished",
        )
    return None


def check_start(registry: HarborRegistry) -> Blocked | None:
    """Returns why a migration of this spec cannot begin: the target is in the source, or Harbor becomes writable."""
    if blocked := _check_folders(registry.spec.storage):
        return blocked
    if registry.spec.configuration.get(READ_ONLY) is not False:
        return None
    return Blocked(
        Reason.STORAGE_MIGRATION_REFUSED,
        f"`spec.configuration` sets '{READ_ONLY}' to false, and `{_FIELD}` needs Harbor to be read-only until the "
        f"images are copied: remove '{READ_ONLY}' from `spec.configuration`",
    )


def _check_folders(storage: Storage | None) -> Blocked | None:
    if storage is None or storage.s3 is None or storage.migration is None:
        return None
    source, to = storage.s3, storage.migration.to.s3
    images = f"{source.root_directory}/{_IMAGES}".lstrip("/")
    if source.bucket != to.bucket or not f"{to.root_directory}/".startswith(images):
        return None
    return Blocked(
        Reason.STORAGE_MIGRATION_REFUSED,
        f"`{_FIELD}.to.s3.rootDirectory` is inside the folder '{images}' of the source, so the copy would be copied "
        "again: name a folder outside of it",
    )


def check_target(target: str, found: Blocked) -> Blocked:
    """Returns the finding about the target with the remedy for a target; its fields are those of the migration."""
    if found.reason is Reason.STORAGE_CONTAINER_REFUSED:
        return Blocked(
            Reason.STORAGE_MIGRATION_REFUSED,
            f"{target} already holds images, or is marked as the storage of another HarborRegistry: name an empty "
            f"bucket in `{_FIELD}.to.s3.bucket`, or an empty folder in `{_FIELD}.to.s3.rootDirectory`",
        )
    return Blocked(found.reason, about_target(found.message))


def about_target(message: str) -> str:
    """Returns a message about `spec.storage.s3` for the target of a migration."""
    return message.replace("spec.storage.s3", f"{_FIELD}.to.s3")


def diverged_link(key: str) -> Blocked:
    """Returns that both storages have an object, and either can be the newer one: Harbor was writable meanwhile."""
    return Blocked(
        Reason.STORAGE_MIGRATION_DIVERGED,
        f"object '{key}' has another content at the source than at the target, because Harbor was writable while the "
        "release changed to the target. Read both objects, and delete the one that does not have the digest that "
        "Harbor shows for the tag; the migration then goes on by itself",
    )


def same_storage(record: MigrationRecord) -> Blocked:
    """Returns that the target is the source under another address."""
    return Blocked(
        Reason.STORAGE_MIGRATION_REFUSED,
        f"{record.target} is the same storage as {record.source}: an object that was written to the one was found in "
        f"the other. There would be only one copy of the images. Name another bucket in `{_FIELD}.to.s3.bucket`; or, "
        "for another folder of the same bucket, name the bucket and the endpoint as the source does",
    )


def unsettable() -> Blocked:
    """Returns that Harbor's administrator cannot make Harbor read-only."""
    return Blocked(
        Reason.STORAGE_MIGRATION_REFUSED,
        f"Harbor does not let its administrator change '{READ_ONLY}', because CONFIG_OVERWRITE_JSON fixes its "
        f"settings, and `{_FIELD}` needs Harbor to be read-only: set '{READ_ONLY}' to true there until the images are "
        "copied",
    )


def not_kept() -> Blocked:
    """Returns that Harbor accepted to become read-only, and is writable."""
    return Blocked(
        Reason.STORAGE_MIGRATION_REFUSED,
        f"Harbor does not keep the setting '{READ_ONLY}': true, so nothing is copied. Look for another client that "
        "sets it to false, or for CONFIG_OVERWRITE_JSON, and set it to true there until the images are copied",
    )


def damaged_blob(key: str, found: str) -> Blocked:
    """Returns that the content of a blob in the source is not the one that its name says; `found` is its digest."""
    return Blocked(
        Reason.STORAGE_MIGRATION_DAMAGED,
        f"object '{key}' of the source is damaged: the digest of its content is '{found}', so every pull of it fails "
        f"already. Restore the object from a backup of the store; or remove `{_FIELD}`, which makes Harbor writable "
        "again, delete the images that contain the layer in Harbor, run its garbage collection, and add "
        f"`{_FIELD}` again: what was copied is not copied twice",
    )


def is_prevented(failure: ProofFailure) -> bool:
    """Whether the policy of a project prevents the pull of a vulnerable or unsigned image: Harbor reads no storage."""
    return failure.status == HTTPStatus.PRECONDITION_FAILED


def unproved(image: str, target: str, failure: ProofFailure) -> Blocked:
    """Returns that an image cannot be pulled from the target, or that its project prevents the pull."""
    if is_prevented(failure):
        return Blocked(
            Reason.STORAGE_PROOF_FAILED,
            f"the release uses {target}, and no image could be read from it: a policy of Harbor prevents the pull of "
            f"vulnerable or unsigned images (HTTP {failure.status} for image '{image}'). Permit it in that policy "
            "until the migration is finished. Harbor stays read-only. To return to the source, remove "
            f"`{_FIELD}`",
        )
    answer = "other bytes" if failure.status == HTTPStatus.OK else f"HTTP {failure.status}"
    detail = f" '{failure.message}'" if failure.message and failure.message != answer else ""
    return Blocked(
        Reason.STORAGE_PROOF_FAILED,
        f"the release uses {target}, and image '{image}' cannot be pulled from it ({answer}{detail}): read the log of "
        f"the registry, and compare the rights of its keys with `{_FIELD}.to.s3`. Harbor stays read-only. To return to "
        f"the source, remove `{_FIELD}`",
    )


def finished_warning(record: MigrationRecord) -> StatusWarning:
    """Returns what remains to do for the user after the migration."""
    return StatusWarning(Reason.STORAGE_MIGRATION_FINISHED, f"the release uses {record.target}: {_PUT_IN_PLACE}")


def describe_removed(record: MigrationRecord) -> str:
    """Returns what an earlier pass of a deletion has removed, and what it leaves."""
    used = record.target if record.phase in SWITCHED else record.source
    return f"the images of {used} are removed; {describe_left_storage(record)}"


def describe_left_storage(record: MigrationRecord) -> str:
    """Returns which storage a deletion leaves: the source after the switch, what was copied before it."""
    if record.phase in SWITCHED:
        return f"{record.source} is retained, because its images were migrated to {record.target}"
    return f"what a migration has copied to {record.target} is retained"


def describe_abort(record: MigrationRecord) -> str:
    """Returns what an abort did, and what it left."""
    writable = "Harbor is writable again, " if record.sets_read_only else ""
    pushed = "; images that were pushed to it while Harbor was writable are only there" if record.was_switched else ""
    return (
        f"aborted the storage migration: {writable}{record.source} stays in use, and what was copied to "
        f"{record.target} is kept{pushed}"
    )


_PUT_IN_PLACE = (
    f"move the section `s3` of `{_FIELD}.to` to `spec.storage.s3`, and remove the source and `migration` from "
    "`spec.storage`; the operator deletes nothing of the source"
)


def _finished(record: MigrationRecord) -> Blocked:
    return Blocked(
        Reason.STORAGE_MIGRATION_FINISHED,
        f"the images were migrated to {record.target}, which the release has used since then: with the storage "
        f"that `spec.storage` names, Harbor would lose what was pushed later. Put `{_FIELD}` with {record.target} "
        f"back, and then {_PUT_IN_PLACE}",
    )
