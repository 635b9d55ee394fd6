"""How fast: a rate that follows what the server says, and a back-off for each namespace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

MIN_WRITES_PER_SECOND = 5.0
MAX_WRITES_PER_SECOND = 5000.0


class AimdRateLimiter:
    """A token bucket whose rate is halved when the server asks for patience and creeps up again with each success."""

    def __init__(self, clock: Callable[[], float], *, rate: float = 2000.0, burst: float = 200.0) -> None:
        self._clock = clock
        self._rate = rate
        self._burst = burst
        self._next = clock() - burst / rate
        self._trouble = 0

    @property
    def rate(self) -> float:
        """Writes per second that are let through now."""
        return self._rate

    def reserve(self) -> float:
        """Takes one token and returns how many seconds to wait before using it."""
        now = self._clock()
        self._next = max(self._next, now - self._burst / self._rate) + 1.0 / self._rate
        return max(0.0, self._next - now)

    def ease(self) -> None:
        """Notes that the server answered."""
        self._trouble = 0
        self._rate = min(MAX_WRITES_PER_SECOND, self._rate + max(1.0, self._rate / 200))

    def slow(self, retry_after: float | None) -> None:
        """Notes that the server asked for patience or did not answer: everybody waits, and then goes slower."""
        self._trouble += 1
        if self._trouble == 1 or retry_after is not None:
            self._rate = max(MIN_WRITES_PER_SECOND, self._rate / 2)
        pause = retry_after if retry_after is not None else min(10.0, 0.1 * 2.0 ** min(self._trouble, 10))
        self._next = max(self._next, self._clock() + pause)


@dataclass(frozen=True, slots=True)
class BackoffPolicy:
    """The first delay after a failure, and the longest."""

    first: float
    longest: float


STALE = BackoffPolicy(0.01, 5.0)
UNAVAILABLE = BackoffPolicy(0.2, 30.0)
REFUSED = BackoffPolicy(0.5, 300.0)


UNANSWERED_WRITE_SECONDS = 30.0
"""A write that got no answer may still be carried out for so long; the API server gives up on it sooner."""


@dataclass(frozen=True, slots=True)
class _Failure:
    times: int
    at: float
    until: float
    policy: BackoffPolicy


class Backoff:
    """Delays that double with each failure of one write, spread by chance so that ten thousand do not come at once."""

    def __init__(self, clock: Callable[[], float], random: Callable[[], float]) -> None:
        self._clock = clock
        self._random = random
        self._failures: dict[str, dict[str, _Failure]] = {}

    def fail(self, namespace: str, subject: str, policy: BackoffPolicy) -> float:
        """Counts a failure and returns how long to leave it alone."""
        now, failures = self._clock(), self._failures.setdefault(namespace, {})
        times = failures[subject].times if subject in failures else 0
        delay = min(policy.longest, policy.first * 2.0 ** min(times, 30)) * (0.5 + self._random())
        failures[subject] = _Failure(times + 1, now, now + delay, policy)
        return delay

    def wait(self, namespace: str, subject: str) -> float:
        """Returns for how many seconds this write must still be left alone."""
        failures = self._failures.get(namespace)
        failure = failures.get(subject) if failures else None
        return max(0.0, failure.until - self._clock()) if failure else 0.0

    def is_unsure(self, namespace: str, heard: float) -> bool:
        """Whether a write in the namespace got no answer, and nobody can know yet whether it was carried out.

        `heard` is the moment since which every view that would tell has told something.
        """
        now = self._clock()
        return any(
            failure.policy is UNAVAILABLE and (now < failure.at + UNANSWERED_WRITE_SECONDS or heard <= failure.at)
            for failure in self._failures.get(namespace, {}).values()
        )

    def clear(self, namespace: str, subject: str) -> None:
        """Forgets the failures of a write that succeeded."""
        failures = self._failures.get(namespace)
        if failures is None:
            return
        failures.pop(subject, None)
        if not failures:
            del self._failures[namespace]

    def forget(self, namespace: str) -> None:
        """Forgets a namespace that has gone."""
        self._failures.pop(namespace, None)
