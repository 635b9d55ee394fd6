"""Who holds a Secret name: never the older registry because of its age."""

from __future__ import annotations

from typing import Any

import pytest

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.injection_grants import check_secret_name, not_granted
from harbor_operator.model.outcomes import Blocked
from harbor_operator.reasons import Reason

NOW, EARLIER, LATER = "2026-11-23T12:00:00Z", "2026-11-23T11:00:00Z", "2026-11-23T13:00:00Z"
HELD = {"pullSecrets": {"secretName": "harbor-pull"}, "conditions": []}


def manifest(name: str, created: str = EARLIER, *, status: Any = None, **spec: Any) -> dict[str, Any]:
    section = {"credential": {"robot": {}}, **spec.pop("section", {})}
    return {
        "metadata": {"name": name, "namespace": "intra", "uid": f"uid-{name}", "creationTimestamp": created},
        "spec": {"externalURL": "https://cr.example.com", "pullSecrets": section, **spec},
        "status": status or {},
    }


def with_reason(condition_type: str, reason: str) -> dict[str, Any]:
    return {**HELD, "conditions": [{"type": condition_type, "status": "False", "reason": reason}]}


OURS = manifest("cr", NOW)


def check(*others: dict[str, Any], holder: str | None = None, ours: dict[str, Any] = OURS) -> Blocked | None:
    return check_secret_name(HarborRegistry.parse(ours), "harbor-pull", [ours, *others], holder)


def test_an_older_registry_that_injects_nothing_does_not_hold_the_name() -> None:
    """Finding S5."""
    assert check(manifest("other", EARLIER)) is None


@pytest.mark.parametrize("created", [EARLIER, LATER])
def test_the_registry_that_injects_the_name_keeps_it_at_any_age(created: str) -> None:
    """Finding S5."""
    blocked = check(manifest("other", created), holder="uid-other")
    assert blocked is not None
    assert blocked.reason is Reason.SECRET_NAME_TAKEN
    assert "'intra/other'" in blocked.message
    assert check(manifest("other", created, status=HELD), holder="uid-cr") is None


@pytest.mark.parametrize("created", [EARLIER, LATER])
def test_after_a_start_the_status_says_who_holds_the_name(created: str) -> None:
    """Finding S5: nothing is injected yet, so the first to reconcile must not take the name."""
    assert check(manifest("other", created, status=HELD)) is not None
    assert check(manifest("other", created), ours=manifest("cr", NOW, status=HELD)) is None


def test_two_statuses_with_the_same_name_have_one_winner() -> None:
    """Finding S5."""
    ours, other = manifest("cr", NOW, status=HELD), manifest("other", EARLIER, status=HELD)
    assert check(other, ours=ours) is not None
    assert check(ours, ours=other) is None


@pytest.mark.parametrize(
    "status",
    [
        with_reason("PullSecretsReady", "SecretNameTaken"),
        with_reason("PullSecretsReady", "InjectionNotGranted"),
        with_reason("Ready", "Suspended"),
    ],
)
def test_a_registry_that_lost_the_name_does_not_hold_it(status: dict[str, Any]) -> None:
    """Finding S5."""
    assert check(manifest("other", status=status)) is None


def test_a_suspended_or_deleted_registry_does_not_hold_the_name() -> None:
    """Findings S5 and R8: replacing a registry by another one of the same Secret name left a gap."""
    deleted = manifest("other", status=HELD)
    deleted["metadata"]["deletionTimestamp"] = NOW
    assert check(deleted, holder="uid-other") is None
    assert check(manifest("other", status=HELD, suspend=True), holder="uid-other") is None


def test_another_name_does_not_conflict_and_a_missing_name_is_the_default() -> None:
    assert check(manifest("other", section={"secretName": "x"}), holder="uid-other") is None
    assert check(manifest("other", section={"secretName": "harbor-pull"}), holder="uid-other") is not None
    assert check(manifest("other"), holder="uid-other") is not None


def test_a_registry_that_does_not_parse_keeps_its_name() -> None:
    broken = manifest("other", status=HELD, externalURL="nonsense")
    assert check(broken) is not None
    broken["spec"] = {}
    assert check(broken) is None


def test_a_missing_grant_names_the_setting() -> None:
    """Finding S5."""
    blocked = not_granted(HarborRegistry.parse(OURS))
    assert blocked.reason is Reason.INJECTION_NOT_GRANTED
    assert "`HARBOR_OPERATOR_INJECTION_NAMESPACES`" in blocked.message
