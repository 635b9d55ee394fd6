"""Another client keeps reverting our writes: it is reported and the repairs slow down; our own changes do not wait."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harbor_operator.api.v1alpha1 import LabelSelector, NamespaceSelection
from harbor_operator.injector.conflicts import (
    MAX_DELAY_SECONDS,
    MAX_SHARED_SUBJECTS,
    MIN_STABLE_SECONDS,
    RETENTION_SECONDS,
    Conflict,
    ConflictDetector,
    _shared_union,
)
from harbor_operator.injector.store import NamespaceRecord
from harbor_operator.plan.docker_config import digest_of, encode
from tests.unit.injector.fixture import CLAIM, NAME, Clock, InjectorFixture, desired

TEAM = NamespaceSelection(selector=LabelSelector(match_labels={"team": "a"}))
SUBJECT = f"Secret '{NAME}'"


class DetectorFixture:
    """A detector and the record of one namespace."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.detector = ConflictDetector(clock)
        self.namespace = NamespaceRecord()

    def wait(self, subject: str = SUBJECT) -> float:
        return self.detector.wait(self.namespace, subject)

    def record(self, subject: str = SUBJECT) -> bool:
        return self.detector.record(self.namespace, subject)

    def open(self) -> tuple[Conflict, ...]:
        return self.detector.open([("app", self.namespace)])

    def repair(self, times: int, every: float = 0.0) -> list[bool]:
        """Repairs as soon as it is allowed, but not sooner than after so many seconds."""
        started = []
        for _ in range(times):
            self.clock.now += max(every, self.wait())
            started.append(self.record())
        return started


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def conflicts(clock: Clock) -> DetectorFixture:
    return DetectorFixture(clock)


@pytest.fixture
def fixture() -> InjectorFixture:
    return InjectorFixture()


def test_the_first_repairs_are_free_and_later_ones_wait_twice_as_long_each_time(conflicts: DetectorFixture) -> None:
    waits = []
    for _ in range(15):
        waits.append(conflicts.wait())
        conflicts.repair(1)
    assert waits[:3] == [0.0, 0.0, 0.0]
    assert waits[3:11] == [2.0**n for n in range(8)]
    assert waits[-1] == MAX_DELAY_SECONDS


def test_a_conflict_begins_once_and_ends_after_a_stable_time(conflicts: DetectorFixture, clock: Clock) -> None:
    assert conflicts.repair(5) == [False, False, False, True, False]
    assert [(conflict.subject, conflict.times) for conflict in conflicts.open()] == [(SUBJECT, 5)]
    clock.now += MIN_STABLE_SECONDS - 1
    assert len(conflicts.open()) == 1
    clock.now += 2
    assert conflicts.open() == ()
    assert conflicts.repair(1) == [True]


@pytest.mark.parametrize("every", [1.0, 60.0, 180.0])
def test_it_does_not_flicker_while_the_other_client_goes_on(
    conflicts: DetectorFixture, clock: Clock, every: float
) -> None:
    conflicts.repair(4, every)
    for _ in range(20):
        clock.now += max(every, conflicts.wait())
        assert len(conflicts.open()) == 1
        conflicts.repair(1, every=0.0)


def test_old_repairs_are_forgotten(conflicts: DetectorFixture, clock: Clock) -> None:
    conflicts.repair(10)
    clock.now += 2 * RETENTION_SECONDS
    conflicts.record("another")
    assert conflicts.wait() == 0.0
    assert conflicts.repair(3) == [False] * 3


def test_a_forgotten_subject_is_new(conflicts: DetectorFixture) -> None:
    conflicts.repair(10)
    conflicts.detector.forget(conflicts.namespace, SUBJECT)
    assert conflicts.wait() == 0.0
    assert conflicts.namespace.repairs is None
    assert conflicts.repair(3) == [False] * 3


def test_many_subjects_in_one_namespace_need_no_more_memory_than_themselves(conflicts: DetectorFixture) -> None:
    before = _shared_union.cache_info().currsize
    for number in range(3000):
        assert not conflicts.record(f"ServiceAccount 'account-{number}'")
    assert _shared_union.cache_info().currsize <= before + MAX_SHARED_SUBJECTS
    assert len(conflicts.namespace.written) == 3000
    assert not conflicts.record("ServiceAccount 'account-0'")
    assert set(conflicts.namespace.repairs or {}) == {"ServiceAccount 'account-0'"}


