"""The chain of operations on a registry in memory: what stays, what goes back, what is reported, and the shortest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from typing_extensions import override

from lab.process import LabError
from tests.campaign.lab_cases import lab_seed
from tests.campaign.operations import Operation
from tests.campaign.oracles import AlarmError
from tests.campaign.path import (
    MAX_FINDINGS,
    MAX_MOVES,
    MAX_SHRINK_ATTEMPTS,
    Operations,
    Subject,
    first_failure,
    interrupts,
    run_campaign,
    shorter,
)
from tests.campaign.schema import Spec
from tests.campaign.secret_edits import SecretEdit

SEED = lab_seed()
SECRET = Operation("no Secret", secret=SecretEdit("redis"), words=("redis",), ready=False)


def sets(interval: int, **more: Any) -> Operation:
    return Operation(f"interval {interval}", merge={"checkIntervalSeconds": interval}, **more)


@dataclass
class StoredSubject(Subject):
    """A registry in memory: it is not ready with the intervals `bad`, and the intervals `broken` raise alarms."""

    bad: set[int] = field(default_factory=set)
    broken: set[int] = field(default_factory=set)
    message: str = "`spec.checkIntervalSeconds` is wrong"
    keeps: bool = False
    can_reset: bool = True
    intervals: list[int] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)
    left: set[str] = field(default_factory=set)
    has_secret: bool = True

    @override
    def deploy(self, spec: Spec, operation: Operation | None = None) -> None:
        self.intervals.append(spec["checkIntervalSeconds"])
        if operation and operation.secret:
            self.has_secret = False
        if self.keeps:
            self.left.add(f"condition {self.intervals[-1]}")
        if self.intervals[-1] in self.broken:
            raise AlarmError("destruction", "DROP DATABASE")

    @override
    def undo(self, operation: Operation) -> None:
        self.has_secret = True

    @override
    def reset(self, spec: Spec) -> None:
        if not self.can_reset:
            raise LabError("not ready")
        self.has_secret = True
        self.left.clear()
        self.intervals.append(spec["checkIntervalSeconds"])

    @override
    def conditions(self) -> Mapping[str, Mapping[str, Any]]:
        is_ready = self.has_secret and self.intervals[-1] not in self.bad
        message = self.message if self.has_secret else "Secret 'redis' is missing"
        return {"Ready": {"status": str(is_ready), "reason": "x", "message": message}}

    @override
    def snapshot(self) -> set[str]:
        return {f"release {self.intervals[-1:]} {self.has_secret}"} if not self.keeps else set(self.left)

    @override
    def check_unharmed(self) -> None:
        self.checks.append("unharmed")

    @override
    def check_others(self) -> None:
        self.checks.append("others")


def ready(**attributes: Any) -> StoredSubject:
    subject = StoredSubject(**attributes)
    subject.reset(SEED)
    return subject


def alarm_of(subject: StoredSubject, *operations: Operation) -> str:
    failure = first_failure(subject, SEED, operations)
    return failure.alarm.oracle if failure else ""


def test_a_ready_change_stays_until_the_path_returns_to_the_seed() -> None:
    subject = ready()
    assert alarm_of(subject, sets(10), sets(20)) == ""
    assert subject.intervals == [5, 10, 20, 5]
    assert subject.checks == ["others"]


def test_a_long_path_returns_to_the_seed_in_between() -> None:
    subject = ready()
    assert alarm_of(subject, *(sets(10 + number) for number in range(MAX_MOVES + 1))) == ""
    assert subject.intervals.count(5) == 3


def test_an_operation_that_does_not_apply_begins_at_the_seed() -> None:
    subject = ready()
    assert alarm_of(subject, sets(10), sets(10)) == ""
    assert subject.intervals == [5, 10, 5, 10, 5]


def test_an_error_goes_back_and_harms_nothing() -> None:
    subject = ready(bad={20})
    assert alarm_of(subject, sets(10), sets(20, words=("checkInterval",)), sets(30)) == ""
    assert subject.intervals == [5, 10, 20, 10, 30, 5]
    assert subject.checks == ["unharmed", "others"]


def test_a_changed_secret_goes_back() -> None:
    subject = ready()
    assert alarm_of(subject, SECRET) == ""
    assert subject.has_secret
    assert subject.checks == ["unharmed", "others"]


def test_a_message_without_the_field_is_found() -> None:
    assert alarm_of(ready(bad={20}, message="it is wrong"), sets(20, words=("checkInterval",))) == "explanation"


@pytest.mark.parametrize(("is_bad", "expected"), [(True, True), (False, False)])
def test_another_readiness_than_that_of_the_case_is_found(is_bad: bool, expected: bool) -> None:
    subject = ready(bad={20} if is_bad else set())
    assert alarm_of(subject, sets(20, ready=expected, words=("checkInterval",))) == "readiness"


def test_a_suspended_registry_is_not_ready_and_says_so() -> None:
    assert alarm_of(ready(), Operation("suspended", merge={"suspend": True}, ready=False)) == ""


def test_what_a_path_leaves_behind_is_found() -> None:
    subject = ready(keeps=True)
    assert alarm_of(subject, sets(10)) == "differential"


def test_what_an_error_leaves_behind_is_found() -> None:
    subject = ready(keeps=True, bad={20})
    assert alarm_of(subject, sets(20, words=("checkInterval",))) == "recovery"


def test_only_a_moved_address_can_interrupt_harbor() -> None:
    assert interrupts(Operation("", merge={"externalURL": "https://new.example.com"}))
    assert not interrupts(sets(10))
    assert not interrupts(SECRET)


def test_an_alarm_is_reported_with_the_single_operation_that_raises_it() -> None:
    subject = ready(broken={30})
    (finding,) = run_campaign(subject, SEED, [sets(10), sets(20), sets(30), sets(40)])
    assert finding.alarm.oracle == "destruction"
    assert finding.operations == (sets(30),)
    assert subject.intervals[-3:] == [5, 40, 5]


def test_a_campaign_ends_after_a_few_alarms() -> None:
    subject = ready(broken=set(range(10, 100)))
    findings = run_campaign(subject, SEED, [sets(10 + number) for number in range(MAX_FINDINGS + 3)])
    assert len(findings) == MAX_FINDINGS


def test_a_campaign_ends_if_the_seed_is_not_ready_again() -> None:
    subject = ready(broken={20})
    subject.can_reset = False
    (finding,) = run_campaign(subject, SEED, [sets(10), sets(20), sets(30)])
    assert finding.operations == (sets(10), sets(20))
    assert 30 not in subject.intervals


def test_a_server_that_does_not_answer_is_an_alarm() -> None:
    class Silent(StoredSubject):
        @override
        def check_others(self) -> None:
            raise OSError("refused")

    subject = Silent()
    subject.reset(SEED)
    assert alarm_of(subject, sets(10)) == "observation"


def test_a_registry_that_cannot_be_observed_is_no_success() -> None:
    class Unobservable(StoredSubject):
        @override
        def snapshot(self) -> set[str]:
            raise LabError("helm is absent")

    with pytest.raises(LabError, match="helm is absent"):
        run_campaign(Unobservable(), SEED, [sets(10)])


ALL = tuple(sets(number) for number in (10, 20, 30, 40))


@pytest.mark.parametrize(
    ("needed", "expected"),
    [({40}, (40,)), ({10, 40}, (10, 40)), ({30, 40}, (30, 40)), ({10, 20, 30, 40}, (10, 20, 30, 40))],
)
def test_operations_that_are_not_needed_are_left_out(needed: set[int], expected: tuple[int, ...]) -> None:
    tried: list[Operations] = []

    def fails(operations: Operations) -> bool:
        tried.append(operations)
        return all(sets(number) in operations for number in needed)

    assert shorter(ALL, fails) == tuple(sets(number) for number in expected)
    assert len(tried) <= MAX_SHRINK_ATTEMPTS
    assert ALL not in tried
