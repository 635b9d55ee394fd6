"""The oracles that need nothing but what the operator reports and writes: they are the same on fakes and on servers."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harbor_operator.checks.catalogue import CHAPTERS, HEALTHY
from harbor_operator.model.outcomes import ConditionType
from harbor_operator.reasons import Reason
from tests.campaign.exceptions import RETAINED, STAYING
from tests.campaign.snapshot import kind_of

Conditions = Mapping[str, Mapping[str, Any]]

KNOWN_REASONS = {str(reason) for reason in (*HEALTHY, *(reason for chapter in CHAPTERS.values() for reason in chapter))}
DESTRUCTIVE = re.compile(
    r"postgres: (DropDatabase|DROP DATABASE)|swift: remove container|s3: remove bucket|rgw: remove user|helm: uninstall"
    r"|store: DELETE /swift/v1/(AUTH_[^/]+/)?[^/]+/?$|harbor: DELETE /api/v2\.0/projects/[^/]+$"
    r"|kube: delete /api/v1/(namespaces/[^/]+$|.*/persistentvolumeclaims)"
)
"""Writes that remove data, which no change of a spec may cause: only a deletion does. The fakes and the logs of the
servers name them in their own words."""


class AlarmError(AssertionError):
    """An oracle does not hold; `oracle` is its name."""

    def __init__(self, oracle: str, message: str) -> None:
        super().__init__(f"{oracle}: {message}")
        self.oracle = oracle


@dataclass(frozen=True)
class Report:
    """What the operator says about a registry after a change, and what it has written since.

    `text` is everything that it says anywhere: status, events and log. Each write begins with the name of its server.
    """

    generation: int
    status: Mapping[str, Any]
    text: str
    writes: Sequence[str] = ()
    is_suspended: bool = False

    @property
    def conditions(self) -> Conditions:
        """The conditions by type."""
        return conditions_of(self.status)


def check_report(report: Report, leaks: Callable[[str], Sequence[str]]) -> None:
    """Raises AlarmError if the report breaks an oracle; `leaks` returns the names of the secrets that a text contains.

    Leaks come first, so that no other alarm quotes a text with a secret.
    """
    if leaked := leaks(f"{report.status} {report.text}"):
        raise AlarmError("secrecy", f"{leaked}")
    if report.status.get("observedGeneration") != report.generation:
        raise AlarmError("liveness", "`observedGeneration` is not that of the spec")
    _check_conditions(report)
    if report.is_suspended and (writes := [write for write in report.writes if not write.startswith("injection")]):
        raise AlarmError("suspend", f"{writes}")
    if harmful := [write for write in report.writes if DESTRUCTIVE.match(write)]:
        raise AlarmError("destruction", f"{harmful}")


def _check_conditions(report: Report) -> None:
    conditions = report.conditions
    for kind, condition in conditions.items():
        if condition["reason"] not in KNOWN_REASONS or condition["reason"] == Reason.INTERNAL_ERROR:
            said = f"{kind} has the reason {condition['reason']}: {condition['message']}"
            raise AlarmError("explanation", f"{said}\n{report.text}")
        if not condition["message"]:
            raise AlarmError("explanation", f"{kind} has no message")
        if condition["observedGeneration"] != report.generation:
            raise AlarmError("truth", f"{kind} is about generation {condition['observedGeneration']}")
    if {"Stalled", "Reconciling"} <= conditions.keys():
        raise AlarmError("truth", "the registry is Stalled and Reconciling")
    if report.is_suspended:
        return
    if missing := set(ConditionType) - conditions.keys():
        raise AlarmError("explanation", f"there is no condition {sorted(missing)}")
    parts = {condition["status"] for kind, condition in conditions.items() if kind in set(ConditionType)}
    if is_ready(conditions) != (parts == {"True"}):
        raise AlarmError("truth", f"Ready is {conditions['Ready']['status']}, and the parts are {sorted(parts)}")


def conditions_of(status: Mapping[str, Any]) -> Conditions:
    """Returns the conditions of a status by type."""
    return {condition["type"]: condition for condition in status.get("conditions", [])}


def is_ready(conditions: Conditions) -> bool:
    """Whether the registry is ready."""
    return bool(conditions.get("Ready", {}).get("status") == "True")


def messages(conditions: Conditions) -> str:
    """Returns what the conditions say that are not True."""
    unhappy = (one for kind, one in conditions.items() if one["status"] != "True" or kind == "Stalled")
    return " ".join(one["message"] for one in unhappy)


def check_words(conditions: Conditions, words: Collection[str], what: str) -> None:
    """Raises AlarmError unless a condition that is not True contains one of the words."""
    said = messages(conditions)
    if not any(word in said for word in words):
        raise AlarmError("explanation", f"no message names {what}: {said}")


def compare(oracle: str, expected: Collection[str], found: Collection[str]) -> None:
    """Raises AlarmError if two snapshots differ in more than what a registry leaves behind by design."""
    missing = {line for line in set(expected) - set(found) if kind_of(line) not in STAYING}
    more = {line for line in set(found) - set(expected) if kind_of(line) not in STAYING}
    changed = sorted(line for line in more if kind_of(line) not in RETAINED)
    if missing or changed:
        raise AlarmError(oracle, "\n".join(["missing:", *sorted(missing), "instead:", *changed]))


def passes_to_watch(conditions: Conditions) -> int:
    """Returns how many passes in a row must change nothing before the registry is settled; 0 while work goes on.

    A part that is False while the registry is not Stalled is about to change. What only could not be observed can be
    observed soon, for example when a server has started, so that it is watched for longer.
    """
    if is_ready(conditions):
        return 1
    if "Stalled" in conditions:
        return 2
    if any(condition["status"] == "False" for kind, condition in conditions.items() if kind in set(ConditionType)):
        return 0
    return 5