async def provoke(fixture: InjectorFixture, revert: Callable[[], object], seconds: int = 60) -> int:
    """Lets another client revert our writes ten times a second; returns the number of our writes."""
    fixture.cluster.writes.clear()
    for _ in range(seconds * 10):
        revert()
        await fixture.settle(within=0)
        fixture.clock.now += 0.1
    return len(fixture.cluster.writes)


async def test_a_client_that_deletes_the_secret(fixture: InjectorFixture) -> None:
    fixture.injector.declare(desired())
    fixture.add_namespace("app")
    await fixture.settle()

    def revert() -> None:
        if ("app", NAME) in fixture.cluster.secrets:
            fixture.cluster.delete_secret("app", NAME)

    assert await provoke(fixture, revert) < 12
    assert fixture.metrics.conflicts == 1
    assert [conflict.subject for conflict in fixture.injector.conflicts()] == [SUBJECT]
    await fixture.settle()
    fixture.clock.now += RETENTION_SECONDS
    assert fixture.injector.conflicts() == ()
    assert fixture.owner("app") == "uid-a"


async def test_a_client_that_replaces_it_by_an_immutable_one(fixture: InjectorFixture) -> None:
    fixture.injector.declare(desired())
    fixture.add_namespace("app")
    await fixture.settle()
    assert await provoke(fixture, lambda: fixture.cluster.put_secret("app", NAME, owner="uid-a", immutable=True)) < 24
    assert {conflict.subject for conflict in fixture.injector.conflicts()} == {SUBJECT, f"replacement of {SUBJECT}"}


async def test_a_client_that_copies_it_into_an_unselected_namespace(fixture: InjectorFixture) -> None:
    fixture.injector.declare(desired(namespaces=TEAM))
    fixture.add_namespace("other")
    await fixture.settle()
    assert await provoke(fixture, lambda: fixture.cluster.put_secret("other", NAME, owner="uid-a")) < 12
    assert {conflict.subject for conflict in fixture.injector.conflicts()} == {f"removal of {SUBJECT}"}
    await fixture.settle()
    assert fixture.owner("other") is None


async def test_a_namespace_that_is_selected_and_unselected_is_no_conflict(fixture: InjectorFixture) -> None:
    fixture.injector.declare(desired(namespaces=TEAM))
    fixture.add_namespace("app")
    for turn in range(20):
        fixture.cluster.add_namespace("app", {"team": "a"} if turn % 2 else {})
        await fixture.settle(within=0)
        assert fixture.owner("app") == ("uid-a" if turn % 2 else None)
        assert fixture.references("app") == ((NAME,) if turn % 2 else ())
    assert fixture.metrics.conflicts == 0


async def test_a_new_credential_is_written_at_once_during_a_conflict(fixture: InjectorFixture) -> None:
    fixture.injector.declare(desired())
    fixture.add_namespace("app")
    await fixture.settle()
    await provoke(fixture, lambda: fixture.cluster.put_secret("app", NAME, owner="uid-a"), seconds=30)
    assert fixture.cluster.secrets["app", NAME].digest != digest_of(encode("one"))
    fixture.injector.declare(desired(config="two"))
    await fixture.settle(within=0)
    assert fixture.cluster.secrets["app", NAME].digest == digest_of(encode("two"))


async def test_a_conflict_over_one_object_delays_no_other(fixture: InjectorFixture) -> None:
    fixture.injector.declare(desired())
    fixture.add_namespace("app")
    await fixture.settle()
    await provoke(fixture, lambda: fixture.cluster.put_account("app", "default"), seconds=30)
    assert fixture.references("app") == ()
    fixture.cluster.delete_secret("app", NAME)
    await fixture.settle(within=0)
    assert fixture.owner("app") == "uid-a"
    fixture.injector.withdraw(CLAIM)
    await fixture.settle(within=0)
    assert fixture.owner("app") is None
