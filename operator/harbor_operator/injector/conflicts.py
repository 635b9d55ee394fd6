"""Detects other clients that keep reverting our writes: the conflict is reported, and the repairs slow down."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from harbor_operator.injector.store import NO_SUBJECTS, NamespaceRecord, Repair
from harbor_operator.model.backoff import backoff_seconds

RETENTION_SECONDS = 600.0
INITIAL_DELAY_SECONDS = 1.0
MAX_DELAY_SECONDS = 300.0
FREE_REPAIRS = 2
REPORT_AFTER_REPAIRS = 4
MIN_STABLE_SECONDS = 30.0
STABLE_GAP_FACTOR = 3.0
"""A conflict is resolved after the object has stayed unchanged for max(MIN_STABLE_SECONDS, STABLE_GAP_FACTOR x the
interval between the last two repairs)."""
MAX_SHARED_SUBJECTS = 4
"""Larger sets belong to one namespace only: sharing would keep each of their earlier states."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """An object that another client keeps reverting; `subject` names it as a message does."""

    namespace: str
    subject: str
    times: int


class ConflictDetector:
    """Counts repeated writes of the same subject within RETENTION_SECONDS, in the record of the namespace.

    Most subjects are written once: for those, a set that many namespaces share is enough.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock

    def record(self, record: NamespaceRecord, subject: str) -> bool:
        """Records a write; True if a conflict begins with it."""
        now = self._clock()
        if record.written and now - record.written_at >= RETENTION_SECONDS:
            record.written = NO_SUBJECTS
        repair = record.repairs.get(subject) if record.repairs else None
        if repair is None or now - repair.last > RETENTION_SECONDS:
            if subject not in record.written:
                self.forget(record, subject)
                _add(record, subject, now)
                return False
            repair = Repair(1, now)
            record.repairs = {} if record.repairs is None else record.repairs
            record.repairs[subject] = repair
        was_open = _is_open(repair, now)
        repair.times, repair.gap, repair.last = repair.times + 1, now - repair.last, now
        return _is_open(repair, now) and not was_open

    def wait(self, record: NamespaceRecord, subject: str) -> float:
        """Returns the seconds before the same write may be repeated: none at first, then twice as long each time."""
        repair = record.repairs.get(subject) if record.repairs else None
        if repair is None or repair.times <= FREE_REPAIRS:
            return 0.0
        delay = backoff_seconds(INITIAL_DELAY_SECONDS, MAX_DELAY_SECONDS, repair.times - FREE_REPAIRS - 1)
        return max(0.0, repair.last + delay - self._clock())

    def forget(self, record: NamespaceRecord, subject: str) -> None:
        """Forgets an object that was deleted, or that we changed back ourselves: the next write is no repair."""
        if record.repairs and subject in record.repairs:
            del record.repairs[subject]
            record.repairs = record.repairs or None
        if subject in record.written:
            record.written = _without(record.written, subject)

    def reset(self, records: Iterable[NamespaceRecord]) -> None:
        """Forgets everything: after a change of the desired state, no write is a repair."""
        for record in records:
            record.written, record.repairs = NO_SUBJECTS, None

    def open(self, namespaces: Iterable[tuple[str, NamespaceRecord]]) -> tuple[Conflict, ...]:
        """Returns the conflicts that users should know of."""
        now = self._clock()
        return tuple(
            Conflict(namespace, subject, repair.times)
            for namespace, record in namespaces
            for subject, repair in (record.repairs or {}).items()
            if _is_open(repair, now)
        )


def _is_open(repair: Repair, now: float) -> bool:
    return repair.times >= REPORT_AFTER_REPAIRS and now - repair.last < min(
        RETENTION_SECONDS, max(MIN_STABLE_SECONDS, STABLE_GAP_FACTOR * repair.gap)
    )


def _add(record: NamespaceRecord, subject: str, now: float) -> None:
    written = record.written
    record.written_at = now
    if isinstance(written, set):
        written.add(subject)
    elif len(written) < MAX_SHARED_SUBJECTS:
        record.written = _shared_union(written, subject)
    else:
        record.written = {*written, subject}


def _without(written: frozenset[str] | set[str], subject: str) -> frozenset[str] | set[str]:
    if isinstance(written, set):
        written.discard(subject)
        return written
    return written - {subject} or NO_SUBJECTS


@lru_cache(maxsize=1024)
def _shared_union(written: frozenset[str], subject: str) -> frozenset[str]:
    """Returns one set for all namespaces in which the same subjects were written."""
    return written | {subject}
