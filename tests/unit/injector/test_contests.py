"""Somebody keeps undoing our work: he is named, not fought; whoever only changes his mind is served at once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harbor_operator.api.v1alpha1 import LabelSelector, NamespaceSelection
from harbor_operator.injector.conflicts import (
    MAX_DELAY_SECONDS,
    MIN_STABLE_SECONDS,
    RETENTION_SECONDS,
    ConflictDetector,
)
from harbor_operator.plan.docker_config import digest_of, encode
from tests.unit.injector.world import CLAIM, NAME, Clock, World, desired

TEAM = NamespaceSelection(selector=LabelSelector(match_labels={"team": "a"}))
SUBJECT = f"Secret '{NAME}'"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def contests(clock: Clock) -> ConflictDetector:
    return ConflictDetector(clock)


@pytest.fixture
def world() -> World:
    return World()


def repair(contests: ConflictDetector, clock: Clock, times: int, every: float = 0.0) -> list[bool]:
    """Repairs as soon as it may be done, which is not sooner than after so many seconds."""
    begun = []
    for _ in range(times):
        clock.now += max(every, contests.wait("app", SUBJECT))
        begun.append(contests.record("app", SUBJECT))
    return begun


def test_the_first_repairs_are_made_at_once_and_later_ones_wait_longer_and_longer(
    contests: ConflictDetector, clock: Clock
) -> None:
    waits = []
    for _ in range(15):
        waits.append(contests.wait("app", SUBJECT))
        repair(contests, clock, 1)
    assert waits[:3] == [0.0, 0.0, 0.0]
    assert waits[3:11] == [2.0**n for n in range(8)]
    assert waits[-1] == MAX_DELAY_SECONDS


def test_a_contest_begins_once_and_is_over_when_the_work_has_stood(contests: ConflictDetector, clock: Clock) -> None:
    assert repair(contests, clock, 5) == [False, False, False, True, False]
    assert [(contest.subject, contest.times) for contest in contests.open()] == [(SUBJECT, 5)]
    clock.now += MIN_STABLE_SECONDS - 1
    assert len(contests.open()) == 1
    clock.now += 2
    assert contests.open() == ()
    assert repair(contests, clock, 1) == [True]


@pytest.mark.parametrize("every", [1.0, 60.0, 180.0])
def test_it_does_not_flicker_while_the_other_goes_on(contests: ConflictDetector, clock: Clock, every: float) -> None:
    repair(contests, clock, 4, every)
    for _ in range(20):
        clock.now += max(every, contests.wait("app", SUBJECT))
        assert len(contests.open()) == 1
        repair(contests, clock, 1, every=0.0)


def test_what_was_long_ago_is_forgotten(contests: ConflictDetector, clock: Clock) -> None:
    repair(contests, clock, 10)
    clock.now += 2 * RETENTION_SECONDS
    contests.record("app", "another")
    assert contests.wait("app", SUBJECT) == 0.0
    assert repair(contests, clock, 3) == [False] * 3


async def fight(world: World, undo: Callable[[], object], seconds: int = 60) -> int:
    """Lets somebody undo our work ten times a second, and returns how often we wrote."""
    world.cluster.writes.clear()
    for _ in range(seconds * 10):
        undo()
        await world.settle(policy=0)
        world.clock.now += 0.1
    return len(world.cluster.writes)


async def test_who_deletes_the_secret(world: World) -> None:
    world.injector.declare(desired())
    world.add_namespace("app")
    await world.settle()

    def undo() -> None:
        if ("app", NAME) in world.cluster.secrets:
            world.cluster.delete_secret("app", NAME)

    assert await fight(world, undo) < 12
    assert world.metrics.contests == 1
    assert [contest.subject for contest in world.injector.contests()] == [SUBJECT]
    await world.settle()
    world.clock.now += RETENTION_SECONDS
    assert world.injector.contests() == ()
    assert world.owner("app") == "uid-a"


async def test_who_replaces_it_by_one_that_cannot_be_changed(world: World) -> None:
    world.injector.declare(desired())
    world.add_namespace("app")
    await world.settle()
    assert await fight(world, lambda: world.cluster.put_secret("app", NAME, owner="uid-a", immutable=True)) < 24
    assert {contest.subject for contest in world.injector.contests()} == {SUBJECT, f"replacement of {SUBJECT}"}


async def test_who_copies_it_to_where_it_is_not_wanted(world: World) -> None:
    world.injector.declare(desired(namespaces=TEAM))
    world.add_namespace("other")
    await world.settle()
    assert await fight(world, lambda: world.cluster.put_secret("other", NAME, owner="uid-a")) < 12
    assert {contest.subject for contest in world.injector.contests()} == {f"removal of {SUBJECT}"}
    await world.settle()
    assert world.owner("other") is None


async def test_a_namespace_may_go_in_and_out_as_often_as_people_like(world: World) -> None:
    world.injector.declare(desired(namespaces=TEAM))
    world.add_namespace("app")
    for turn in range(20):
        world.cluster.add_namespace("app", {"team": "a"} if turn % 2 else {})
        await world.settle(policy=0)
        assert world.owner("app") == ("uid-a" if turn % 2 else None)
        assert world.references("app") == ((NAME,) if turn % 2 else ())
    assert world.metrics.contests == 0


async def test_a_new_credential_is_written_at_once_in_the_middle_of_a_contest(world: World) -> None:
    world.injector.declare(desired())
    world.add_namespace("app")
    await world.settle()
    await fight(world, lambda: world.cluster.put_secret("app", NAME, owner="uid-a"), seconds=30)
    assert world.cluster.secrets["app", NAME].digest != digest_of(encode("one"))
    world.injector.declare(desired(config="two"))
    await world.settle(policy=0)
    assert world.cluster.secrets["app", NAME].digest == digest_of(encode("two"))


async def test_a_contest_over_one_thing_holds_nothing_else_up(world: World) -> None:
    world.injector.declare(desired())
    world.add_namespace("app")
    await world.settle()
    await fight(world, lambda: world.cluster.put_account("app", "default"), seconds=30)
    assert world.references("app") == ()
    world.cluster.delete_secret("app", NAME)
    await world.settle(policy=0)
    assert world.owner("app") == "uid-a"
    world.injector.withdraw(CLAIM)
    await world.settle(policy=0)
    assert world.owner("app") is None
