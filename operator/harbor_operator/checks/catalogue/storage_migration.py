"""Problems of a migration of the images to another storage."""

from __future__ import annotations

from collections.abc import Mapping

from harbor_operator.checks.catalogue.problem import Problem
from harbor_operator.reasons import Reason

PROBLEMS: Mapping[Reason, Problem] = {
    Reason.STORAGE_MIGRATING: Problem(
        "Harbor is read-only, and Configured is False with the progress of a migration.",
        "`spec.storage.migration` copies the images to another storage.",
        "Wait; `status.storageMigration` has the progress. To abort, remove `spec.storage.migration`.",
    ),
    Reason.STORAGE_MIGRATION_REFUSED: Problem(
        "A migration of the storage does not begin, or does not go on.",
        "The target already holds images, belongs to another HarborRegistry, or is the source under another address. "
        "Or Harbor cannot be read-only, because "
        "`spec.configuration`, another client, or CONFIG_OVERWRITE_JSON makes it writable.",
        "Name an empty bucket or folder in `spec.storage.migration.to.s3`. Remove `read_only` from "
        "`spec.configuration`, or set it to true in CONFIG_OVERWRITE_JSON until the images are copied.",
    ),
    Reason.STORAGE_MIGRATION_DAMAGED: Problem(
        "A migration stops at a blob whose content has another digest than its name.",
        "The object in the source is damaged, or its segments are gone. Each pull of it fails already.",
        "Restore the object from a backup of the store. Or abort the migration (remove `spec.storage.migration`), "
        "delete the images with this layer in Harbor, run its garbage collection, and begin the migration again: what "
        "was copied is not copied twice.",
    ),
    Reason.STORAGE_MIGRATION_DIVERGED: Problem(
        "A migration stops at an object that has another content at the source than at the target.",
        "Harbor was made writable while the release changed to the target. The same tag was pushed, so that either "
        "storage can have the newer link.",
        "Read both objects, and delete the one that does not have the digest that Harbor shows for the tag. The "
        "migration then goes on by itself.",
    ),
    Reason.STORAGE_MIGRATION_UNFINISHED: Problem(
        "`spec.storage` names the target of a migration that is not finished.",
        "The section of the target was moved before `status.storageMigration.phase` was Finished.",
        "Put the source back into `spec.storage`, with `spec.storage.migration` beside it, and wait.",
    ),
    Reason.STORAGE_MIGRATION_FINISHED: Problem(
        "The release uses the target of a migration. As a condition: `spec.storage` names another storage.",
        "The migration is finished, and the spec does not yet name the target as its storage, or names the source "
        "again. Images that were pushed since then are only in the target.",
        "Put `spec.storage.migration` back if it was removed. Then move `spec.storage.migration.to.s3` to "
        "`spec.storage.s3`, and remove the source and `spec.storage.migration`.",
    ),
}
