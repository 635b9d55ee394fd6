"""Evictions by owner: what it has stuck at once goes at once, what comes back stuck waits ever longer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

FIRST = 15.0
GROWTH = 4.0
LONGEST = 3600.0
MEMORY = 4 * LONGEST


@dataclass(slots=True)
class _Wave:
    """Evictions on behalf of one owner; what was seen before `order` belongs to it."""

    times: int
    order: int
    began: float


class Waves:
    """Remembers who lost a pod when; the order of what is seen and done is counted, because a clock may stand still."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._count = 0
        self._waves: dict[str, _Wave] = {}

    def tick(self) -> int:
        """Returns the place of something that happens now: greater than every earlier one."""
        self._count += 1
        return self._count

    def begin(self, owner: str, seen: int) -> None:
        """Notes that a pod of this owner, first seen at that place, is about to be evicted."""
        self._sweep()
        wave = self._waves.get(owner)
        if wave is None:
            self._waves[owner] = _Wave(1, self.tick(), self._clock())
        elif seen > wave.order:
            wave.times, wave.order, wave.began = wave.times + 1, self.tick(), self._clock()

    def wait(self, owner: str, seen: int) -> float:
        """Returns for how many seconds a pod first seen at that place must be left: none, unless it has come back."""
        wave = self._waves.get(owner)
        if wave is None or seen < wave.order:
            return 0.0
        pause = min(LONGEST, FIRST * GROWTH ** min(wave.times - 1, 10))
        return max(0.0, wave.began + pause - self._clock())

    def has_returned(self, owner: str, seen: int) -> bool:
        """Whether a pod came after one of the same owner had been evicted."""
        wave = self._waves.get(owner)
        return wave is not None and seen > wave.order

    def _sweep(self) -> None:
        oldest = self._clock() - MEMORY
        for owner in [owner for owner, wave in self._waves.items() if wave.began < oldest]:
            del self._waves[owner]
