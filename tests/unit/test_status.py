"""One table: outcomes and what was known before become conditions, facts and events."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from harbor_operator.api.status import HarborRegistryStatus
from harbor_operator.model.outcomes import (
    NOT_REQUESTED,
    Blocked,
    CollectionFacts,
    ConditionType,
    CredentialFacts,
    Done,
    Facts,
    NamespaceFailure,
    Outcome,
    Pending,
    PullSecretFacts,
    StatusWarning,
    Unknown,
)
from harbor_operator.model.schedules import JobRun
from harbor_operator.reasons import Reason
from harbor_operator.status import events, render, render_invalid, render_suspended, with_handled_request

NOON = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
LATER = datetime(2026, 1, 1, 13, 0, tzinfo=UTC)


def everything(outcome: Outcome, **others: Outcome) -> dict[ConditionType, Outcome]:
    return {condition_type: others.get(condition_type.name.lower(), outcome) for condition_type in ConditionType}


def condition(status: dict[str, Any], kind: str) -> dict[str, Any]:
    found: dict[str, Any] = next(item for item in status["conditions"] if item["type"] == kind)
    return found


def types(status: dict[str, Any]) -> set[str]:
    return {item["type"] for item in status["conditions"]}


HAPPY = everything(Done("it is there"))


def test_everything_done_is_ready_without_abnormal_conditions() -> None:
    status = render({}, HAPPY, 3, NOON)
    assert condition(status, "Ready")["status"] == "True"
    assert types(status) == {*ConditionType, "Ready"}
    assert status["observedGeneration"] == 3
    assert {item["observedGeneration"] for item in status["conditions"]} == {3}


def test_pending_is_false_and_reconciling() -> None:
    status = render({}, everything(Done("ok"), release=Pending(Reason.RELEASE_INSTALLING, "helm runs")), 1, NOON)
    assert condition(status, "ReleaseReady")["status"] == "False"
    assert condition(status, "Ready")["reason"] == "ReleaseInstalling"
    assert condition(status, "Reconciling")["status"] == "True"
    assert "Stalled" not in types(status)


def test_what_was_not_observed_is_unknown() -> None:
    status = render({}, everything(Done("ok"), cache=Unknown(Reason.CACHE_UNREACHABLE, "no answer")), 1, NOON)
    assert condition(status, "CacheReady")["status"] == "Unknown"
    assert condition(status, "Ready")["status"] == "Unknown"


def test_false_wins_over_unknown_and_blocked_over_reconciling() -> None:
    outcomes = everything(
        Done("ok"),
        database=Unknown(Reason.DATABASE_UNREACHABLE, "no answer"),
        storage=Blocked(Reason.STORAGE_URL_MISMATCH, "X-Storage-Url differs"),
    )
    status = render({}, outcomes, 1, NOON)
    assert condition(status, "Ready")["status"] == "False"
    assert condition(status, "Ready")["reason"] == "StorageUrlMismatch"
    assert condition(status, "Stalled")["status"] == "True"
    assert "Reconciling" not in types(status)
    assert "no answer" in condition(status, "Ready")["message"]


def test_what_only_waits_is_not_repeated_in_the_summary() -> None:
    waiting = Unknown(Reason.WAITING_FOR_DEPENDENCY, "waits for DatabaseReady")
    outcomes = everything(waiting, database=Blocked(Reason.DATABASE_CREDENTIALS_REJECTED, "wrong password"))
    assert condition(render({}, outcomes, 1, NOON), "Ready")["message"] == "DatabaseReady: wrong password"


def test_transition_times_move_only_when_the_status_flips() -> None:
    first = render({}, HAPPY, 1, NOON)
    second = render(first, everything(Done("ok"), cache=Blocked(Reason.CACHE_IS_CLUSTER, "MOVED")), 1, LATER)
    assert condition(second, "DatabaseReady")["lastTransitionTime"] == "2026-01-01T12:00:00Z"
    assert condition(second, "CacheReady")["lastTransitionTime"] == "2026-01-01T13:00:00Z"


def test_the_same_pass_again_changes_nothing() -> None:
    first = render({}, HAPPY, 1, NOON)
    assert render(first, HAPPY, 1, LATER) == first
    assert events(first, render(first, HAPPY, 1, LATER)) == []


def test_facts_survive_a_pass_that_could_not_look_and_go_with_the_request() -> None:
    known = render(
        {}, everything(Done("ok"), storage=Done("ok", facts=Facts(storage_url="https://s3/swift/v1"))), 1, NOON
    )
    blind = render(known, everything(Done("ok"), storage=Unknown(Reason.STORAGE_UNREACHABLE, "down")), 1, NOON)
    assert blind["storageURL"] == "https://s3/swift/v1"
    assert "storageURL" not in render(blind, everything(NOT_REQUESTED), 1, NOON)


def test_the_version_is_the_releases_and_else_what_the_registry_says() -> None:
    observed = Done("ok", facts=Facts(harbor_version="2.15.0"))
    outcomes = everything(Done("ok"), release=NOT_REQUESTED, reachability=observed)
    assert render({}, outcomes, 1, NOON)["harborVersion"] == "2.15.0"
    ours = Done("ok", facts=Facts(harbor_version="2.15.1"))
    assert render({}, outcomes | {ConditionType.RELEASE: ours}, 1, NOON)["harborVersion"] == "2.15.1"


def test_pull_secret_facts_fit_the_schema_and_name_the_first_failures() -> None:
    failures = tuple(NamespaceFailure(f"ns-{n:03}", Reason.FOREIGN_SECRET, "not ours") for n in range(50))
    injected = PullSecretFacts(412, 362, 50, failures, "harbor-pull", ("default",))
    credential = CredentialFacts("robot$x", rotated_at=NOON, rotate_request="now")
    facts = Facts(pull_secrets=replace(injected, credential=credential))
    outcomes = everything(Done("ok"), pull_secrets=Pending(Reason.NAMESPACES_FAILED, "50 failed", facts=facts))
    status = render({}, outcomes, 1, NOON)
    assert status["pullSecrets"]["summary"] == "362/412"
    assert [failure["namespace"] for failure in status["pullSecrets"]["failures"]][:2] == ["ns-000", "ns-001"]
    assert len(status["pullSecrets"]["failures"]) == 20
    described = {"robot": "robot$x", "rotatedAt": "2026-01-01T12:00:00Z", "lastHandledRotateAt": "now"}
    assert described.items() <= status["pullSecrets"].items()
    HarborRegistryStatus.model_validate(status)


def test_warnings_of_outcomes_are_in_the_status() -> None:
    warning = StatusWarning(Reason.SWIFT_SUNSET, "Swift support ends")
    status = render({}, everything(Done("ok"), storage=Done("ok", warnings=(warning,))), 1, NOON)
    assert status["warnings"] == [{"code": "SwiftSunset", "message": "Swift support ends"}]


def test_one_event_for_each_cause_and_one_for_its_end() -> None:
    """Finding R21."""
    healthy = render({}, HAPPY, 1, NOON)
    waiting = Unknown(Reason.WAITING_FOR_DEPENDENCY, "waits for CacheReady")
    outcomes = everything(Done("ok"), cache=Blocked(Reason.CACHE_IS_CLUSTER, "MOVED"), release=waiting)
    broken = render(healthy, outcomes, 1, LATER)
    posted = events(healthy, broken)
    assert [(event.type, event.reason) for event in posted] == [("Warning", "CacheIsCluster")]
    assert "MOVED" in posted[0].message
    healed = events(broken, render(broken, HAPPY, 1, LATER))
    assert [(event.type, event.message) for event in healed] == [("Normal", "CacheReady: it is there")]


def test_ready_has_an_event_when_no_other_condition_explains_it() -> None:
    """Finding R21."""
    healthy = render({}, HAPPY, 1, NOON)
    invalid = render_invalid(healthy, "`spec.storage`: give exactly one", 2, NOON)
    assert [(event.type, event.reason) for event in events(healthy, invalid)] == [("Warning", "InvalidSpec")]
    assert [event.type for event in events(invalid, render(invalid, HAPPY, 3, LATER))] == ["Normal"]


def test_a_problem_behind_another_has_its_event_once_it_is_observed() -> None:
    """Finding R21."""
    waiting = Unknown(Reason.WAITING_FOR_DEPENDENCY, "waits for CacheReady")
    blocked = everything(Done("ok"), cache=Blocked(Reason.CACHE_IS_CLUSTER, "MOVED"), release=waiting)
    before = render(render({}, HAPPY, 1, NOON), blocked, 1, NOON)
    failed = everything(Done("ok"), release=Pending(Reason.RELEASE_FAILED, "no luck"))
    posted = events(before, render(before, failed, 1, LATER))
    assert [(event.type, event.reason) for event in posted] == [("Normal", "Converged"), ("Warning", "ReleaseFailed")]


def test_an_event_for_each_new_kind_of_warning() -> None:
    quiet = render({}, HAPPY, 1, NOON)
    warning = StatusWarning(Reason.PULL_SECRETS_CONFLICT, "another client keeps reverting")
    loud = render(quiet, everything(Done("ok"), pull_secrets=Done("ok", warnings=(warning,))), 1, LATER)
    assert [(event.type, event.reason) for event in events(quiet, loud)] == [("Warning", "PullSecretsConflict")]
    assert events(loud, loud) == []


def test_the_first_pass_over_a_healthy_registry_posts_no_event() -> None:
    assert events({}, render({}, HAPPY, 1, NOON)) == []


def test_an_invalid_spec_is_stalled_and_nothing_was_looked_at() -> None:
    status = render_invalid({"storageURL": "https://s3"}, "`spec.storage`: give exactly one", 2, NOON)
    assert condition(status, "Ready")["reason"] == "InvalidSpec"
    assert condition(status, "Stalled")["status"] == "True"
    assert {condition(status, condition_type)["status"] for condition_type in ConditionType} == {"Unknown"}
    assert status["storageURL"] == "https://s3"


def test_suspension_keeps_what_was_seen() -> None:
    status = render_suspended(render({}, HAPPY, 1, NOON), 2, LATER)
    assert condition(status, "DatabaseReady")["status"] == "True"
    assert condition(status, "Ready")["reason"] == "Suspended"
    assert types(status) == {*ConditionType, "Ready"}


def test_a_handled_request_stays_until_the_next_one() -> None:
    """Issue 13: a client waits for the value of its annotation."""
    first = with_handled_request(render({}, HAPPY, 1, NOON), "2026-11-27T20:00:00Z")
    HarborRegistryStatus.model_validate(first)
    for later in (render(first, HAPPY, 1, LATER), render_suspended(first, 2, LATER), with_handled_request(first, "")):
        assert later["lastHandledReconcileAt"] == "2026-11-27T20:00:00Z"
    assert with_handled_request(first, "2026-11-27T20:00:01Z")["lastHandledReconcileAt"] == "2026-11-27T20:00:01Z"
    assert "lastHandledReconcileAt" not in with_handled_request(render({}, HAPPY, 1, NOON), "")


def test_the_newest_garbage_collection_is_reported_and_ends_with_its_section() -> None:
    run = JobRun(7, "Success", NOON, LATER, 1 << 30, is_dry_run=True)
    facts = Facts(garbage_collection=CollectionFacts("0 0 3 * * *", run))
    reported = render({}, everything(Done("ok", facts=facts)), 1, NOON)
    assert reported["garbageCollection"] == {
        "schedule": "0 0 3 * * *",
        "lastRun": {
            "id": 7,
            "status": "Success",
            "startedAt": "2026-01-01T12:00:00Z",
            "updatedAt": "2026-01-01T13:00:00Z",
            "freedBytes": 1 << 30,
            "dryRun": True,
        },
    }
    HarborRegistryStatus.model_validate(reported)
    without = Done("ok", facts=Facts(garbage_collection=CollectionFacts("")))
    assert "garbageCollection" not in render(reported, everything(without), 1, NOON)
