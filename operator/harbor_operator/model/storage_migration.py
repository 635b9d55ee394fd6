"""The migration of a registry's images to another storage: the record of how far it is, and what a pass has copied."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class MigrationPhase(StrEnum):
    """How far a migration is; SETTLED means that the spec names the target as its storage."""

    COUNTING = "Counting"
    COPYING = "Copying"
    VERIFYING = "Verifying"
    SWITCHING = "Switching"
    FINISHED = "Finished"
    SETTLED = "Settled"


class MigrationAct(StrEnum):
    """What one pass does for a migration."""

    NOTHING = "nothing"
    START = "start"
    COUNT = "count"
    COPY = "copy"
    PROVE = "prove"
    END_READ_ONLY = "end read-only mode"
    REPORT = "report"
    SETTLE = "settle"
    ABORT = "abort"


SWITCHED = frozenset({MigrationPhase.SWITCHING, MigrationPhase.FINISHED, MigrationPhase.SETTLED})
"""Phases in which the release uses the target."""
ENDED = frozenset({MigrationPhase.FINISHED, MigrationPhase.SETTLED})
"""Phases in which images may have been pushed to the target only."""


@dataclass(frozen=True, slots=True)
class MigrationRecord:
    """What the operator stores of a migration; `source` and `target` identify the storages, and name them in messages.

    `sets_read_only` is whether the migration has to end Harbor's read-only mode. `was_switched` is whether the release
    has used the target, and then the source again, because Harbor was writable: both can have the newer link. `after`
    is the key up to which the phase is complete; `objects`, `bytes`, `copied` and `seconds` count what it has done,
    `copied` only the objects that were not at the target. The totals are those of the source. `images` are those
    that could be pulled from the source, and prove the target. `removed_uid` is the uid of the registry whose deletion
    has removed the images of the storage in use.
    """

    source: str
    target: str
    phase: MigrationPhase = MigrationPhase.COUNTING
    sets_read_only: bool = False
    was_switched: bool = False
    after: str = ""
    objects: int = 0
    bytes: int = 0
    copied: int = 0
    seconds: float = 0.0
    total_objects: int = 0
    total_bytes: int = 0
    images: tuple[str, ...] = ()
    removed_uid: str = ""


@dataclass(frozen=True, slots=True)
class CopiedBatch:
    """What one batch did: the last key of it, below which everything is at the target, and its numbers.

    `objects` and `bytes` count all objects of the batch, `copied` those that were not at the target before.
    """

    after: str
    objects: int
    bytes: int
    copied: int = 0
