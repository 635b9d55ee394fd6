"""How many writes run at a time, how many start per second, and how long a failed write must wait.

The number of concurrent writes follows the latency of the API server, as the Gradient2 limiter of Netflix's
concurrency-limits does. The reason is Little's law: if writes take `gradient` times as long as without a queue, then
of `limit` concurrent writes the server executes limit / gradient, and the others wait in its queue. After each window
of answers, the limit becomes what the server executes, plus a short queue that keeps it busy: with room to spare the
limit grows by that queue, and where a queue has formed it falls. Means of a hundred answers are compared, so that
jitter does not look like load. From time to time a few writes probe the latency without a queue again, because the
server or the network may have changed.

The number of writes per second is additive-increase, multiplicative-decrease (AIMD), as in TCP: half after the server
asks to slow down or does not answer, a little more after each answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import inf

from harbor_operator.injector.queue import ConcurrencyLimits
from harbor_operator.model.backoff import backoff_seconds

MAX_QUEUED_WRITES = 16.0
"""Writes that may wait at the server. Measured in a burst of 1,000 namespaces (docs/benchmarks.md): with 6, the server
idles between answers and the last namespace waits longest; from 16 on, it is always busy."""
MAX_QUEUED_ROTATIONS = 1.0
WINDOW_ANSWERS = 100
BASELINE_SECONDS = 30.0
"""A latency without queue that is older than this is measured again."""
MAX_PROBE_WRITES = 4.0
"""The limit while it is measured."""
PROBE_WINDOW_ANSWERS = 24
MIN_SAMPLES = 10
"""Fewer answers to one kind of write say nothing about its latency."""
NEW_NAMESPACE_SHARE = 0.25
"""The share of the total for namespaces without service accounts, in which no pod can wait yet.

