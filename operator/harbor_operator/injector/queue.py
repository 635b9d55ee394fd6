"""Which namespace is next: a work queue as in client-go, with priorities and a limit for each.

A key waits at most once, and never two workers process the same key.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from math import inf
from typing import NamedTuple

from harbor_operator.model.injection import Action, ApplySecret, NamespacePlan, PatchServiceAccount


class Priority(IntEnum):
    """Priority of a key, most urgent first.

    ATTACH    a service account has no reference yet: its next pod would be created without it
    NEW       a namespace without service accounts: no pod can be created there yet
    REPAIR    something that was right has been changed
    ROTATION  everything else, for example a new credential
    """

    ATTACH = 0
    NEW = 1
    REPAIR = 2
    ROTATION = 3


COOLDOWN_FACTOR = 2.0
"""Cool-down after each rotation, as a multiple of its duration, while new namespaces are arriving.

Measured with 20 new namespaces a second during a rotation of 3,000, on two cores (docs/benchmarks.md): the p99 of new
namespaces is 50 ms without cool-down, 11 to 16 ms with it, and 9 ms without a rotation."""
ARRIVAL_WINDOW_SECONDS = 1.0
"""New namespaces are arriving if the last one came no longer ago than this."""


def plan_priority(plan: NamespacePlan, *, has_accounts: bool) -> Priority:
    """Returns the priority of the most urgent action of a plan."""
    return min(_priority(action, has_accounts) for action in plan.actions)


def _priority(action: Action, has_accounts: bool) -> Priority:
    if isinstance(action, PatchServiceAccount) and action.attaches:
        return Priority.ATTACH
    if isinstance(action, ApplySecret) and not action.replaces:
        return Priority.ATTACH if has_accounts else Priority.NEW
    return Priority.ROTATION


class ConcurrencyLimits(NamedTuple):
    """Maximum number of keys in process: in total, of new namespaces, and of rotations."""

    total: int
    new_namespaces: int
    rotations: int


@dataclass(slots=True)
class _Entry:
    priority: Priority
    since: float
    due: float


class WorkQueue:
    """Hands out keys with `get`; a key that is added while it is processed comes again after `done`."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._waiting: dict[str, _Entry] = {}
        self._processing: dict[str, Priority] = {}
        self._dirty: dict[str, Priority] = {}
        self._rotations: dict[str, float] = {}
        self._last_urgent_at = -inf
        self._cooldown_until: float | None = None
        self._levels: tuple[tuple[Priority, deque[str]], ...] = tuple((priority, deque()) for priority in Priority)
        self._delayed: list[tuple[float, str]] = []

    @property
    def depth(self) -> int:
        """Number of waiting keys, including delayed ones."""
        return len(self._waiting)

    @property
    def processing(self) -> int:
        """Number of keys in process."""
        return len(self._processing)

    @property
    def rotating(self) -> int:
        """Number of rotations among them."""
        return len(self._rotations)

    def longest_wait(self) -> float:
        """Age in seconds of the oldest key that is eligible for processing."""
        now = self._clock()
        return max((now - entry.since for entry in self._waiting.values() if entry.due <= now), default=0.0)

    def add(self, key: str, priority: Priority) -> None:
        """Makes a key eligible now, with the highest priority it was added with."""
        if key in self._processing:
            self._dirty[key] = min(priority, self._dirty.get(key, priority))
            return
        now = self._clock()
        entry = self._waiting.get(key)
        if entry is None:
            self._waiting[key] = _Entry(priority, now, now)
        elif entry.due > now or priority < entry.priority:
            entry.priority, entry.due = min(entry.priority, priority), min(entry.due, now)
        else:
            return
        self._enqueue(key, self._waiting[key].priority)

    def is_processing(self, key: str) -> bool:
        """Whether a worker processes the key."""
        return key in self._processing

    def get(self, limits: ConcurrencyLimits) -> str | None:
        """Returns the next key, which is in process until `done`; None if no key may be processed now.

        A key never overtakes one with a higher priority. No rotation starts while a key with a higher priority is in
        process, or during the cool-down.
        """
        now = self._clock()
        self._enqueue_due(now)
        if self._cooldown_until is not None and now >= self._cooldown_until:
            self._cooldown_until = None  # only here: `next_due` must still report an end that no caller has used
        if len(self._processing) >= limits.total:
            return None
        for priority, level in self._levels:
            key = self._first(priority, level, now)
            if key is None:
                continue
            if not self._is_open(priority, limits):
                return None
            level.popleft()
            self._start(key, priority, now)
            return key
        return None

    def done(self, key: str, delay: float | None = None) -> None:
        """Ends the processing of a key; it comes again after `delay` seconds, or at once if it was added meanwhile."""
        priority = self._processing.pop(key)
        if priority is Priority.ROTATION:
            self._end_rotation(key)
        dirty = self._dirty.pop(key, None)
        if dirty is not None:
            self.add(key, dirty)
        elif delay is not None:
            now = self._clock()
            self._waiting[key] = _Entry(priority, now, now + delay)
            heapq.heappush(self._delayed, (now + delay, key))

    def next_due(self) -> float | None:
        """Returns the seconds until a delayed key is due or the cool-down ends; None if neither is ahead."""
        times = [at for at, _ in self._delayed[:1]]
        if self._cooldown_until is not None and self._levels[Priority.ROTATION][1]:
            times.append(self._cooldown_until)
        return max(0.0, min(times) - self._clock()) if times else None

    def _first(self, priority: Priority, level: deque[str], now: float) -> str | None:
        while level:
            entry = self._waiting.get(level[0])
            # A key that was promoted or delayed stays in its old level: its entry decides.
            if entry is not None and entry.priority is priority and entry.due <= now:
                return level[0]
            level.popleft()
        return None

    def _is_open(self, priority: Priority, limits: ConcurrencyLimits) -> bool:
        match priority:
            case Priority.NEW:
                return sum(one is Priority.NEW for one in self._processing.values()) < limits.new_namespaces
            case Priority.ROTATION:
                is_urgent_in_process = len(self._processing) > len(self._rotations)
                has_room = len(self._rotations) < limits.rotations
                return has_room and not is_urgent_in_process and self._cooldown_until is None
            case _:
                return True

    def _start(self, key: str, priority: Priority, now: float) -> None:
        del self._waiting[key]
        self._processing[key] = priority
        if priority is Priority.ROTATION:
            self._rotations[key] = now
        else:
            self._last_urgent_at = now

    def _end_rotation(self, key: str) -> None:
        now, concurrent = self._clock(), len(self._rotations)
        took = now - self._rotations.pop(key)
        if now - self._last_urgent_at < ARRIVAL_WINDOW_SECONDS:
            self._cooldown_until = now + COOLDOWN_FACTOR * took / concurrent

    def _enqueue(self, key: str, priority: Priority) -> None:
        self._levels[priority][1].append(key)

    def _enqueue_due(self, now: float) -> None:
        while self._delayed and self._delayed[0][0] <= now:
            _, key = heapq.heappop(self._delayed)
            entry = self._waiting.get(key)
            if entry is not None and entry.due <= now:
                entry.since = now
                self._enqueue(key, entry.priority)


class Resync:
    """Plans all namespaces again after a change of the claims, a few at a time: new namespaces need not wait for it."""

    def __init__(self) -> None:
        self._remaining: deque[str] = deque()
        self._priority = Priority.ROTATION

    @property
    def is_running(self) -> bool:
        """Whether namespaces are left."""
        return bool(self._remaining)

    def start(self, namespaces: list[str], priority: Priority) -> None:
        """Restarts the resync from the first namespace, keeping the higher of the old and new priority."""
        self._priority = min(priority, self._priority) if self._remaining else priority
        self._remaining = deque(namespaces)

    def step(self, plan: Callable[[str, Priority], None], limit: int | None = None) -> None:
        """Calls `plan` for the next `limit` namespaces, or for all that are left."""
        for _ in range(len(self._remaining) if limit is None else min(limit, len(self._remaining))):
            plan(self._remaining.popleft(), self._priority)
