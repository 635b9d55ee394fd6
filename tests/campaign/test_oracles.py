"""Each oracle reports what breaks it, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harbor_operator.model.outcomes import ConditionType
from harbor_operator.reasons import Reason
from tests.campaign.oracles import AlarmError, Report, check_report, check_words, compare, messages, passes_to_watch

PASSWORD = "Redis-pass-1"


def condition(kind: str, status: str = "True", reason: str = Reason.CONVERGED, **changes: Any) -> dict[str, Any]:
    message = f"{kind} is {status}"
    return {"type": kind, "status": status, "reason": reason, "message": message, "observedGeneration": 3, **changes}


def report(*changed: dict[str, Any], **attributes: Any) -> Report:
    """A ready registry with other conditions of the same types."""
    conditions = {kind: condition(kind) for kind in (*ConditionType, "Ready")} | {one["type"]: one for one in changed}
    return Report(3, {"observedGeneration": 3, "conditions": list(conditions.values())}, "", **attributes)


def alarm_of(found: Report) -> str:
    try:
        check_report(found, lambda text: ["redis:password"] if PASSWORD in text else [])
    except AlarmError as alarm:
        return "quoted" if PASSWORD in str(alarm) else alarm.oracle
    return ""


STALLED = (
    condition("CacheReady", "False", Reason.CACHE_UNREACHABLE),
    condition("Ready", "False", Reason.CACHE_UNREACHABLE),
    condition("Stalled", "True", Reason.CACHE_UNREACHABLE),
)


@pytest.mark.parametrize("changed", [(), STALLED])
def test_a_true_status_raises_no_alarm(changed: tuple[dict[str, Any], ...]) -> None:
    assert alarm_of(report(*changed)) == ""


@pytest.mark.parametrize(
    ("changed", "oracle"),
    [
        ((condition("CacheReady", message=""),), "explanation"),
        ((condition("CacheReady", reason="Unheard"),), "explanation"),
        ((condition("CacheReady", reason=Reason.INTERNAL_ERROR),), "explanation"),
        ((condition("CacheReady", observedGeneration=2),), "truth"),
        ((condition("CacheReady", "False"),), "truth"),
        ((condition("Ready", "False"),), "truth"),
        ((*STALLED, condition("Reconciling")), "truth"),
        ((condition("CacheReady", message=f"refused {PASSWORD}"),), "secrecy"),
        ((condition("CacheReady", message=f"refused {PASSWORD}", reason=Reason.INTERNAL_ERROR),), "secrecy"),
    ],
)
def test_a_status_that_is_not_true_is_found(changed: tuple[dict[str, Any], ...], oracle: str) -> None:
    assert alarm_of(report(*changed)) == oracle


def test_a_status_about_another_generation_is_found() -> None:
    assert alarm_of(replace(report(), generation=4)) == "liveness"


def test_a_missing_condition_is_found() -> None:
    found = report()
    conditions = [one for one in found.status["conditions"] if one["type"] != "CacheReady"]
    assert alarm_of(replace(found, status={**found.status, "conditions": conditions})) == "explanation"


def test_a_secret_in_a_log_is_found() -> None:
    assert alarm_of(replace(report(), text=f"logged in with {PASSWORD}")) == "secrecy"


@pytest.mark.parametrize("is_suspended", [True, False])
def test_a_write_is_an_alarm_only_while_suspended(is_suspended: bool) -> None:
    found = report(is_suspended=is_suspended, writes=["kube: patch /api/v1/namespaces/intra/secrets/a"])
    assert alarm_of(found) == ("suspend" if is_suspended else "")


@pytest.mark.parametrize(
    "write",
    [
        "postgres: DropDatabase(name='registry')",
        'postgres: DROP DATABASE "registry"',
        "swift: remove container harbor",
        "helm: uninstall intra/cr",
        "store: DELETE /swift/v1/harbor-intra",
        "store: DELETE /swift/v1/AUTH_harbor/harbor-intra",
        "harbor: DELETE /api/v2.0/projects/3",
        "kube: delete /api/v1/namespaces/team-a",
        "kube: delete /api/v1/namespaces/intra/persistentvolumeclaims/a",
    ],
)
def test_the_removal_of_data_is_found(write: str) -> None:
    assert alarm_of(report(writes=[write])) == "destruction"


@pytest.mark.parametrize(
    "write",
    [
        "store: DELETE /swift/v1/harbor-intra/harbor-operator/probe",
        "harbor: DELETE /api/v2.0/projects/3/webhook/policies/1",
        "kube: delete /api/v1/namespaces/intra/secrets/a",
        "postgres: DROP ROLE old",
    ],
)
def test_what_removes_no_data_is_allowed(write: str) -> None:
    assert alarm_of(report(writes=[write])) == ""


def test_a_message_names_what_was_changed() -> None:
    conditions = report(*STALLED).conditions
    assert "CacheReady is False" in messages(conditions)
    check_words(conditions, {"CacheReady"}, "the cache")
    with pytest.raises(AlarmError, match="no message names the password"):
        check_words(conditions, {"passwordSecretRef"}, "the password")


def test_only_what_a_registry_leaves_behind_by_design_can_differ() -> None:
    compare("recovery", {"release a", "schedule gc 1"}, {"release a", "schedule gc 2", "project old"})
    with pytest.raises(AlarmError, match="recovery: missing:\nproject a"):
        compare("recovery", {"project a"}, set())
    with pytest.raises(AlarmError, match="recovery: missing:\ninstead:\ncondition Ready False"):
        compare("recovery", set(), {"condition Ready False"})


def test_a_registry_is_watched_until_nothing_goes_on() -> None:
    pending = condition("CacheReady", "False"), condition("Ready", "False"), condition("Reconciling")
    unknown = condition("CacheReady", "Unknown"), condition("Ready", "Unknown"), condition("Reconciling")
    found = [passes_to_watch(report(*changed).conditions) for changed in ((), STALLED, unknown, pending)]
    assert found == [1, 2, 5, 0]
