"""The injected dependencies of the injector, and the values it exposes as gauges."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol


class InjectorMetrics(Protocol):
    """Counters and histograms of the injector. No namespace is ever a label."""

    def injected(self, seconds: float) -> None:
        """Records the seconds from the first sight of a namespace until Secret and references were in place."""
        ...

    def wrote(self, kind: str, result: str) -> None:
        """Counts a write: 'apply', 'delete' or 'patch'; 'done', 'stale', 'refused' or 'unavailable'."""
        ...

    def conflicted(self, kind: str) -> None:
        """Counts a conflict: another client keeps reverting a write of this kind."""
        ...

    def evicted(self, result: str) -> None:
        """Counts a requested eviction: 'evicted', 'stale', 'blocked', 'refused' or 'unavailable'."""
        ...


@dataclass(frozen=True, slots=True)
class RuntimeDeps:
    """Injected dependencies: clock, random, sleep, metrics; `workers` is the maximum number of concurrent writes."""

    clock: Callable[[], float]
    random: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    metrics: InjectorMetrics
    workers: int = 32


@dataclass(frozen=True, slots=True)
class Gauges:
    """The current values of the gauges."""

    queue_depth: int
    oldest_seconds: float
    watch_silence_seconds: float
    writes_per_second: float
    write_slots: int
