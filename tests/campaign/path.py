"""A chain of operations on one registry, the oracles after each of them, and the shortest chain that fails.

An operation after which the registry is ready stays, and the next one changes its result. After any other one the path
goes back, and finds the state from before it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from lab.process import LabError
from tests.campaign.exceptions import MOVING, READY_DIFFERS
from tests.campaign.operations import Operation
from tests.campaign.oracles import AlarmError, Conditions, check_words, compare, is_ready
from tests.campaign.schema import Spec

MAX_MOVES = 5
"""Operations that stay, until the path returns to the seed."""
MAX_FINDINGS = 3
MAX_SHRINK_ATTEMPTS = 4

Operations = tuple[Operation, ...]


class Subject(Protocol):
    """The registry under test; each method raises AlarmError if an oracle does not hold."""

    def deploy(self, spec: Spec, operation: Operation | None = None) -> None:
        """Applies the spec, and the Secret or the annotations of the operation, and waits until nothing changes."""

    def undo(self, operation: Operation) -> None:
        """Restores the Secret that the operation has changed."""

    def reset(self, spec: Spec) -> None:
        """Restores every Secret and the spec, and waits until the registry is ready. Raises LabError."""

    def conditions(self) -> Conditions:
        """Returns the conditions by type."""

    def snapshot(self) -> set[str]:
        """Returns the state of the servers as lines, each of which begins with its kind."""

    def check_unharmed(self) -> None:
        """Checks that Harbor still answers, and that an image can be pulled."""

    def check_others(self) -> None:
        """Checks that the objects of other owners are as they were."""


@dataclass(frozen=True)
class Failure:
    """An alarm, the operations since the seed that lead to it, and how many operations of the run were begun."""

    alarm: AlarmError
    operations: Operations
    begun: int


@dataclass(frozen=True)
class Finding:
    """An alarm and the shortest operations that were found to raise it."""

    alarm: AlarmError
    operations: Operations


class Path:
    """The present spec of the registry, which begins with the ready seed, and the way to it."""

    def __init__(self, subject: Subject, seed: Spec) -> None:
        self.spec = seed
        self.operations: list[Operation] = []
        self.moves = 0
        self._subject = subject
        self._seed = seed
        self._state = self._seed_state = subject.snapshot()

    def run(self, operation: Operation) -> None:
        """Runs one operation, which must apply to the present spec. Raises AlarmError."""
        self.operations.append(operation)
        subject, before, changed = self._subject, self.spec, operation.change(self.spec)
        subject.deploy(changed, operation)
        is_suspended = bool(changed.get("suspend"))
        self._check_readiness(operation, before, is_suspended=is_suspended)
        if operation.secret is None and is_ready(subject.conditions()):
            self.spec, self._state = changed, subject.snapshot()
            self.moves += 1
            return
        subject.undo(operation)
        subject.deploy(before)
        compare("recovery", self._state, subject.snapshot())

    def return_to_seed(self) -> None:
        """Deploys the seed again, and finds its state. Raises AlarmError."""
        if self.operations:
            self._subject.deploy(self._seed)
            compare("differential", self._seed_state, self._subject.snapshot())
            self._subject.check_others()
        self.spec, self._state = self._seed, self._seed_state
        self.operations.clear()
        self.moves = 0

    def _check_readiness(self, operation: Operation, before: Spec, *, is_suspended: bool) -> None:
        conditions = self._subject.conditions()
        is_expected = operation.ready in (None, is_ready(conditions)) or operation.name in READY_DIFFERS
        if not is_expected and not is_suspended:
            said = conditions["Ready"]["message"]
            raise AlarmError("readiness", f"{operation.name}: Ready is {is_ready(conditions)}: {said}")
        if is_ready(conditions) or is_suspended:
            return
        check_words(conditions, operation.explaining(before), operation.name)
        if not interrupts(operation):
            self._subject.check_unharmed()


def interrupts(operation: Operation) -> bool:
    """Whether the operation can interrupt Harbor although it ends in an error."""
    fields = {operation.case.path.split(".")[0]} if operation.case else set(operation.merge)
    return not fields.isdisjoint(MOVING)


def first_failure(subject: Subject, seed: Spec, operations: Sequence[Operation]) -> Failure | None:
    """Runs the operations from the ready seed to the first alarm, and at the end returns to the seed."""
    path, begun = Path(subject, seed), 0
    try:
        for operation in operations:
            if path.moves == MAX_MOVES or not operation.applies(path.spec):
                path.return_to_seed()
            begun += 1
            path.run(operation)
        path.return_to_seed()
    except AlarmError as alarm:
        return Failure(alarm, tuple(path.operations), begun)
    except (LabError, OSError) as error:
        return Failure(AlarmError("observation", str(error)), tuple(path.operations), begun)
    return None


def run_campaign(subject: Subject, seed: Spec, operations: Sequence[Operation]) -> list[Finding]:
    """Runs all operations from the ready seed; returns the alarms, of which there are at most MAX_FINDINGS.

    After an alarm, the registry is reset. If it does not become ready again, the campaign ends. Raises LabError if it
    cannot be observed before the first operation.
    """
    findings: list[Finding] = []
    remaining = list(operations)
    try:
        while remaining and len(findings) < MAX_FINDINGS:
            failure = first_failure(subject, seed, remaining)
            if failure is None:
                break
            findings.append(Finding(failure.alarm, failure.operations))
            findings[-1] = shrunk(subject, seed, failure)
            subject.reset(seed)
            remaining = remaining[failure.begun :]
    except LabError as error:
        if not findings:
            raise
        print(f"the campaign ends: {error}")
    return findings


def shrunk(subject: Subject, seed: Spec, failure: Failure) -> Finding:
    """Returns the alarm with fewer operations, if fewer raise one of the same oracle. Raises LabError."""
    found = [Finding(failure.alarm, failure.operations)]

    def fails(operations: Operations) -> bool:
        subject.reset(seed)
        again = first_failure(subject, seed, operations)
        if again is None or again.alarm.oracle != failure.alarm.oracle:
            return False
        found.append(Finding(again.alarm, operations))
        return True

    shorter(failure.operations, fails)
    return found[-1]


def shorter(operations: Operations, fails: Callable[[Operations], bool]) -> Operations:
    """Returns the last operation if it fails alone, else the operations without some of which they still fail.

    `fails` is called at most MAX_SHRINK_ATTEMPTS times, and never with what was given.
    """
    if len(operations) < 2:
        return operations
    if fails(operations[-1:]):
        return operations[-1:]
    kept, index, attempts = operations, 0, MAX_SHRINK_ATTEMPTS - 1
    while len(kept) > 2 and index < len(kept) - 1 and attempts:
        attempts -= 1
        rest = (*kept[:index], *kept[index + 1 :])
        if fails(rest):
            kept = rest
        else:
            index += 1
    return kept
