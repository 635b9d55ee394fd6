"""The bounds against a simulated server in virtual time: they find its size, keep it busy, and never flood it."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, field
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harbor_operator.injector.concurrency import (
    ALLOWED_QUEUE,
    BACKGROUND_ALLOWED_QUEUE,
    BASELINE_SECONDS,
    WINDOW_ANSWERS,
    AdaptiveConcurrencyLimiter,
    ConcurrencyLimit,
)
from harbor_operator.injector.queue import ConcurrencyLimits
from tests.unit.injector.world import Clock

MOST = 64


@dataclass
class Server:
    """Works on so many requests at a time, each for about `seconds`; the others wait, first come first served."""

    slots: int
    seconds: float
    spread: float = 0.0
    random: random.Random = field(default_factory=partial(random.Random, 1))
    ends: list[float] = field(default_factory=list)

    def ask(self, now: float) -> float:
        """Returns when the answer comes."""
        while len(self.ends) >= self.slots:
            now = max(now, heapq.heappop(self.ends))
        took = self.seconds * (1.0 + self.spread * (self.random.random() - 0.5))
        heapq.heappush(self.ends, now + took)
        return now + took


class Client:
    """Always has something to write, as much at a time as the bound allows."""

    def __init__(self, server: Server, *, background: bool = False, most: int = MOST) -> None:
        self.clock = Clock()
        self.server = server
        self.width = AdaptiveConcurrencyLimiter(self.clock, most)
        self.bound = self.width.background if background else self.width.whole
        self.answers: list[tuple[float, float]] = []
        self.under_way: list[int] = []

    def work(self, seconds: float) -> float:
        """Returns how many writes a second were answered."""
        begin, done = self.clock.now, 0
        while self.clock.now - begin < seconds:
            while len(self.answers) < self.bound.limit:
                heapq.heappush(self.answers, (self.server.ask(self.clock.now), self.clock.now))
            self.under_way.append(len(self.answers))
            self.bound.reach()
            at, sent = heapq.heappop(self.answers)
            self.clock.now = at
            self.width.answered(str, at - sent)
            done += 1
        return done / seconds

    def limits(self, seconds: float) -> list[int]:
        self.under_way.clear()
        self.work(seconds)
        return sorted(self.under_way)


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
    client.under_way.clear()
    assert client.work(1.5 * BASELINE_SECONDS) > 0.85 * server.slots / server.seconds
    limits = sorted(client.under_way)
    assert server.slots <= limits[len(limits) // 2] <= 1.3 * server.slots + ALLOWED_QUEUE + 5
    assert limits[-1] <= 1.3 * server.slots + ALLOWED_QUEUE + 12


@settings(max_examples=15, deadline=None)
@given(server=SERVERS, most=st.integers(1, 32), background=st.booleans())
def test_bounds_are_kept(server: Server, most: int, background: bool) -> None:
    client = Client(server, background=background, most=most)
    limits = client.limits(20 * server.seconds * WINDOW_ANSWERS)
    assert limits[0] >= 1
    assert limits[-1] <= most


@pytest.mark.parametrize(("most", "fresh"), [(1, 1), (7, 1), (8, 2), (16, 4)])
def test_namespaces_without_accounts_get_a_quarter_of_the_whole(most: int, fresh: int) -> None:
    assert AdaptiveConcurrencyLimiter(lambda: 0.0, most).limits == ConcurrencyLimits(most, fresh, rotations=1)


@settings(max_examples=15, deadline=None)
@given(server=SERVERS)
def test_background_leaves_hardly_any_queue(server: Server) -> None:
    client = Client(server, background=True)
    client.work(100 * server.seconds * WINDOW_ANSWERS / server.slots)
    limits = client.limits(10 * server.seconds * WINDOW_ANSWERS / server.slots)
    assert limits[-1] <= 1.2 * server.slots + BACKGROUND_ALLOWED_QUEUE + 2


@pytest.mark.parametrize("factor", [8, 0.125])
def test_server_that_becomes_another_is_followed(factor: float) -> None:
    server = Server(16, 0.02, 0.5)
    client = Client(server)
    client.work(BASELINE_SECONDS)
    server.slots = round(server.slots * factor) if factor < 1 else server.slots
    server.seconds *= max(1, factor)
    client.work(3 * BASELINE_SECONDS)
    limits = client.limits(BASELINE_SECONDS / 2)
    assert server.slots <= limits[len(limits) // 2] <= 1.3 * server.slots + ALLOWED_QUEUE + 5


def test_trouble_halves_once_a_window_and_is_overcome() -> None:
    client = Client(Server(16, 0.05))
    client.work(10.0)
    before = client.bound.limit
    for _ in range(5):
        client.width.failed()
    assert client.bound.limit == before // 2
    client.work(10.0)
    assert client.bound.limit >= 16


def test_trouble_without_end_leaves_one() -> None:
    width = AdaptiveConcurrencyLimiter(Clock(), MOST)
    for _ in range(20):
        width.failed()
        for _ in range(WINDOW_ANSWERS):
            width.answered(str, 1.0)
    assert width.whole.limit == 1
    assert width.background.limit == 1


def test_what_was_not_in_the_way_does_not_grow() -> None:
    clock = Clock()
    width = AdaptiveConcurrencyLimiter(clock, MOST)
    before = width.whole.limit
    for _ in range(100 * WINDOW_ANSWERS):
        clock.now += 0.5
        width.answered(str, 0.004)
    assert width.whole.limit == before


def test_kinds_are_compared_with_themselves() -> None:
    width = AdaptiveConcurrencyLimiter(Clock(), MOST)
    for kind, seconds in [(str, 0.002)] * 5 + [(int, 0.02)] * 5:
        width.whole.reach()
        for _ in range(WINDOW_ANSWERS):
            width.answered(kind, seconds)
    assert width.whole.limit > 40


@given(windows=st.lists(st.tuples(st.floats(1.0, 1000.0), st.booleans()), max_size=50), most=st.integers(1, 256))
def test_no_window_moves_a_bound_out_of_its_limits(windows: list[tuple[float, bool]], most: int) -> None:
    bound = ConcurrencyLimit(most, queue=6.0, tolerance=1.3)
    for slowness, reached in windows:
        before = bound.limit
        if reached:
            bound.reach()
        bound.follow(slowness)
        assert 1 <= bound.limit <= most
        assert before // 2 <= bound.limit <= before + 7
