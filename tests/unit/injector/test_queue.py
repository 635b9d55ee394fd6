from __future__ import annotations

import pytest

from harbor_operator.injector.queue import (
    ARRIVAL_WINDOW_SECONDS,
    COOLDOWN_FACTOR,
    ConcurrencyLimits,
    Priority,
    WorkQueue,
)
from tests.unit.injector.fixture import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(clock: Clock) -> WorkQueue:
    return WorkQueue(clock)


def get(queue: WorkQueue, *, total: int = 9, new_namespaces: int = 9, rotations: int = 1) -> str | None:
    return queue.get(ConcurrencyLimits(total, new_namespaces, rotations))


WAITING = (
    ("d", Priority.ROTATION),
    ("c", Priority.REPAIR),
    ("b1", Priority.NEW),
    ("a", Priority.ATTACH),
    ("b2", Priority.NEW),
)


def test_key_is_handed_out_once(queue: WorkQueue) -> None:
    queue.add("a", Priority.REPAIR)
    queue.add("a", Priority.REPAIR)
    assert get(queue) == "a"
    assert get(queue) is None


def test_urgent_keys_overtake_and_equals_keep_their_order(queue: WorkQueue) -> None:
    for key, priority in WAITING:
        queue.add(key, priority)
    assert [get(queue) for _ in WAITING] == ["a", "b1", "b2", "c", None]
    for key in ("a", "b1", "b2", "c"):
        queue.done(key)
    assert get(queue) == "d"


def test_promoted_key_comes_once(queue: WorkQueue) -> None:
    queue.add("a", Priority.ROTATION)
    queue.add("b", Priority.REPAIR)
    queue.add("a", Priority.NEW)
    assert [get(queue) for _ in range(3)] == ["a", "b", None]


def test_key_that_is_added_while_processed_comes_again_afterwards(queue: WorkQueue) -> None:
    queue.add("a", Priority.REPAIR)
    assert get(queue) == "a"
    queue.add("a", Priority.REPAIR)
    assert get(queue) is None
    assert queue.is_processing("a")
    queue.done("a", delay=60.0)
    assert get(queue) == "a"


def test_delayed_key_waits_unless_it_is_added(queue: WorkQueue, clock: Clock) -> None:
    for key in ("a", "b"):
        queue.add(key, Priority.REPAIR)
        assert get(queue) == key
        queue.done(key, delay=5.0)
    assert get(queue) is None
    assert queue.next_due() == 5.0
    queue.add("b", Priority.REPAIR)
    assert get(queue) == "b"
    clock.now += 5.0
    assert get(queue) == "a"
    assert get(queue) is None


def test_namespaces_without_accounts_leave_room_for_accounts(queue: WorkQueue) -> None:
    for key in ("a", "b", "c"):
        queue.add(key, Priority.NEW)
    queue.add("repair", Priority.REPAIR)
    assert [get(queue, new_namespaces=2) for _ in range(3)] == ["a", "b", None]
    queue.add("c", Priority.ATTACH)
    assert [get(queue, new_namespaces=2) for _ in range(2)] == ["c", "repair"]
    queue.add("d", Priority.NEW)
    assert get(queue, new_namespaces=2) is None
    queue.done("a")
    assert get(queue, new_namespaces=2) == "d"


def test_at_the_total_limit_no_key_is_handed_out_and_none_is_due(queue: WorkQueue, clock: Clock) -> None:
    for key in ("later", "a"):
        queue.add(key, Priority.REPAIR)
        assert get(queue) == key
    queue.done("later", delay=1.0)
    clock.now += 1.0
    assert get(queue, total=1) is None
    assert queue.next_due() is None
    queue.done("a")
    assert get(queue, total=1) == "later"


def test_rotations_stay_within_their_limit_and_wait_for_urgent_keys(queue: WorkQueue) -> None:
    for key in ("a", "b", "c", "d"):
        queue.add(key, Priority.ROTATION)
    assert [get(queue, rotations=2) for _ in range(3)] == ["a", "b", None]
    queue.add("new", Priority.NEW)
    assert get(queue, rotations=2) == "new"
    queue.done("a")
    assert get(queue, rotations=2) is None
    queue.done("b")
    assert get(queue, rotations=2) is None
    queue.done("new")
    assert [get(queue, rotations=2) for _ in range(2)] == ["c", "d"]
    assert (queue.processing, queue.rotating) == (2, 2)


def test_rotations_cool_down_while_urgent_keys_arrive(queue: WorkQueue, clock: Clock) -> None:
    for key in ("a", "b", "c", "d"):
        queue.add(key, Priority.ROTATION)
    assert get(queue) == "a"
    queue.add("new", Priority.NEW)
    assert get(queue) == "new"
    queue.done("new")
    clock.now += ARRIVAL_WINDOW_SECONDS / 2
    queue.done("a")
    assert get(queue) is None
    assert queue.next_due() == pytest.approx(ARRIVAL_WINDOW_SECONDS / 2 * COOLDOWN_FACTOR)
    clock.now += ARRIVAL_WINDOW_SECONDS / 2 * COOLDOWN_FACTOR
    assert get(queue) == "b"
    clock.now += ARRIVAL_WINDOW_SECONDS
    queue.done("b")
    assert get(queue) == "c"


def test_end_of_the_cooldown_is_not_missed(queue: WorkQueue, clock: Clock) -> None:
    for key in ("a", "b"):
        queue.add(key, Priority.ROTATION)
    queue.add("urgent", Priority.ATTACH)
    assert get(queue) == "urgent"
    queue.done("urgent")
    assert get(queue) == "a"
    clock.now += ARRIVAL_WINDOW_SECONDS / 4
    queue.done("a")
    assert get(queue) is None
    clock.now += ARRIVAL_WINDOW_SECONDS / 4 * COOLDOWN_FACTOR  # it ends between `get` and `next_due`
    assert queue.next_due() == 0.0
    queue.add("urgent", Priority.ATTACH)
    assert [get(queue) for _ in range(2)] == ["urgent", None]
    assert queue.next_due() is None  # from here on, the end of the urgent key wakes the dispatcher
    queue.done("urgent")
    assert get(queue) == "b"


def test_cooldown_is_shorter_the_more_rotations_run_at_a_time(queue: WorkQueue, clock: Clock) -> None:
    for key in ("a", "b", "c"):
        queue.add(key, Priority.ROTATION)
    queue.add("new", Priority.NEW)
    assert get(queue) == "new"
    queue.done("new")
    assert [get(queue, rotations=2) for _ in range(2)] == ["a", "b"]
    clock.now += ARRIVAL_WINDOW_SECONDS / 2
    queue.done("a")
    assert queue.next_due() == pytest.approx(ARRIVAL_WINDOW_SECONDS / 4 * COOLDOWN_FACTOR)
    queue.add("urgent", Priority.ATTACH)
    assert get(queue, rotations=2) == "urgent"


def test_longest_wait_is_that_of_the_oldest_eligible_key(queue: WorkQueue, clock: Clock) -> None:
    queue.add("delayed", Priority.REPAIR)
    get(queue)
    queue.done("delayed", delay=100.0)
    queue.add("a", Priority.REPAIR)
    clock.now += 3.0
    queue.add("b", Priority.REPAIR)
    assert (queue.depth, queue.longest_wait()) == (3, 3.0)
