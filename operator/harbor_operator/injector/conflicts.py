"""Who keeps undoing our work: the same repair again and again is reported and slowed down, not fought in a hot loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

RETENTION_SECONDS = 600.0
MAX_DELAY_SECONDS = 300.0
FREE_REPAIRS = 2
REPORT_AFTER_REPAIRS = 4
MIN_STABLE_SECONDS = 30.0
STABLE_GAP_FACTOR = 3.0
"""A contest is over when our work has stood so many times as long as between the last two repairs, and for CALM."""

_NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Conflict:
    """Something that somebody keeps undoing; `subject` says what, in the words of a message."""

    namespace: str
    subject: str
    times: int


@dataclass(slots=True)
class _Record:
    times: int
    last: float
    gap: float = 0.0


class ConflictDetector:
    """Remembers what was written where during the last minutes.

    Most is written once and never again: of that only the fact is kept, in two sets that take turns.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._once: dict[str, frozenset[str]] = {}
        self._once_before: dict[str, frozenset[str]] = {}
        self._again: dict[str, dict[str, _Record]] = {}
        self._swept = clock()

    def record(self, namespace: str, subject: str) -> bool:
        """Notes a write; True if with it a contest begins: the same one was needed again and again lately."""
        now = self._clock()
        self._sweep(now)
        record = self._again.get(namespace, {}).get(subject)
        if record is None:
            written = self._once.get(namespace) or self._once_before.get(namespace) or _NOTHING
            if subject not in written:
                self._once[namespace] = _together(written, subject)
                return False
            record = self._again.setdefault(namespace, {})[subject] = _Record(1, now)
        was_open = _is_open(record, now)
        record.times, record.gap, record.last = record.times + 1, now - record.last, now
        return _is_open(record, now) and not was_open

    def wait(self, namespace: str, subject: str) -> float:
        """Returns how many seconds the same write must wait: none for the first repairs, then ever longer."""
        record = self._again.get(namespace, {}).get(subject)
        if record is None or record.times <= FREE_REPAIRS:
            return 0.0
        pause = min(MAX_DELAY_SECONDS, 2.0 ** min(record.times - FREE_REPAIRS - 1, 20))
        return max(0.0, record.last + pause - self._clock())

    def reset(self) -> None:
        """Starts from nothing: with a new wish, every write is a new one."""
        self._once, self._once_before = {}, {}
        self._again.clear()

    def forget(self, namespace: str, subject: str | None = None) -> None:
        """Forgets what has gone, one object or all of a namespace: what comes later under that name is new."""
        if subject is None:
            self._again.pop(namespace, None)
        elif records := self._again.get(namespace):
            records.pop(subject, None)
        for written in (self._once, self._once_before):
            left = written.pop(namespace, _NOTHING) - {subject}
            if subject is not None and left:
                written[namespace] = left

    def open(self) -> tuple[Conflict, ...]:
        """Returns the contests that a person should know of."""
        now = self._clock()
        return tuple(
            Conflict(namespace, subject, record.times)
            for namespace, records in self._again.items()
            for subject, record in records.items()
            if _is_open(record, now)
        )

    def _sweep(self, now: float) -> None:
        if now - self._swept < RETENTION_SECONDS / 2:
            return
        # After a long quiet both are too old: what was written once before it does not count any more.
        self._once_before = self._once if now - self._swept < RETENTION_SECONDS else {}
        self._once = {}
        self._swept = now
        for namespace, records in list(self._again.items()):
            fresh = {subject: record for subject, record in records.items() if record.last >= now - RETENTION_SECONDS}
            if fresh:
                self._again[namespace] = fresh
            else:
                del self._again[namespace]


def _is_open(record: _Record, now: float) -> bool:
    return record.times >= REPORT_AFTER_REPAIRS and now - record.last < min(
        RETENTION_SECONDS, max(MIN_STABLE_SECONDS, STABLE_GAP_FACTOR * record.gap)
    )


@lru_cache(maxsize=1024)
def _together(written: frozenset[str], subject: str) -> frozenset[str]:
    """One set for all the namespaces in which the same was written."""
    return written | {subject}
