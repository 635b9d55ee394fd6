"""Outcomes become what users read: conditions, facts, warnings and events, in one pure place.

The rules are those of the Kubernetes API conventions and of kstatus: every condition is present from the first pass, a
transition time moves only when the status flips, and `Reconciling` and `Stalled` exist only while true and never
together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never

from harbor_operator.model.outcomes import (
    Blocked,
    ConditionType,
    Done,
    Facts,
    Outcome,
    Pending,
    PullSecretFacts,
    Unknown,
)
from harbor_operator.reasons import Reason

Status = dict[str, Any]
Condition = dict[str, Any]

READY = "Ready"
RECONCILING = "Reconciling"
STALLED = "Stalled"
ABNORMAL = (RECONCILING, STALLED)
SHOWN_FAILURES = 20


@dataclass(frozen=True, slots=True)
class Event:
    """A transition a person cares about."""

    type: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class ConditionUpdate:
    """A condition before it knows its history."""

    type: str
    status: str
    reason: str
    message: str


def render(previous: Status, outcomes: Mapping[ConditionType, Outcome], generation: int, now: datetime) -> Status:
    """Returns the whole status after a pass; equal to `previous` when nothing a user reads has changed."""
    verdicts = [_condition(condition_type, outcome) for condition_type, outcome in outcomes.items()]
    verdicts += _summary(outcomes, verdicts)
    status: Status = {"observedGeneration": generation, "conditions": _dated(previous, verdicts, generation, now)}
    status["warnings"] = [
        {"code": str(caution.code), "message": caution.message}
        for outcome in outcomes.values()
        for caution in outcome.warnings
    ]
    status.update(_facts(previous, outcomes))
    return status


def render_invalid(previous: Status, message: str, generation: int, now: datetime) -> Status:
    """Returns the status of an object whose spec does not parse: nothing was looked at."""
    unseen = [
        ConditionUpdate(condition_type, "Unknown", Reason.INVALID_SPEC, "the spec does not parse")
        for condition_type in ConditionType
    ]
    verdicts = [*unseen, ConditionUpdate(READY, "False", Reason.INVALID_SPEC, message)]
    verdicts.append(ConditionUpdate(STALLED, "True", Reason.INVALID_SPEC, message))
    return {**previous, "observedGeneration": generation, "conditions": _dated(previous, verdicts, generation, now)}


def render_suspended(previous: Status, generation: int, now: datetime) -> Status:
    """Returns the status of a suspended registry: what was last seen stays, Ready says why nobody looks."""
    kept = [
        ConditionUpdate(old["type"], old["status"], old["reason"], old["message"])
        for old in previous.get("conditions", [])
        if old["type"] in set(ConditionType)
    ]
    message = "`spec.suspend` is true: nothing is checked or changed"
    verdicts = [*kept, ConditionUpdate(READY, "Unknown", Reason.SUSPENDED, message)]
    return {**previous, "observedGeneration": generation, "conditions": _dated(previous, verdicts, generation, now)}


def events(previous: Status, current: Status) -> list[Event]:
    """Returns one event for each condition whose status flipped and each new kind of warning, and nothing else."""
    before = {condition["type"]: condition["status"] for condition in previous.get("conditions", [])}
    told = []
    for condition in current["conditions"]:
        first_look = condition["type"] not in before
        if condition["type"] in ABNORMAL or before.get(condition["type"]) == condition["status"]:
            continue
        if first_look and condition["status"] != "False":
            continue  # the first pass over a healthy or unseen world is no news
        severity = "Normal" if condition["status"] == "True" else "Warning"
        told.append(Event(severity, condition["reason"], f"{condition['type']}: {condition['message']}"))
    known = {warning["code"] for warning in previous.get("warnings", [])}
    fresh = [warning for warning in current.get("warnings", []) if warning["code"] not in known]
    return told + [Event("Warning", warning["code"], warning["message"]) for warning in fresh]


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


def _summary(outcomes: Mapping[ConditionType, Outcome], verdicts: list[ConditionUpdate]) -> list[ConditionUpdate]:
    unhappy = [verdict for verdict in verdicts if verdict.status != "True"]
    if not unhappy:
        return [ConditionUpdate(READY, "True", Reason.CONVERGED, "everything the spec asks for is there")]
    status = "False" if any(verdict.status == "False" for verdict in unhappy) else "Unknown"
    first = next(verdict for verdict in unhappy if verdict.status == status)
    told = [verdict for verdict in unhappy if verdict.reason != Reason.WAITING_FOR_DEPENDENCY] or unhappy
    message = "; ".join(f"{verdict.type}: {verdict.message}" for verdict in told)
    stalled = any(isinstance(outcome, Blocked) for outcome in outcomes.values())
    return [
        ConditionUpdate(READY, status, first.reason, message),
        ConditionUpdate(STALLED if stalled else RECONCILING, "True", first.reason, first.message),
    ]


def _dated(previous: Status, verdicts: list[ConditionUpdate], generation: int, now: datetime) -> list[Condition]:
    before = {condition["type"]: condition for condition in previous.get("conditions", [])}
    stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    return [
        {
            "type": str(verdict.type),
            "status": verdict.status,
            "reason": str(verdict.reason),
            "message": verdict.message[:32768],
            "observedGeneration": generation,
            "lastTransitionTime": _transition(before.get(str(verdict.type)), verdict.status, stamp),
        }
        for verdict in verdicts
    ]


def _transition(before: Condition | None, status: str, stamp: str) -> str:
    return str(before["lastTransitionTime"]) if before and before["status"] == status else stamp


def _facts(previous: Status, outcomes: Mapping[ConditionType, Outcome]) -> Status:
    """Merges what the steps report over what was known; what nobody requests any more is forgotten."""
    told: Status = {}
    for field, (aspects, read) in _FACTS.items():
        asked = [outcomes[condition_type] for condition_type in aspects if condition_type in outcomes]
        requested = [outcome for outcome in asked if outcome.reason != Reason.NOT_REQUESTED]
        values = [read(outcome.facts) for outcome in requested] + [previous.get(field)] * bool(requested)
        if known := [value for value in values if value is not None]:
            told[field] = known[0]
    return told


def _pull_secrets(facts: Facts) -> Status | None:
    observed = facts.pull_secrets
    if observed is None:
        return None
    status: Status = {
        "namespaces": observed.namespaces,
        "ready": observed.ready,
        "failed": observed.failed,
        "summary": f"{observed.ready}/{observed.namespaces}",
        "failures": [
            {"namespace": failure.namespace, "reason": str(failure.reason), "message": failure.message}
            for failure in sorted(observed.failures, key=lambda failure: failure.namespace)[:SHOWN_FAILURES]
        ],
        "secretName": observed.secret_name,
        "serviceAccounts": list(observed.service_accounts),
    }
    if observed.admission_policy:
        status["admissionPolicy"] = observed.admission_policy
    return status | _robot(observed)


def _robot(observed: PullSecretFacts) -> Status:
    status: Status = {"robot": observed.robot} if observed.robot else {}
    for field, moment in (("expiresAt", observed.expires_at), ("rotatedAt", observed.rotated_at)):
        if moment is not None:
            status[field] = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return status


_Reader = Callable[[Facts], Any]
_FACTS: Mapping[str, tuple[tuple[ConditionType, ...], _Reader]] = {
    "chartVersion": ((ConditionType.RELEASE,), lambda facts: facts.chart_version),
    "harborVersion": ((ConditionType.RELEASE, ConditionType.REACHABILITY), lambda facts: facts.harbor_version),
    "releaseRevision": ((ConditionType.RELEASE,), lambda facts: facts.release_revision),
    "storageURL": ((ConditionType.STORAGE,), lambda facts: facts.storage_url),
    "pullSecrets": ((ConditionType.PULL_SECRETS,), _pull_secrets),
}
