"""Evictions by owner: what it has stuck at once goes at once, what comes back stuck waits ever longer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

FIRST_DELAY_SECONDS = 15.0
GROWTH_FACTOR = 4.0
MAX_DELAY_SECONDS = 3600.0
RETENTION_SECONDS = 4 * MAX_DELAY_SECONDS


@dataclass(slots=True)
class _Eviction:
    """Evictions on behalf of one owner; what was seen before `order` belongs to it."""

    times: int
    order: int
    began: float


class OwnerEvictionBackoff:
    """Remembers who lost a pod when; the order of what is seen and done is counted, because a clock may stand still."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._count = 0
        self._waves: dict[str, _Eviction] = {}

    def tick(self) -> int:
        """Returns the place of something that happens now: greater than every earlier one."""
        self._count += 1
        return self._count

    def begin(self, owner: str, observed: int) -> None:
        """Notes that a pod of this owner, first seen at that place, is about to be evicted."""
        self._sweep()
        wave = self._waves.get(owner)
        if wave is None:
            self._waves[owner] = _Eviction(1, self.tick(), self._clock())
        elif observed > wave.order:
            wave.times, wave.order, wave.began = wave.times + 1, self.tick(), self._clock()

    def wait(self, owner: str, observed: int) -> float:
        """Returns for how many seconds a pod first seen at that place must be left: none, unless it has come back."""
        wave = self._waves.get(owner)
        if wave is None or observed < wave.order:
            return 0.0
        pause = min(MAX_DELAY_SECONDS, FIRST_DELAY_SECONDS * GROWTH_FACTOR ** min(wave.times - 1, 10))
        return max(0.0, wave.began + pause - self._clock())

    def has_returned(self, owner: str, observed: int) -> bool:
        """Whether a pod came after one of the same owner had been evicted."""
        wave = self._waves.get(owner)
        return wave is not None and observed > wave.order

    def _sweep(self) -> None:
        oldest = self._clock() - RETENTION_SECONDS
        for owner in [owner for owner, wave in self._waves.items() if wave.began < oldest]:
            del self._waves[owner]
