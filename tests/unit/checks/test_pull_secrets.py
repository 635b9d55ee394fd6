from __future__ import annotations

import pytest

from harbor_operator.checks.pull_secrets import (
    check_push,
    check_robot,
    cleaning_up,
    injection_outcome,
    lingering_warnings,
    stuck_pod_warnings,
)
from harbor_operator.model.harbor import DesiredRobot, ObservedRobot
from harbor_operator.model.injection import RemainingNamespaces
from harbor_operator.model.outcomes import (
    NOTHING,
    Blocked,
    Done,
    Facts,
    NamespaceFailure,
    Outcome,
    Pending,
    PullSecretFacts,
    StuckPodFacts,
)
from harbor_operator.reasons import Reason


def test_an_account_that_may_push_is_blocked() -> None:
    """Finding S9."""
    assert check_push("pull-account", "alice", ()) is None
    blocked = check_push("pull-account", "alice", ("library", "team-a"))
    assert blocked is not None
    assert blocked.reason is Reason.PULL_CREDENTIAL_MAY_PUSH
    assert "project 'library'; project 'team-a'" in blocked.message


def _failure(name: str, reason: Reason) -> NamespaceFailure:
    return NamespaceFailure(name, reason, "an explanation")


def _outcome(namespaces: int, ready: int, *failures: NamespaceFailure) -> Outcome:
    return injection_outcome("harbor-pull", PullSecretFacts(namespaces, ready, len(failures), failures), NOTHING)


def test_all_ready_is_done() -> None:
    assert _outcome(412, 412) == Done("412 namespaces hold Secret 'harbor-pull'")


def test_an_incomplete_injection_is_pending() -> None:
    outcome = _outcome(412, 400)
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.NAMESPACES_PENDING
    assert "400 of 412" in outcome.message
    assert isinstance(injection_outcome("harbor-pull", None, NOTHING), Pending)


def test_failures_that_all_need_manual_action_block() -> None:
    outcome = _outcome(3, 1, _failure("x", Reason.FOREIGN_SECRET), _failure("y", Reason.RIGHTS_MISSING))
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.NAMESPACES_FAILED
    assert "'x': ForeignSecret" in outcome.message


def test_failures_that_can_be_retried_are_pending() -> None:
    assert isinstance(_outcome(2, 0, _failure("x", Reason.FOREIGN_SECRET), _failure("y", Reason.UNAVAILABLE)), Pending)
    assert isinstance(_outcome(3, 1, _failure("x", Reason.FOREIGN_SECRET)), Pending)


def test_only_the_first_failures_are_listed() -> None:
    failures = [_failure(f"ns{number}", Reason.FOREIGN_SECRET) for number in range(5)]
    outcome = _outcome(5, 0, *failures)
    assert "'ns2'" in outcome.message
    assert "'ns3'" not in outcome.message
    assert outcome.message.endswith("and 2 more")


def test_cleaning_up_counts_the_remaining_namespaces() -> None:
    everywhere = RemainingNamespaces(("a", "b", "c", "d"))
    message = cleaning_up("old", 9, everywhere, NOTHING, 2.0).message
    assert message.startswith("9 namespaces still hold Secret 'old' or a reference to it ('a', 'b', 'c' and 6 more)")
    assert "first full list" in cleaning_up("old", None, RemainingNamespaces(), NOTHING, 2.0).message


def test_lingering_secrets_are_named_and_the_list_is_bounded() -> None:
    """Finding R4: no message named the namespace."""
    (warning,) = lingering_warnings({"harbor-pull": ["d", "c", "b", "a"]})
    assert warning.code is Reason.PULL_SECRET_LINGERS
    assert "Secret 'harbor-pull' in namespace 'a'; " in warning.message
    assert warning.message.endswith("; and 1 more")
    assert lingering_warnings({}) == ()


def test_a_conflict_is_a_warning_that_names_the_objects() -> None:
    objects = tuple(f"ServiceAccount 'default' in namespace 'ns-{n}'" for n in range(5))
    observed = PullSecretFacts(namespaces=5, ready=5, failed=0, conflicts=objects)
    outcome = injection_outcome("harbor-pull", observed, Facts(pull_secrets=observed))
    (warning,) = outcome.warnings
    assert warning.code is Reason.PULL_SECRETS_CONFLICT
    assert "namespace 'ns-0'" in warning.message
    assert "and 2 more" in warning.message


def test_stuck_pods_are_listed_and_missing_rights_named() -> None:
    assert stuck_pod_warnings(StuckPodFacts()) == ()
    left = tuple(f"pod 'shop/{n}': why" for n in range(5))
    rights, pods = stuck_pod_warnings(StuckPodFacts(left, "apply the component"))
    assert rights.code is Reason.EVICTION_RIGHTS_MISSING
    assert "apply the component" in rights.message
    assert pods.code is Reason.PODS_STUCK
    assert pods.message.startswith("5 pods are stuck: pod 'shop/0': why; ")
    assert pods.message.endswith("and 2 more")


def test_the_remedy_for_a_foreign_robot_protects_another_cluster() -> None:
    desired = DesiredRobot("intra-cr-pull", "HarborRegistry intra/cr (uid-1)", ("*",))
    observed = ObservedRobot(7, "robot$intra-cr-pull", "HarborRegistry intra/cr (uid-2)", frozenset())
    blocked = check_robot(desired, observed)
    assert blocked is not None
    assert "give this HarborRegistry another name" in blocked.message
    assert "delete" not in blocked.message
    assert "delete it in Harbor" not in blocked.message


def _with_forbidden(ready: int, forbidden: int, *others: NamespaceFailure) -> Outcome:
    names = [f"gke-{number}" for number in range(forbidden)]
    failures = (*others, *(_failure(name, Reason.NAMESPACE_WRITE_FORBIDDEN) for name in names))
    facts = PullSecretFacts(ready + len(failures), ready, len(failures), failures, forbidden=forbidden)
    return injection_outcome("harbor-pull", facts, NOTHING)


def test_a_namespace_that_no_one_may_write_to_is_a_warning_and_the_registry_is_ready() -> None:
    """Finding F4."""
    outcome = _with_forbidden(3, 2)
    assert isinstance(outcome, Done)
    (warning,) = outcome.warnings
    assert warning.code is Reason.NAMESPACE_WRITE_FORBIDDEN
    assert warning.message.startswith("2 namespaces allow no writes")
    assert "'gke-0'" in warning.message


def test_other_failures_still_count_beside_forbidden_namespaces() -> None:
    """Finding F4."""
    assert isinstance(_with_forbidden(3, 2, _failure("x", Reason.FOREIGN_SECRET)), Blocked)
    assert isinstance(_with_forbidden(0, 2), Blocked)


@pytest.mark.parametrize("reason", [Reason.NAMESPACE_QUOTA_EXCEEDED, Reason.ADMISSION_DENIED])
def test_a_denial_in_one_namespace_does_not_stall_the_registry(reason: Reason) -> None:
    """Finding R14."""
    outcome = _outcome(3, 2, _failure("x", reason))
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.NAMESPACES_FAILED
    assert f"'x': {reason}" in outcome.message
