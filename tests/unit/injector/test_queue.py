from __future__ import annotations

import pytest

from harbor_operator.injector.backoff import REFUSED, STALE, UNAVAILABLE, AimdRateLimiter, Backoff, BackoffPolicy
from harbor_operator.injector.queue import (
    ARRIVAL_WINDOW_SECONDS,
    COOLDOWN_FACTOR,
    ConcurrencyLimits,
    Priority,
    WorkQueue,
)
from tests.unit.injector.world import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(clock: Clock) -> WorkQueue:
    return WorkQueue(clock)


def take(queue: WorkQueue, *, whole: int = 9, fresh: int = 9, rotations: int = 1) -> str | None:
    return queue.take(ConcurrencyLimits(whole, fresh, rotations))


WAITING = (
    ("d", Priority.ROTATION),
    ("c", Priority.REPAIR),
    ("b1", Priority.FRESH),
    ("a", Priority.ATTACH),
    ("b2", Priority.FRESH),
)


def test_key_is_handed_out_once(queue: WorkQueue) -> None:
    queue.add("a", Priority.REPAIR)
    queue.add("a", Priority.REPAIR)
    assert take(queue) == "a"
    assert take(queue) is None


def test_urgent_keys_overtake_and_equals_keep_their_order(queue: WorkQueue) -> None:
    for key, priority in WAITING:
        queue.add(key, priority)
    assert [take(queue) for _ in WAITING] == ["a", "b1", "b2", "c", None]
    for key in ("a", "b1", "b2", "c"):
        queue.finish(key)
    assert take(queue) == "d"


def test_promoted_key_comes_once(queue: WorkQueue) -> None:
    queue.add("a", Priority.ROTATION)
    queue.add("b", Priority.REPAIR)
    queue.add("a", Priority.FRESH)
    assert [take(queue) for _ in range(3)] == ["a", "b", None]


def test_key_that_is_rung_while_active_comes_again_afterwards(queue: WorkQueue) -> None:
    queue.add("a", Priority.REPAIR)
    assert take(queue) == "a"
    queue.add("a", Priority.REPAIR)
    assert take(queue) is None
    assert queue.is_active("a")
    queue.finish("a", delay=60.0)
    assert take(queue) == "a"


def test_delayed_key_waits_unless_it_is_rung(queue: WorkQueue, clock: Clock) -> None:
    for key in ("a", "b"):
        queue.add(key, Priority.REPAIR)
        assert take(queue) == key
        queue.finish(key, delay=5.0)
    assert take(queue) is None
    assert queue.next_due() == 5.0
    queue.add("b", Priority.REPAIR)
    assert take(queue) == "b"
    clock.now += 5.0
    assert take(queue) == "a"
    assert take(queue) is None


def test_namespaces_without_accounts_leave_room_for_accounts(queue: WorkQueue) -> None:
    for key in ("a", "b", "c"):
        queue.add(key, Priority.FRESH)
    queue.add("repair", Priority.REPAIR)
    assert [take(queue, fresh=2) for _ in range(3)] == ["a", "b", None]
    queue.add("c", Priority.ATTACH)
    assert [take(queue, fresh=2) for _ in range(2)] == ["c", "repair"]
    queue.add("d", Priority.FRESH)
    assert take(queue, fresh=2) is None
    queue.finish("a")
    assert take(queue, fresh=2) == "d"


def test_full_queue_hands_out_nothing_and_does_not_ask_to_look_again(queue: WorkQueue, clock: Clock) -> None:
    for key in ("later", "a"):
        queue.add(key, Priority.REPAIR)
        assert take(queue) == key
    queue.finish("later", delay=1.0)
    clock.now += 1.0
    assert take(queue, whole=1) is None
    assert queue.next_due() is None
    queue.finish("a")
    assert take(queue, whole=1) == "later"


def test_rotation_takes_no_more_than_its_share_and_steps_back_for_the_urgent(queue: WorkQueue) -> None:
    for key in ("a", "b", "c", "d"):
        queue.add(key, Priority.ROTATION)
    assert [take(queue, rotations=2) for _ in range(3)] == ["a", "b", None]
    queue.add("fresh", Priority.FRESH)
    assert take(queue, rotations=2) == "fresh"
    queue.finish("a")
    assert take(queue, rotations=2) is None
    queue.finish("b")
    assert take(queue, rotations=2) is None
    queue.finish("fresh")
    assert [take(queue, rotations=2) for _ in range(2)] == ["c", "d"]
    assert (queue.under_way, queue.rotating) == (2, 2)


