"""The schedules of Harbor's own jobs: garbage collection, purge of the audit log, and scan of all images."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from harbor_operator.api.base import Model

SCHEDULE_PATTERN = r"^(None|Hourly|Daily|Weekly|0( [0-9A-Za-z*/,?-]+){5})$"
"""Harbor reads six fields, of which the first (seconds) must be 0: `ValidateCronString` in src/common/utils."""

MAX_KEEP_HOURS = 240_000
"""`MaxAuditRetentionHour` in Harbor's src/common/const.go."""

Schedule = Annotated[str, Field(max_length=128, pattern=SCHEDULE_PATTERN)]
EventType = Annotated[str, Field(max_length=64, pattern=r"^[a-z][a-z_]*$")]


class ScheduledJob(Model):
    """A job that Harbor runs at fixed times."""

    schedule: Schedule = Field(
        description="When Harbor runs the job, in UTC: `Hourly`, `Daily` (at 0:00), `Weekly` (Sunday at 0:00), a cron "
        "expression with six fields of which the first is 0, or `None` to remove the schedule."
    )


class GarbageCollection(ScheduledJob):
    """The schedule of garbage collection, which frees the space of deleted images."""

    delete_untagged: bool = Field(default=False, description="Whether to delete artifacts without a tag as well.")
    workers: int = Field(default=1, ge=1, le=10, description="Number of parallel deletions; Harbor 2.9 or newer.")
    dry_run: bool = Field(default=False, description="Whether to count only, and delete nothing.")


class PurgeAudit(ScheduledJob):
    """The schedule that removes old entries of the audit log; Harbor 2.13 or newer."""

    keep_hours: int = Field(default=8760, ge=1, le=MAX_KEEP_HOURS, description="Age in hours of the oldest kept entry.")
    event_types: Annotated[list[EventType], Field(min_length=1, max_length=64)] = Field(
        default_factory=lambda: ["create_artifact", "delete_artifact", "pull_artifact"],
        description="Types of the entries that are removed, for example `pull_artifact`; other entries stay.",
    )
    dry_run: bool = Field(default=False, description="Whether to count only, and remove nothing.")


class ScanAll(ScheduledJob):
    """The schedule that scans every image; Harbor needs a scanner, for example Trivy."""
