"""Reasons of the condition Configured."""

from __future__ import annotations

from collections.abc import Mapping

from harbor_operator.checks.catalogue.problem import Problem
from harbor_operator.reasons import Reason

PROBLEMS: Mapping[Reason, Problem] = {
    Reason.ADMIN_CREDENTIALS_REJECTED: Problem(
        "Harbor rejects the admin password.",
        "It was changed in Harbor. Harbor reads `HARBOR_ADMIN_PASSWORD` only at its first start.",
        "Put the current password into the Secret that the message names.",
    ),
    Reason.PROJECT_REFUSED: Problem(
        "Harbor rejects the creation or change of a project.",
        "The message contains Harbor's own error.",
        "Correct `spec.projects`.",
    ),
    Reason.REGISTRY_READ_ONLY: Problem(
        "Harbor is read-only.",
        "An administrator set the read-only mode, often for a migration.",
        "When the migration is over, turn the mode off under Configuration, System Settings.",
    ),
    Reason.SCHEDULE_REFUSED: Problem(
        "Harbor rejects a schedule, or has no scanner for `spec.scanAll`.",
        "The cron expression has a field that Harbor does not accept, or this version of Harbor has no such job. The "
        "message contains Harbor's own error.",
        "Correct `schedule` in the section of the spec that the message names, or remove the section.",
    ),
    Reason.GARBAGE_COLLECTION_FAILED: Problem(
        "`status.warnings` names a garbage collection that failed. Everything else continues.",
        "The storage refused a deletion, or the job service was interrupted. With a Swift store, an object without "
        "segments ends the run with a timeout.",
        "Read the log of the run in Harbor under Clean Up, Garbage Collection, correct the cause, and start a run "
        "there. The warning ends with the next run that succeeds.",
    ),
}