Measured in bursts of 1,000 namespaces (docs/benchmarks.md): without this limit, the Secrets of those namespaces delay
the patches of accounts that arrive meanwhile, at p99 by 83 ms; with it by 47 ms, and the burst ends no later."""
MIN_WRITES_PER_SECOND = 5.0
MAX_WRITES_PER_SECOND = 5000.0
MAX_PAUSE_SECONDS = 30.0
"""One answer with `Retry-After` must not stop the writes to all namespaces for longer."""
RETENTION_SECONDS = 900.0
"""A failure is forgotten so long after its back-off has ended: the next one is the first again."""
UNANSWERED_WRITE_SECONDS = 30.0
"""The API server may still apply a write without answer for this long; it gives up earlier."""


class ConcurrencyLimit:
    """A number of concurrent writes between 1 and `maximum`, adapted after each window of answers."""

    def __init__(self, maximum: int, queue: float, tolerance: float) -> None:
        self._maximum = float(maximum)
        self._queue = queue
        self._tolerance = tolerance
        self._limit = 1.0
        self._set(queue)
        self._saturated = False

    @property
    def limit(self) -> int:
        """The number of writes that may run now."""
        return int(self._limit)

    def mark_saturated(self) -> None:
        """Records that the limit delayed a write; only a saturated limit may grow."""
        self._saturated = True

    def update(self, gradient: float) -> None:
        """Adapts to a window in which answers took `gradient` times as long as without a queue."""
        target = self._limit / max(1.0, gradient / self._tolerance) + self._queue
        if self._saturated or target < self._limit:
            self._set(max(target, self._limit / 2))
        self._saturated = False

    def probe(self) -> None:
        """Shrinks a saturated limit for one window, so that its answers do not wait in a queue of our own making."""
        if self._saturated:
            self._set(min(self._limit, self._queue, MAX_PROBE_WRITES))
        self._saturated = False

    def halve(self) -> None:
        """Reduces the load at once."""
        self._set(self._limit / 2)

    def _set(self, target: float) -> None:
        self._limit = min(self._maximum, max(1.0, target))


@dataclass(slots=True)
class _Latency:
    """Answers to one kind of write in this window, and the best mean of a window in this and the last baseline."""

    seconds: float = 0.0
    count: int = 0
    best: float = inf
    best_before: float = inf

    def end_window(self) -> tuple[float, float]:
        """Returns the seconds that the answers of this window took, and would have taken without a queue."""
        seconds, count = self.seconds, self.count
        self.seconds, self.count = 0.0, 0
        if count >= MIN_SAMPLES:
            self.best = min(self.best, seconds / count)
        best = min(self.best, self.best_before)
        return (seconds, best * count) if count and best < inf else (0.0, 0.0)


class AdaptiveConcurrencyLimiter:
    """Limits the concurrent writes in total, and those of rotations, for which no pod waits (`background`).

    Rotations use what is left over: they tolerate hardly any queue, so their limit falls before others have to wait.
    """

    def __init__(self, clock: Callable[[], float], maximum: int) -> None:
        self._clock = clock
        self.total = ConcurrencyLimit(maximum, queue=MAX_QUEUED_WRITES, tolerance=1.3)
        self.background = ConcurrencyLimit(maximum, queue=MAX_QUEUED_ROTATIONS, tolerance=1.2)
        self._latencies: dict[type, _Latency] = {}
        self._answers_left = WINDOW_ANSWERS
        self._baseline_at = clock()
        self._probe_started = -inf
        self._failed_in_window = False

    @property
    def limits(self) -> ConcurrencyLimits:
        """The limits of the work queue."""
        total = self.total.limit
        new_namespaces = max(1, int(NEW_NAMESPACE_SHARE * total))
        return ConcurrencyLimits(total, new_namespaces, rotations=self.background.limit)

    def mark_saturated(self, processing: int, rotating: int) -> None:
        """Records that the queue hands out no key while so many are in process: a limit that is reached may grow."""
        limits = self.limits
        if processing >= limits.total:
            self.total.mark_saturated()
        elif rotating >= limits.rotations:
            self.background.mark_saturated()

    def on_answer(self, kind: type, seconds: float) -> None:
        """Records the latency of a write; each kind is compared only with itself."""
        if self._clock() - seconds <= self._probe_started:
            return  # sent before the probe: it waited in a queue of our own making
        latency = self._latencies.setdefault(kind, _Latency())
        latency.seconds += seconds
        latency.count += 1
        self._answers_left -= 1
        if not self._answers_left:
            self._end_window()

    def on_failure(self) -> None:
        """Halves the limits after the server asked to slow down or did not answer, at most once per window."""
        if not self._failed_in_window:
            self._failed_in_window = True
            self.total.halve()
            self.background.halve()

    def _end_window(self) -> None:
        self._failed_in_window = False
        gradient = self._gradient()
        if self._clock() - self._baseline_at < BASELINE_SECONDS:
            self._answers_left = WINDOW_ANSWERS
            self.total.update(gradient)
            self.background.update(gradient)
            return
        self._answers_left = PROBE_WINDOW_ANSWERS
        self.total.probe()
        self.background.probe()
        self._baseline_at = self._probe_started = self._clock()
        for latency in self._latencies.values():
            latency.best_before, latency.best = latency.best, inf

    def _gradient(self) -> float:
        took = without_queue = 0.0
        for latency in self._latencies.values():
            seconds, best = latency.end_window()
            took += seconds
            without_queue += best
        return took / without_queue if without_queue else 1.0


class AimdRateLimiter:
    """A token bucket whose rate is halved when the server asks to slow down, and grows with each success."""

    def __init__(self, clock: Callable[[], float], *, rate: float = 2000.0, burst: float = 200.0) -> None:
        self._clock = clock
        self._rate = rate
        self._burst = burst
        self._next = clock() - burst / rate
        self._throttles = 0

    @property
    def rate(self) -> float:
        """Writes per second that may start now."""
        return self._rate

    def reserve(self) -> float:
        """Takes one token; returns the seconds to wait before it may be used."""
        now = self._clock()
        self._next = max(self._next, now - self._burst / self._rate) + 1.0 / self._rate
        return max(0.0, self._next - now)

    def on_success(self) -> None:
        """Increases the rate after an answer."""
        self._throttles = 0
        self._rate = min(MAX_WRITES_PER_SECOND, self._rate + max(1.0, self._rate / 200))

    def on_throttle(self, retry_after: float | None) -> None:
        """Pauses all writes and reduces the rate after the server asked to slow down or did not answer."""
        self._throttles += 1
        if self._throttles == 1 or retry_after is not None:
            self._rate = max(MIN_WRITES_PER_SECOND, self._rate / 2)
        pause = retry_after if retry_after is not None else backoff_seconds(0.1, 10.0, self._throttles)
        self._next = max(self._next, self._clock() + min(pause, MAX_PAUSE_SECONDS))


@dataclass(frozen=True, slots=True)
class BackoffPolicy:
    """The delays after the first and after many failures, in seconds."""

    initial: float
    maximum: float


STALE = BackoffPolicy(0.01, 5.0)
UNAVAILABLE = BackoffPolicy(0.2, 30.0)
REFUSED = BackoffPolicy(0.5, 300.0)


@dataclass(frozen=True, slots=True)
class Failure:
    """The last of `count` consecutive failures of one write, at `at`; no attempt before `retry_at`."""

    count: int
    at: float
    retry_at: float
    policy: BackoffPolicy


class Backoff:
    """Exponential back-off with jitter, so that ten thousand failed writes are not repeated at the same moment."""

    def __init__(self, clock: Callable[[], float], random: Callable[[], float]) -> None:
        self._clock = clock
        self._random = random

    def next(self, previous: Failure | None, policy: BackoffPolicy) -> Failure:
        """Returns the failure that happened now, after `previous`, which does not count if it is old."""
        now = self._clock()
        count = previous.count if previous and now < previous.retry_at + RETENTION_SECONDS else 0
        delay = backoff_seconds(policy.initial, policy.maximum, count) * (0.5 + self._random())
        return Failure(count + 1, now, now + delay, policy)

    def wait(self, failure: Failure | None) -> float:
        """Returns the seconds until the next attempt."""
        return max(0.0, failure.retry_at - self._clock()) if failure else 0.0

    def may_still_apply(self, failures: Iterable[Failure], last_event_at: float) -> bool:
        """Whether one of these unanswered writes may still take effect, or has taken effect without an event so far.

        `last_event_at` is the time at which every watch that would show the effect had delivered an event.
        """
        now = self._clock()
        return any(
            failure.policy is UNAVAILABLE
            and (now < failure.at + UNANSWERED_WRITE_SECONDS or last_event_at <= failure.at)
            for failure in failures
        )
