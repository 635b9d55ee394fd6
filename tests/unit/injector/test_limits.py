"""The limits against a simulated server in virtual time: they find its capacity, keep it busy, and never flood it."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, field
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harbor_operator.injector.limits import (
    BASELINE_SECONDS,
    MAX_PAUSE_SECONDS,
    MAX_QUEUED_ROTATIONS,
    MAX_QUEUED_WRITES,
    REFUSED,
    RETENTION_SECONDS,
    STALE,
    UNANSWERED_WRITE_SECONDS,
    UNAVAILABLE,
    WINDOW_ANSWERS,
    AdaptiveConcurrencyLimiter,
    AimdRateLimiter,
    Backoff,
    BackoffPolicy,
    ConcurrencyLimit,
    Failure,
)
from harbor_operator.injector.queue import ConcurrencyLimits
from tests.unit.injector.fixture import Clock

MAX_WRITES = 64


@dataclass
class Server:
    """Executes `slots` requests at a time, each for about `seconds`; the others wait in order of arrival."""

    slots: int
    seconds: float
    spread: float = 0.0
    random: random.Random = field(default_factory=partial(random.Random, 1))
    ends: list[float] = field(default_factory=list)

    def request(self, now: float) -> float:
        """Returns the time of the answer."""
        while len(self.ends) >= self.slots:
            now = max(now, heapq.heappop(self.ends))
        took = self.seconds * (1.0 + self.spread * (self.random.random() - 0.5))
        heapq.heappush(self.ends, now + took)
        return now + took


class Client:
    """Always has as many writes to do as the limit allows."""

    def __init__(self, server: Server, *, background: bool = False, maximum: int = MAX_WRITES) -> None:
        self.clock = Clock()
        self.server = server
        self.limiter = AdaptiveConcurrencyLimiter(self.clock, maximum)
        self.limit = self.limiter.background if background else self.limiter.total
        self.answers: list[tuple[float, float]] = []
        self.concurrent: list[int] = []

    def work(self, seconds: float) -> float:
        """Returns the writes per second that were answered."""
        begin, done = self.clock.now, 0
        while self.clock.now - begin < seconds:
            while len(self.answers) < self.limit.limit:
                heapq.heappush(self.answers, (self.server.request(self.clock.now), self.clock.now))
            self.concurrent.append(len(self.answers))
            self.limit.mark_saturated()
            at, sent = heapq.heappop(self.answers)
            self.clock.now = at
            self.limiter.on_answer(str, at - sent)
            done += 1
        return done / seconds

    def limits(self, seconds: float) -> list[int]:
        self.concurrent.clear()
        self.work(seconds)
        return sorted(self.concurrent)


SERVERS = st.builds(
    Server,
    slots=st.integers(1, 32),
    seconds=st.sampled_from([0.02, 0.05]),
    spread=st.sampled_from([0.0, 0.5, 1.5]),
    random=st.integers(0, 99).map(random.Random),
)


@settings(max_examples=15, deadline=None)
@given(server=SERVERS)
def test_server_of_any_size_is_kept_busy_with_a_short_queue(server: Server) -> None:
    client = Client(server)
    client.work(BASELINE_SECONDS + 30 * server.seconds * WINDOW_ANSWERS / server.slots)
    client.concurrent.clear()
    assert client.work(1.5 * BASELINE_SECONDS) > 0.85 * server.slots / server.seconds
    limits = sorted(client.concurrent)
    assert server.slots <= limits[len(limits) // 2] <= 1.3 * server.slots + MAX_QUEUED_WRITES + 5
    assert limits[-1] <= 1.3 * server.slots + MAX_QUEUED_WRITES + 12


@settings(max_examples=15, deadline=None)
@given(server=SERVERS, maximum=st.integers(1, 32), background=st.booleans())
def test_limits_stay_in_bounds(server: Server, maximum: int, background: bool) -> None:
    client = Client(server, background=background, maximum=maximum)
    limits = client.limits(20 * server.seconds * WINDOW_ANSWERS)
    assert limits[0] >= 1
    assert limits[-1] <= maximum


@pytest.mark.parametrize(("maximum", "new_namespaces"), [(1, 1), (7, 1), (8, 2), (16, 4)])
def test_new_namespaces_get_a_quarter_of_the_total(maximum: int, new_namespaces: int) -> None:
    assert AdaptiveConcurrencyLimiter(lambda: 0.0, maximum).limits == ConcurrencyLimits(
        maximum, new_namespaces, rotations=1
    )


@settings(max_examples=15, deadline=None)
@given(server=SERVERS)
def test_background_leaves_hardly_any_queue(server: Server) -> None:
    client = Client(server, background=True)
    client.work(100 * server.seconds * WINDOW_ANSWERS / server.slots)
    limits = client.limits(10 * server.seconds * WINDOW_ANSWERS / server.slots)
    assert limits[-1] <= 1.2 * server.slots + MAX_QUEUED_ROTATIONS + 2


@pytest.mark.parametrize("factor", [8, 0.125])
def test_limits_follow_a_server_whose_capacity_changes(factor: float) -> None:
    server = Server(16, 0.02, 0.5)
    client = Client(server)
    client.work(BASELINE_SECONDS)
    server.slots = round(server.slots * factor) if factor < 1 else server.slots
    server.seconds *= max(1, factor)
    client.work(3 * BASELINE_SECONDS)
    limits = client.limits(BASELINE_SECONDS / 2)
    assert server.slots <= limits[len(limits) // 2] <= 1.3 * server.slots + MAX_QUEUED_WRITES + 5


def test_failures_halve_once_a_window_and_the_limit_recovers() -> None:
    client = Client(Server(16, 0.05))
    client.work(10.0)
    before = client.limit.limit
    for _ in range(5):
        client.limiter.on_failure()
    assert client.limit.limit == before // 2
    client.work(10.0)
    assert client.limit.limit >= 16


def test_permanent_failures_leave_a_limit_of_one() -> None:
    limiter = AdaptiveConcurrencyLimiter(Clock(), MAX_WRITES)
    for _ in range(20):
        limiter.on_failure()
        for _ in range(WINDOW_ANSWERS):
            limiter.on_answer(str, 1.0)
    assert limiter.total.limit == 1
    assert limiter.background.limit == 1


def test_limit_that_is_not_saturated_does_not_grow() -> None:
    clock = Clock()
    limiter = AdaptiveConcurrencyLimiter(clock, MAX_WRITES)
    before = limiter.total.limit
    for _ in range(100 * WINDOW_ANSWERS):
        clock.now += 0.5
        limiter.on_answer(str, 0.004)
    assert limiter.total.limit == before


def test_each_kind_is_compared_only_with_itself() -> None:
    limiter = AdaptiveConcurrencyLimiter(Clock(), MAX_WRITES)
    for kind, seconds in [(str, 0.002)] * 5 + [(int, 0.02)] * 5:
        limiter.total.mark_saturated()
        for _ in range(WINDOW_ANSWERS):
            limiter.on_answer(kind, seconds)
    assert limiter.total.limit > 40


@given(windows=st.lists(st.tuples(st.floats(1.0, 1000.0), st.booleans()), max_size=50), maximum=st.integers(1, 256))
def test_no_window_moves_a_limit_out_of_its_bounds(windows: list[tuple[float, bool]], maximum: int) -> None:
    limit = ConcurrencyLimit(maximum, queue=6.0, tolerance=1.3)
    for gradient, saturated in windows:
        before = limit.limit
        if saturated:
            limit.mark_saturated()
        limit.update(gradient)
        assert 1 <= limit.limit <= maximum
        assert before // 2 <= limit.limit <= before + 7


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_rate_lets_a_burst_through_and_then_its_rate(clock: Clock) -> None:
    limiter = AimdRateLimiter(clock, rate=10.0, burst=5.0)
    waits = [limiter.reserve() for _ in range(7)]
    assert waits[:5] == pytest.approx([0.0] * 5)
    assert waits[5:] == pytest.approx([0.1, 0.2])


def test_rate_honours_retry_after_and_recovers(clock: Clock) -> None:
    limiter = AimdRateLimiter(clock, rate=100.0)
    limiter.on_throttle(7.0)
    assert limiter.reserve() == pytest.approx(7.02)
    assert limiter.rate == 50.0
    for _ in range(60):
        limiter.on_success()
    assert limiter.rate > 100.0


def test_one_answer_does_not_stop_all_writes_for_an_hour(clock: Clock) -> None:
    """Finding R15."""
    limiter = AimdRateLimiter(clock)
    limiter.on_throttle(3600.0)
    assert limiter.reserve() == pytest.approx(MAX_PAUSE_SECONDS, abs=1.0)


def test_an_old_failure_does_not_lengthen_the_backoff(clock: Clock) -> None:
    """Finding R15."""
    backoff = Backoff(clock, lambda: 0.5)
    failure: Failure | None = None
    for _ in range(20):
        failure = backoff.next(failure, REFUSED)
    assert backoff.wait(failure) == REFUSED.maximum
    clock.now += REFUSED.maximum + RETENTION_SECONDS
    assert backoff.wait(backoff.next(failure, REFUSED)) == REFUSED.initial


def test_rate_never_falls_to_zero(clock: Clock) -> None:
    limiter = AimdRateLimiter(clock)
    for _ in range(100):
        limiter.on_throttle(None)
    assert limiter.rate >= 5.0
    assert limiter.reserve() < 11.0


@pytest.mark.parametrize("policy", [STALE, UNAVAILABLE, REFUSED])
def test_backoff_doubles_up_to_its_maximum(clock: Clock, policy: BackoffPolicy) -> None:
    backoff = Backoff(clock, lambda: 0.5)
    failure: Failure | None = None
    delays = []
    for _ in range(40):
        failure = backoff.next(failure, policy)
        delays.append(backoff.wait(failure))
    assert delays[:3] == pytest.approx([policy.initial, policy.initial * 2, policy.initial * 4])
    assert delays[-1] == policy.maximum
    assert backoff.wait(None) == 0.0


def test_write_without_answer_may_still_apply_until_a_later_event(clock: Clock) -> None:
    backoff = Backoff(clock, lambda: 0.5)
    unanswered, refused = backoff.next(None, UNAVAILABLE), backoff.next(None, REFUSED)
    assert backoff.may_still_apply([refused, unanswered], last_event_at=clock.now)
    clock.now += UNANSWERED_WRITE_SECONDS
    assert backoff.may_still_apply([unanswered], last_event_at=unanswered.at)
    assert not backoff.may_still_apply([unanswered], last_event_at=clock.now)
    assert not backoff.may_still_apply([refused], last_event_at=0.0)