def test_rotation_rests_while_urgent_keys_keep_coming(queue: WorkQueue, clock: Clock) -> None:
    for key in ("a", "b", "c", "d"):
        queue.add(key, Priority.ROTATION)
    assert take(queue) == "a"
    queue.add("fresh", Priority.FRESH)
    assert take(queue) == "fresh"
    queue.finish("fresh")
    clock.now += ARRIVAL_WINDOW_SECONDS / 2
    queue.finish("a")
    assert take(queue) is None
    assert queue.next_due() == pytest.approx(ARRIVAL_WINDOW_SECONDS / 2 * COOLDOWN_FACTOR)
    clock.now += ARRIVAL_WINDOW_SECONDS / 2 * COOLDOWN_FACTOR
    assert take(queue) == "b"
    clock.now += ARRIVAL_WINDOW_SECONDS
    queue.finish("b")
    assert take(queue) == "c"


def test_end_of_a_rest_is_not_missed(queue: WorkQueue, clock: Clock) -> None:
    for key in ("a", "b"):
        queue.add(key, Priority.ROTATION)
    queue.add("urgent", Priority.ATTACH)
    assert take(queue) == "urgent"
    queue.finish("urgent")
    assert take(queue) == "a"
    clock.now += ARRIVAL_WINDOW_SECONDS / 4
    queue.finish("a")
    assert take(queue) is None
    clock.now += (
        ARRIVAL_WINDOW_SECONDS / 4 * COOLDOWN_FACTOR
    )  # it ends between the look and the question when to look again
    assert queue.next_due() == 0.0
    queue.add("urgent", Priority.ATTACH)
    assert [take(queue) for _ in range(2)] == ["urgent", None]
    assert queue.next_due() is None  # from here on it is the end of the urgent one that rings
    queue.finish("urgent")
    assert take(queue) == "b"


def test_the_more_are_rotated_at_a_time_the_shorter_are_the_rests(queue: WorkQueue, clock: Clock) -> None:
    for key in ("a", "b", "c"):
        queue.add(key, Priority.ROTATION)
    queue.add("fresh", Priority.FRESH)
    assert take(queue) == "fresh"
    queue.finish("fresh")
    assert [take(queue, rotations=2) for _ in range(2)] == ["a", "b"]
    clock.now += ARRIVAL_WINDOW_SECONDS / 2
    queue.finish("a")
    assert queue.next_due() == pytest.approx(ARRIVAL_WINDOW_SECONDS / 4 * COOLDOWN_FACTOR)
    queue.add("urgent", Priority.ATTACH)
    assert take(queue, rotations=2) == "urgent"


def test_age_is_that_of_the_oldest_key_that_could_be_taken(queue: WorkQueue, clock: Clock) -> None:
    queue.add("delayed", Priority.REPAIR)
    take(queue)
    queue.finish("delayed", delay=100.0)
    queue.add("a", Priority.REPAIR)
    clock.now += 3.0
    queue.add("b", Priority.REPAIR)
    assert (queue.depth, queue.oldest_age()) == (3, 3.0)


def test_pace_lets_a_burst_through_and_then_its_rate(clock: Clock) -> None:
    pace = AimdRateLimiter(clock, rate=10.0, burst=5.0)
    waits = [pace.reserve() for _ in range(7)]
    assert waits[:5] == pytest.approx([0.0] * 5)
    assert waits[5:] == pytest.approx([0.1, 0.2])


def test_pace_honours_the_server_and_recovers(clock: Clock) -> None:
    pace = AimdRateLimiter(clock, rate=100.0)
    pace.slow(7.0)
    assert pace.reserve() == pytest.approx(7.02)
    assert pace.rate == 50.0
    for _ in range(60):
        pace.ease()
    assert pace.rate > 100.0


def test_pace_never_stops(clock: Clock) -> None:
    pace = AimdRateLimiter(clock)
    for _ in range(100):
        pace.slow(None)
    assert pace.rate >= 5.0
    assert pace.reserve() < 11.0


@pytest.mark.parametrize("policy", [STALE, UNAVAILABLE, REFUSED])
def test_backoff_doubles_up_to_its_limit(clock: Clock, policy: BackoffPolicy) -> None:
    backoff = Backoff(clock, lambda: 0.5)
    delays = [backoff.fail("ns", "Secret 'x'", policy) for _ in range(40)]
    assert delays[:3] == [policy.first, policy.first * 2, policy.first * 4]
    assert delays[-1] == policy.longest
    assert backoff.wait("ns", "Secret 'x'") == policy.longest
    assert backoff.wait("ns", "Secret 'y'") == 0.0
    backoff.clear("ns", "Secret 'x'")
    assert backoff.wait("ns", "Secret 'x'") == 0.0
