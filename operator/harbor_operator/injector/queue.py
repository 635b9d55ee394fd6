"""Which namespace is next: every name at most once, the urgent ones first, and never two workers on one name."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from math import inf
from typing import NamedTuple


class Priority(IntEnum):
    """Who is waiting: the next pod of a service account, a namespace without accounts yet, a broken one, or nobody.

    A service account goes before a namespace that has none: its next pod would go without the reference for ever, while
    no pod can be created before there is an account.
    """

    ATTACH = 0
    FRESH = 1
    REPAIR = 2
    ROTATION = 3


COOLDOWN_FACTOR = 2.0
"""While namespaces keep coming, none is rotated for so many times as long as the last took.

Measured with 20 a second over 3,000 on two cores (docs/benchmarks.md): without rests, one of a hundred waited 50 ms,
with these 11 to 16 ms; beside no rotation it is 9 ms."""
ARRIVAL_WINDOW_SECONDS = 1.0
"""For so many seconds after one has come."""


class ConcurrencyLimits(NamedTuple):
    """At most so many at a time: altogether, and of those that must not stand in the way of the next account."""

    whole: int
    fresh: int
    rotations: int


@dataclass(slots=True)
class _Entry:
    priority: Priority
    since: float
    due: float


class WorkQueue:
    """Hands out keys; what is rung while it is being worked on comes again afterwards."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._waiting: dict[str, _Entry] = {}
        self._active: dict[str, Priority] = {}
        self._rung: dict[str, Priority] = {}
        self._rotations: dict[str, float] = {}
        self._urgent = -inf
        self._rested: float | None = None
        self._lanes: tuple[tuple[Priority, deque[str]], ...] = tuple((priority, deque()) for priority in Priority)
        self._delayed: list[tuple[float, str]] = []

    @property
    def depth(self) -> int:
        """How many keys wait, those that are delayed included."""
        return len(self._waiting)

    @property
    def under_way(self) -> int:
        """How many keys are being worked on."""
        return len(self._active)

    @property
    def rotating(self) -> int:
        """How many of them are rotations."""
        return len(self._rotations)

    def oldest_age(self) -> float:
        """How long the key has waited that has waited longest and could be taken."""
        now = self._clock()
        return max((now - entry.since for entry in self._waiting.values() if entry.due <= now), default=0.0)

    def add(self, key: str, priority: Priority) -> None:
        """Rings a key: it is due now, and as urgent as the most urgent of its callers."""
        if key in self._active:
            self._rung[key] = min(priority, self._rung.get(key, priority))
            return
        now = self._clock()
        entry = self._waiting.get(key)
        if entry is None:
            self._waiting[key] = _Entry(priority, now, now)
        elif entry.due > now or priority < entry.priority:
            entry.priority, entry.due = min(entry.priority, priority), min(entry.due, now)
        else:
            return
        self._put(key, self._waiting[key].priority)

    def is_active(self, key: str) -> bool:
        """Whether the key is being worked on."""
        return key in self._active

    def take(self, limits: ConcurrencyLimits) -> str | None:
        """Returns the next key, which is then ours until `finish`; None if nothing may be taken now.

        Nothing overtakes what is more urgent. Nothing is rotated while anything urgent is under way, and where urgent
        keys have come lately, there are rests between rotations.
        """
        now = self._clock()
        self._wake(now)
        if self._rested is not None and now >= self._rested:
            self._rested = None  # only here: a rest that ended after the last look is still to be woken from
        if len(self._active) >= limits.whole:
            return None
        for priority, lane in self._lanes:
            key = self._first(priority, lane, now)
            if key is None:
                continue
            if not self._is_open(priority, limits):
                return None
            lane.popleft()
            self._begin(key, priority, now)
            return key
        return None

    def finish(self, key: str, delay: float | None = None) -> None:
        """Gives a key back; with a delay it comes again by itself, and at once if it was rung meanwhile."""
        priority = self._active.pop(key)
        if priority is Priority.ROTATION:
            self._end_rotation(key)
        rung = self._rung.pop(key, None)
        if rung is not None:
            self.add(key, rung)
        elif delay is not None:
            now = self._clock()
            self._waiting[key] = _Entry(priority, now, now + delay)
            heapq.heappush(self._delayed, (now + delay, key))

    def next_due(self) -> float | None:
        """Returns in how many seconds a delayed key comes back, or a rest ends; None if there is neither."""
        moments = [at for at, _ in self._delayed[:1]]
        if self._rested is not None and self._lanes[Priority.ROTATION][1]:
            moments.append(self._rested)
        return max(0.0, min(moments) - self._clock()) if moments else None

    def _first(self, priority: Priority, lane: deque[str], now: float) -> str | None:
        while lane:
            entry = self._waiting.get(lane[0])
            # A lane may name a key that was promoted or delayed since: the entry knows better.
            if entry is not None and entry.priority is priority and entry.due <= now:
                return lane[0]
            lane.popleft()
        return None

    def _is_open(self, priority: Priority, limits: ConcurrencyLimits) -> bool:
        match priority:
            case Priority.FRESH:
                return sum(one is Priority.FRESH for one in self._active.values()) < limits.fresh
            case Priority.ROTATION:
                is_urgent_under_way = len(self._active) > len(self._rotations)
                has_room = len(self._rotations) < limits.rotations
                return has_room and not is_urgent_under_way and self._rested is None
            case _:
                return True

    def _begin(self, key: str, priority: Priority, now: float) -> None:
        del self._waiting[key]
        self._active[key] = priority
        if priority is Priority.ROTATION:
            self._rotations[key] = now
        else:
            self._urgent = now

    def _end_rotation(self, key: str) -> None:
        now, at_a_time = self._clock(), len(self._rotations)
        took = now - self._rotations.pop(key)
        if now - self._urgent < ARRIVAL_WINDOW_SECONDS:
            self._rested = now + COOLDOWN_FACTOR * took / at_a_time

    def _put(self, key: str, priority: Priority) -> None:
        self._lanes[priority][1].append(key)

    def _wake(self, now: float) -> None:
        while self._delayed and self._delayed[0][0] <= now:
            _, key = heapq.heappop(self._delayed)
            entry = self._waiting.get(key)
            if entry is not None and entry.due <= now:
                entry.since = now
                self._put(key, entry.priority)
