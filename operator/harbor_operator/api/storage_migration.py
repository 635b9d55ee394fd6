"""The migration of the images to another storage, as the spec asks for it and as the status reports it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from harbor_operator.api.addresses import normal_url
from harbor_operator.api.base import Model
from harbor_operator.api.rule import Rule
from harbor_operator.api.s3 import S3

SOURCE_MESSAGE = "`migration` needs `swift` or `s3` beside it: the operator has no client for another kind of storage"
DIFFERENT_MESSAGE = "`migration.to.s3` must name another endpoint, bucket or folder than `s3`"
SHARED_NAME_MESSAGE = (
    "`migration.to.s3.bucket` must not be the name of the Swift container without a `rootDirectory`: on a Ceph RGW both"
    " can be the same bucket"
)
ADOPTION_MESSAGE = "`migration.to.s3.adoptExisting` must be false: the target of a migration has to be empty"
COPY_KEYS_MESSAGE = (
    "`migration` needs `credentialsSecretRef` in `s3` and in `migration.to.s3`: the operator copies the images with"
    " these keys"
)
RELEASE_MESSAGE = "`storage.migration` needs `release`: the operator switches the Helm release to the new storage"


class MigrationTarget(Model):
    """The storage to which the images are copied; only S3, because every other driver is proved by a push."""

    s3: S3 = Field(description="The bucket, with the same fields as `spec.storage.s3`. It must not hold images.")


class StorageMigration(Model):
    """A copy of all images to another storage, after which the release uses that one; the source is kept."""

    to: MigrationTarget = Field(
        description="The new storage. Move its `s3` to `spec.storage.s3`, and remove the source and `migration`, when "
        "`status.storageMigration.phase` is Finished."
    )


class StorageMigrationStatus(Model):
    """How far the migration of the storage is."""

    phase: Literal["Counting", "Copying", "Verifying", "Switching", "Finished"] = Field(
        description="Counting = lists the source; Copying; Verifying = compares both sides and copies what differs; "
        "Switching = the release changes to the target, which is proved by pulls; Finished = the release uses the "
        "target."
    )
    source: str = Field(description="The storage that is read, and kept.")
    target: str = Field(description="The storage that the images are copied to.")
    objects: int = Field(description="Number of objects that this phase has handled.")
    total_objects: int = Field(description="Number of objects in the source; 0 until they are counted.")
    bytes: int = Field(description="Bytes of the objects that this phase has handled.")
    total_bytes: int = Field(
        description="Bytes in the source; with Swift those of its container, unfinished uploads included."
    )
    objects_per_second: int | None = Field(default=None, description="Objects per second in this phase.")
    bytes_per_second: int | None = Field(default=None, description="Bytes per second in this phase.")
    seconds_left: int | None = Field(default=None, description="Estimated seconds until the end of this phase.")


def folder(place: str) -> str:
    """Returns the CEL expression for the folder of an `s3` section; empty if it names none."""
    return f"(has({place}.rootDirectory) ? {place}.rootDirectory : '')"


def same_place(one: str, other: str) -> str:
    """Returns the CEL expression that two `s3` sections name the same bucket and folder."""
    return f"({one}.bucket == {other}.bucket && {folder(one)} == {folder(other)})"


MOVED = f"(has(oldSelf.migration) && has(self.s3) && {same_place('self.s3', 'oldSelf.migration.to.s3')})"
MOVED_BACK = f"(has(self.migration) && has(oldSelf.s3) && {same_place('oldSelf.s3', 'self.migration.to.s3')})"
"""CEL: the target of a migration is put in the place of its source, or back; the operator checks whether it may be."""

_TO = "self.migration.to.s3"
RULES = (
    Rule("!has(self.migration) || has(self.swift) || has(self.s3)", SOURCE_MESSAGE),
    Rule(
        f"!has(self.migration) || !has(self.s3) || {normal_url('self.s3.endpoint')} != {normal_url(f'{_TO}.endpoint')}"
        f" || !{same_place('self.s3', _TO)}",
        DIFFERENT_MESSAGE,
    ),
    Rule(
        f"!has(self.migration) || !has(self.swift) || self.swift.container != {_TO}.bucket || {folder(_TO)} != ''",
        SHARED_NAME_MESSAGE,
    ),
    Rule(
        f"!has(self.migration) || !has({_TO}.adoptExisting) || !{_TO}.adoptExisting",
        ADOPTION_MESSAGE,
    ),
    Rule(
        f"!has(self.migration) || !has({_TO}.ambientIdentity) && (!has(self.s3) || !has(self.s3.ambientIdentity))",
        COPY_KEYS_MESSAGE,
    ),
)
RELEASE_RULE = Rule("!has(self.storage) || !has(self.storage.migration) || has(self.release)", RELEASE_MESSAGE)
