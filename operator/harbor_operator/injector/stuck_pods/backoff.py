"""Back-off per owner: its stuck pods are evicted together, and those that come back stuck wait longer each time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harbor_operator.model.backoff import backoff_seconds

FIRST_DELAY_SECONDS = 15.0
GROWTH_FACTOR = 4.0
MAX_DELAY_SECONDS = 3600.0
RETENTION_SECONDS = 4 * MAX_DELAY_SECONDS


@dataclass(slots=True)
class _Wave:
    """The last of `times` waves of evictions of one owner; it includes pods observed before `order`."""

    times: int
    order: int
    started_at: float


class OwnerEvictionBackoff:
    """Remembers which owners lost pods, and when.

    Observations and evictions are numbered, because two of them may have the same time.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._count = 0
        self._waves: dict[str, _Wave] = {}

    def tick(self) -> int:
        """Returns the number of an observation or eviction that happens now, greater than all earlier numbers."""
        self._count += 1
        return self._count

    def record(self, owner: str, observed: int) -> None:
        """Records that a pod of this owner, first observed at that number, is about to be evicted."""
        self._expire()
        wave = self._waves.get(owner)
        if wave is None:
            self._waves[owner] = _Wave(1, self.tick(), self._clock())
        elif observed > wave.order:
            wave.times, wave.order, wave.started_at = wave.times + 1, self.tick(), self._clock()

    def wait(self, owner: str, observed: int) -> float:
        """Returns the seconds before a pod may be evicted: none if it was observed before the last wave."""
        wave = self._waves.get(owner)
        if wave is None or observed < wave.order:
            return 0.0
        delay = backoff_seconds(FIRST_DELAY_SECONDS, MAX_DELAY_SECONDS, wave.times - 1, GROWTH_FACTOR)
        return max(0.0, wave.started_at + delay - self._clock())

    def has_returned(self, owner: str, observed: int) -> bool:
        """Whether a pod was first observed after another pod of the same owner had been evicted."""
        wave = self._waves.get(owner)
        return wave is not None and observed > wave.order

    def _expire(self) -> None:
        oldest = self._clock() - RETENTION_SECONDS
        for owner in [owner for owner, wave in self._waves.items() if wave.started_at < oldest]:
            del self._waves[owner]
