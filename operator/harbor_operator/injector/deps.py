"""What the injector is given beside the cluster: time, chance, somebody who counts, and a bound."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol


class InjectorMetrics(Protocol):
    """What is counted; no namespace is ever a label."""

    def injected(self, seconds: float) -> None:
        """Notes how long a namespace took from first sight to Secret and references in place."""
        ...

    def wrote(self, kind: str, result: str) -> None:
        """Counts a write: 'apply', 'delete' or 'patch'; 'done', 'stale', 'refused' or 'unavailable'."""
        ...

    def conflicted(self, kind: str) -> None:
        """Counts a repair that was needed again and again: somebody keeps undoing our work."""
        ...

    def evicted(self, result: str) -> None:
        """Counts an eviction that was asked for: 'evicted', 'stale', 'blocked', 'refused' or 'unavailable'."""
        ...


@dataclass(frozen=True, slots=True)
class RuntimeDeps:
    """Time, chance and the listener: what a test replaces; and how many namespaces may be written at once at most."""

    clock: Callable[[], float]
    random: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    metrics: InjectorMetrics
    workers: int = 32


@dataclass(frozen=True, slots=True)
class Gauges:
    """What can be read off at any moment."""

    queue_depth: int
    oldest_seconds: float
    watch_silence_seconds: float
    writes_per_second: float
    write_slots: int
