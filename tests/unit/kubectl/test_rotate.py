"""When a rotation has an effect, and when it has ended."""

from __future__ import annotations

from typing import Any

import pytest

from harbor_operator.kubectl.rotate import has_ended, why_not

REQUEST = "2026-01-01T12:00:00+00:00"
ROBOT = {"pullSecrets": {"credential": {"robot": {"scope": "Cluster"}}}}


def registry(spec: dict[str, Any] = ROBOT, **status: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": "intra", "name": "cr", "generation": 1}, "spec": spec, "status": status}


def injected(ready: int, failed: int = 0, handled: str = REQUEST) -> dict[str, Any]:
    return {"namespaces": 3, "ready": ready, "failed": failed, "lastHandledRotateAt": handled}


def condition(reason: str) -> list[dict[str, str]]:
    return [{"type": "PullSecretsReady", "reason": reason}]


def test_a_robot_of_the_cluster_can_be_rotated() -> None:
    assert why_not(registry()) == ""
    assert why_not(registry({"pullSecrets": {"credential": {"robot": {}}}})) == ""


@pytest.mark.parametrize(
    ("spec", "remedy"),
    [
        ({**ROBOT, "suspend": True}, "run `kubectl harbor resume` first"),
        ({}, "set `spec.pullSecrets`"),
        ({"projects": [{"name": "a"}, {"name": "b", "robots": [{"name": "ci"}]}]}, "rotate-requested-at' of the Harb"),
        ({"pullSecrets": {"credential": {"secretRef": {"name": "account"}}}}, "then in Secret 'account'"),
    ],
)
def test_another_credential_has_another_remedy(spec: dict[str, Any], remedy: str) -> None:
    assert remedy in why_not(registry(spec))


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({}, False),
        ({"pullSecrets": injected(3, handled="earlier"), "conditions": condition("Converged")}, False),
        ({"pullSecrets": injected(2), "conditions": condition("NamespacesPending")}, False),
        ({"pullSecrets": injected(1, 1), "conditions": condition("NamespacesFailed")}, False),
        ({"pullSecrets": injected(3), "conditions": condition("Converged")}, True),
        ({"pullSecrets": injected(2, 1), "conditions": condition("NamespacesFailed")}, True),
    ],
)
def test_it_ends_when_each_namespace_has_the_login_or_is_reported(status: dict[str, Any], expected: bool) -> None:
    assert has_ended(REQUEST)(registry(**status)) is expected


def test_a_failure_counts_only_after_this_request_was_handled() -> None:
    failed: dict[str, Any] = {"warnings": [{"code": "RobotRotationFailed", "message": "refused"}]}
    assert has_ended(REQUEST)(registry(lastHandledReconcileAt="earlier", **failed)) is False
    assert has_ended(REQUEST)(registry(lastHandledReconcileAt=REQUEST)) is False
    assert has_ended(REQUEST)(registry(lastHandledReconcileAt=REQUEST, **failed)) is True
