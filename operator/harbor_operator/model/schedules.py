"""The schedules of Harbor's own jobs, and the runs of such a job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class SystemJob(StrEnum):
    """A job of Harbor itself; the value is the field of the spec that holds its schedule."""

    GARBAGE_COLLECTION = "garbageCollection"
    PURGE_AUDIT = "purgeAudit"
    SCAN_ALL = "scanAll"


@dataclass(frozen=True, slots=True)
class DesiredSchedule:
    """A schedule as desired: `kind` in Harbor's words, `cron` empty for the kind None, and the job's parameters."""

    job: SystemJob
    kind: str
    cron: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ObservedSchedule:
    """A schedule as observed; Harbor may add parameters of its own."""

    cron: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JobRun:
    """One run of a job; `status` in Harbor's words, `freed_bytes` None unless the run has reported it."""

    number: int
    status: str
    started_at: datetime
    updated_at: datetime
    freed_bytes: int | None = None
    is_dry_run: bool = False
    is_manual: bool = False

    @property
    def has_collected(self) -> bool:
        """Whether the run has ended and removed what it found."""
        return self.status == "Success" and not self.is_dry_run

    @property
    def has_ended(self) -> bool:
        """Whether the run does not change any more (`Final` in Harbor's src/jobservice/job/status.go)."""
        return self.status in {"Success", "Error", "Stopped"}


@dataclass(frozen=True, slots=True)
class StorageComparison:
    """What Harbor's database and the store held after a run of garbage collection.

    `image_bytes` counts each layer and manifest once; `stored_bytes` is everything in the container, or below the
    prefix of the bucket. None means that it cannot be measured.
    """

    run: int
    image_bytes: int | None
    stored_bytes: int | None
