"""Renders outcomes into the status that users read (conditions, facts, warnings) and into events; pure.

The rules are those of the Kubernetes API conventions and of kstatus: every condition is present from the first pass, a
transition time changes only with the status, and `Reconciling` and `Stalled` exist only while true and never together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never

from harbor_operator.model.outcomes import Blocked, ConditionType, Done, Outcome, Pending, Unknown
from harbor_operator.reasons import Reason
from harbor_operator.status_facts import FACTS, Status, timestamp

Condition = dict[str, Any]

READY = "Ready"
RECONCILING = "Reconciling"
STALLED = "Stalled"
ABNORMAL = (RECONCILING, STALLED)
LAST_HANDLED = "lastHandledReconcileAt"
_FOLLOWS_ANOTHER = frozenset({Reason.WAITING_FOR_DEPENDENCY, Reason.INVALID_SPEC, Reason.NOT_YET_SEEN})
"""Reasons of a condition that was not observed: the cause is in another condition, or in Ready."""

MAX_MESSAGE_CHARACTERS = 32768


@dataclass(frozen=True, slots=True)
class Event:
    """An event about the registry; `type` is Normal or Warning."""

    type: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class ConditionUpdate:
    """A condition without generation and transition time."""

    type: str
    status: str
    reason: str
    message: str


def render(previous: Status, outcomes: Mapping[ConditionType, Outcome], generation: int, now: datetime) -> Status:
    """Returns the complete status after a pass; the same as `previous` when nothing that a user reads has changed."""
    updates = [_condition(condition_type, outcome) for condition_type, outcome in outcomes.items()]
    updates += _summary(outcomes, updates)
    status: Status = {"observedGeneration": generation, "conditions": _dated(previous, updates, generation, now)}
    status["warnings"] = [
        {"code": str(warning.code), "message": warning.message}
        for outcome in outcomes.values()
        for warning in outcome.warnings
    ]
    status.update(_facts(previous, outcomes))
    return with_handled_request(status, previous.get(LAST_HANDLED, ""))


def render_invalid(previous: Status, message: str, generation: int, now: datetime) -> Status:
    """Returns the status of an object whose spec is invalid: nothing was observed."""
    unknown = [
        ConditionUpdate(condition_type, "Unknown", Reason.INVALID_SPEC, "the spec is invalid")
        for condition_type in ConditionType
    ]
    updates = [*unknown, ConditionUpdate(READY, "False", Reason.INVALID_SPEC, message)]
    updates.append(ConditionUpdate(STALLED, "True", Reason.INVALID_SPEC, message))
    return {**previous, "observedGeneration": generation, "conditions": _dated(previous, updates, generation, now)}


def render_suspended(previous: Status, generation: int, now: datetime) -> Status:
    """Returns the status of a suspended registry: the last observed conditions stay, Ready is Unknown."""
    kept = [
        ConditionUpdate(old["type"], old["status"], old["reason"], old["message"])
        for old in previous.get("conditions", [])
        if old["type"] in set(ConditionType)
    ]
    message = "`spec.suspend` is true: nothing is checked or changed"
    updates = [*kept, ConditionUpdate(READY, "Unknown", Reason.SUSPENDED, message)]
    return {**previous, "observedGeneration": generation, "conditions": _dated(previous, updates, generation, now)}


def with_handled_request(status: Status, request: str) -> Status:
    """Returns the status of a pass that has handled this request; an empty one changes nothing."""
    return {**status, LAST_HANDLED: request} if request else status


def is_same(previous: Status, current: Status) -> bool:
    """Whether nothing has to be written; conditions of other clients, their order and empty lists do not count."""
    return _comparable(previous) == _comparable(current)


def events(previous: Status, current: Status) -> list[Event]:
    """Returns one event for each cause: a condition whose own status changed, or a new kind of warning.

    A condition that only follows another one has no event, and Ready has one only if no other condition explains it.
    """
    before = {
        condition["type"]: condition["status"]
        for condition in previous.get("conditions", [])
        if condition["reason"] not in _FOLLOWS_ANOTHER or condition["type"] == READY
    }
    changed = [condition for condition in current["conditions"] if _is_transition(before, condition)]
    causes = [condition for condition in changed if condition["type"] != READY] or changed
    transitions = [
        Event(
            "Normal" if condition["status"] == "True" else "Warning",
            condition["reason"],
            f"{condition['type']}: {condition['message']}",
        )
        for condition in causes
    ]
    known = {warning["code"] for warning in previous.get("warnings", [])}
    fresh = [warning for warning in current.get("warnings", []) if warning["code"] not in known]
    return transitions + [Event("Warning", warning["code"], warning["message"]) for warning in fresh]


def _is_transition(before: Mapping[str, str], condition: Condition) -> bool:
    if condition["type"] in ABNORMAL or before.get(condition["type"]) == condition["status"]:
        return False
    if condition["type"] != READY and condition["reason"] in _FOLLOWS_ANOTHER:
        return False
    # What was not observed before is reported only if it is a problem.
    return condition["type"] in before or condition["status"] == "False"


def _comparable(status: Status) -> Status:
    own = {*ConditionType, READY, *ABNORMAL}
    conditions = {item["type"]: item for item in status.get("conditions", []) if item["type"] in own}
    rest = {key: value for key, value in status.items() if key != "conditions" and value not in ([], None)}
    return {**rest, "conditions": conditions}


def _condition(condition_type: ConditionType, outcome: Outcome) -> ConditionUpdate:
    match outcome:
        case Done():
            return ConditionUpdate(condition_type, "True", outcome.reason, outcome.message)
        case Pending() | Blocked():
            return ConditionUpdate(condition_type, "False", outcome.reason, outcome.message)
        case Unknown():
            return ConditionUpdate(condition_type, "Unknown", outcome.reason, outcome.message)
        case _:
            assert_never(outcome)


def _summary(outcomes: Mapping[ConditionType, Outcome], updates: list[ConditionUpdate]) -> list[ConditionUpdate]:
    unhappy = [update for update in updates if update.status != "True"]
    if not unhappy:
        return [ConditionUpdate(READY, "True", Reason.CONVERGED, "everything that the spec asks for is in place")]
    status = "False" if any(update.status == "False" for update in unhappy) else "Unknown"
    first = next(update for update in unhappy if update.status == status)
    causes = [update for update in unhappy if update.reason != Reason.WAITING_FOR_DEPENDENCY] or unhappy
    message = "; ".join(f"{update.type}: {update.message}" for update in causes)
    stalled = any(isinstance(outcome, Blocked) for outcome in outcomes.values())
    return [
        ConditionUpdate(READY, status, first.reason, message),
        ConditionUpdate(STALLED if stalled else RECONCILING, "True", first.reason, first.message),
    ]


def _dated(previous: Status, updates: list[ConditionUpdate], generation: int, now: datetime) -> list[Condition]:
    before = {condition["type"]: condition for condition in previous.get("conditions", [])}
    stamp = timestamp(now)
    return [
        {
            "type": str(update.type),
            "status": update.status,
            "reason": str(update.reason),
            "message": update.message[:MAX_MESSAGE_CHARACTERS],
            "observedGeneration": generation,
            "lastTransitionTime": _transition(before.get(str(update.type)), update.status, stamp),
        }
        for update in updates
    ]


def _transition(before: Condition | None, status: str, stamp: str) -> str:
    return str(before["lastTransitionTime"]) if before and before["status"] == status else stamp


def _facts(previous: Status, outcomes: Mapping[ConditionType, Outcome]) -> Status:
    """Merges the facts of the steps over the known ones; facts of a section that the spec dropped are removed."""
    facts: Status = {}
    for field, (condition_types, read) in FACTS.items():
        reported = [outcomes[condition_type] for condition_type in condition_types if condition_type in outcomes]
        requested = [outcome for outcome in reported if outcome.reason != Reason.NOT_REQUESTED]
        values = [read(outcome.facts) for outcome in requested] + [previous.get(field)] * bool(requested)
        if known := [value for value in values if value is not None]:
            facts[field] = known[0]
    return {field: value for field, value in facts.items() if value != {}}
