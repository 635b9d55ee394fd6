"""How many at a time: bounds that follow how quickly the server answers, so that it is kept busy and not flooded.

Little's law is the whole idea. If writes take `slowness` times as long as they do at their best, then of `limit`
writes under way the server works on limit / slowness, and the others only wait there. So after each window of answers
the limit becomes what the server works on, and a few that may wait: with room to spare it grows by those few, and where
a queue has formed it falls until the queue is short. Means of a hundred answers are compared, so that jitter is not
taken for load.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from harbor_operator.injector.queue import ConcurrencyLimits

ALLOWED_QUEUE = 16.0
"""So many may wait at the server. Measured in a flood of 1,000 (docs/benchmarks.md): with 6 it idles between our
answers, and the last waits longest; from 16 on it has always something to do."""
BACKGROUND_ALLOWED_QUEUE = 1.0
WINDOW_ANSWERS = 100
BASELINE_SECONDS = 30.0
PROBE_LIMIT = 4.0
"""Each time the best answers are old, no more are under way than these..."""
PROBE_WINDOW_ANSWERS = 24
"""...until so many answers have shown how quick the server is when there is hardly a queue."""
MIN_SAMPLES = 10
"""So many answers of one kind are needed to say what its best is."""
NEW_NAMESPACE_SHARE = 0.25
"""This much of the whole may be for namespaces without an account: no pod can wait there yet.

Measured in bursts of 1,000 (docs/benchmarks.md): with no such bound, those Secrets kept the accounts that came
meanwhile waiting, one of a hundred for 83 ms; with it 47 ms, and all were done as soon."""


class ConcurrencyLimit:
    """At most so many at a time, between one and `most`."""

    def __init__(self, most: int, queue: float, tolerance: float) -> None:
        self._most = float(most)
        self._queue = queue
        self._tolerance = tolerance
        self._limit = 1.0
        self._set(queue)
        self._reached = False

    @property
    def limit(self) -> int:
        """How many may be under way now."""
        return int(self._limit)

    def reach(self) -> None:
        """Notes that more would have been started: only a bound that was in the way may grow."""
        self._reached = True

    def follow(self, slowness: float) -> None:
        """Adapts to a window in which answers took so many times as long as at their best."""
        wanted = self._limit / max(1.0, slowness / self._tolerance) + self._queue
        if self._reached or wanted < self._limit:
            self._set(max(wanted, self._limit / 2))
        self._reached = False

    def look(self) -> None:
        """Steps back for a window if it was in the way: what is told then is not the queue of our own making."""
        if self._reached:
            self._set(min(self._limit, self._queue, PROBE_LIMIT))
        self._reached = False

    def halve(self) -> None:
        """Makes way at once."""
        self._set(self._limit / 2)

    def _set(self, wanted: float) -> None:
        self._limit = min(self._most, max(1.0, wanted))


@dataclass(slots=True)
class _Latency:
    """Answers to one kind of write in this window, and the best window's mean, lately and before."""

    seconds: float = 0.0
    count: int = 0
    best: float = inf
    best_before: float = inf

    def learn(self) -> tuple[float, float]:
        """Ends the window; returns how long its answers took and how long they would have at their best."""
        seconds, count = self.seconds, self.count
        self.seconds, self.count = 0.0, 0
        if count >= MIN_SAMPLES:
            self.best = min(self.best, seconds / count)
        best = min(self.best, self.best_before)
        return (seconds, best * count) if count and best < inf else (0.0, 0.0)


class AdaptiveConcurrencyLimiter:
    """How many writes may be under way: all together (`whole`), and those for which nobody waits (`background`).

    The background takes what is left over: it is content with hardly any queue, and shrinks before anybody has to wait.
    """

    def __init__(self, clock: Callable[[], float], most: int) -> None:
        self._clock = clock
        self.whole = ConcurrencyLimit(most, queue=ALLOWED_QUEUE, tolerance=1.3)
        self.background = ConcurrencyLimit(most, queue=BACKGROUND_ALLOWED_QUEUE, tolerance=1.2)
        self._bounds = (self.whole, self.background)
        self._latencies: dict[type, _Latency] = {}
        self._left = WINDOW_ANSWERS
        self._looked = clock()
        self._stepped_back = -inf
        self._in_trouble = False

    @property
    def limits(self) -> ConcurrencyLimits:
        """The whole, and what of it may be for those that must not stand in the way."""
        whole = self.whole.limit
        return ConcurrencyLimits(whole, fresh=max(1, int(NEW_NAMESPACE_SHARE * whole)), rotations=self.background.limit)

    def answered(self, kind: type, seconds: float) -> None:
        """Notes how long a write took; each kind is compared with itself only."""
        if self._clock() - seconds <= self._stepped_back:
            return  # sent before we stepped back: it waited in the queue of our own making
        latency = self._latencies.setdefault(kind, _Latency())
        latency.seconds += seconds
        latency.count += 1
        self._left -= 1
        if not self._left:
            self._end_window()

    def failed(self) -> None:
        """Notes that the server asked for patience or did not answer; all of a window count as one."""
        if not self._in_trouble:
            self._in_trouble = True
            for bound in self._bounds:
                bound.halve()

    def _end_window(self) -> None:
        self._in_trouble = False
        slowness = self._learn()
        is_old = self._clock() - self._looked >= BASELINE_SECONDS
        self._left = PROBE_WINDOW_ANSWERS if is_old else WINDOW_ANSWERS
        for bound in self._bounds:
            if is_old:
                bound.look()
            else:
                bound.follow(slowness)
        if is_old:
            self._age()

    def _learn(self) -> float:
        took = at_best = 0.0
        for latency in self._latencies.values():
            seconds, expected = latency.learn()
            took += seconds
            at_best += expected
        return took / at_best if at_best else 1.0

    def _age(self) -> None:
        # The best of long ago may be out of reach by now: the server, or the way to it, may be another.
        self._looked = self._stepped_back = self._clock()
        for latency in self._latencies.values():
            latency.best_before, latency.best = latency.best, inf
