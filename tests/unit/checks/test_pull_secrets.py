from __future__ import annotations

from typing import Any

import pytest

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.pull_secrets import (
    check_account,
    check_robot,
    check_secret_name,
    cleaning_up,
    injection_outcome,
    lingering_warnings,
    stuck_pod_warnings,
)
from harbor_operator.model.harbor import DesiredRobot, Identity, ObservedRobot
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

NOW, EARLIER, LATER = "2026-11-23T12:00:00Z", "2026-11-23T11:00:00Z", "2026-11-23T13:00:00Z"


def _manifest(name: str, created: str, secret_name: str | None = "harbor-pull") -> dict[str, Any]:
    section: dict[str, Any] = {"credential": {"robot": {}}}
    if secret_name is not None:
        section["secretName"] = secret_name
    return {
        "metadata": {"name": name, "namespace": "intra", "uid": f"uid-{name}", "creationTimestamp": created},
        "spec": {"externalURL": "https://cr.example.com", "pullSecrets": section},
    }


OURS = _manifest("cr", NOW)


def _check(*others: dict[str, Any]) -> Blocked | None:
    return check_secret_name(HarborRegistry.parse(OURS), "harbor-pull", [OURS, *others])


def test_the_older_registry_keeps_the_name() -> None:
    blocked = _check(_manifest("other", EARLIER))
    assert blocked is not None
    assert blocked.reason is Reason.SECRET_NAME_TAKEN
    assert "'intra/other'" in blocked.message
    assert _check(_manifest("other", LATER)) is None


def test_with_equal_age_the_first_in_the_alphabet_keeps_the_name() -> None:
    assert _check(_manifest("aa", NOW)) is not None
    assert _check(_manifest("zz", NOW)) is None


def test_another_name_does_not_conflict_and_a_missing_name_is_the_default() -> None:
    assert _check(_manifest("other", EARLIER, "something-else")) is None
    assert _check(_manifest("other", EARLIER, None)) is not None


def test_a_registry_that_does_not_parse_still_keeps_its_name() -> None:
    broken = _manifest("other", EARLIER)
    broken["spec"]["externalURL"] = "nonsense"
    assert _check(broken) is not None
    broken["spec"] = {}
    assert _check(broken) is None


@pytest.mark.parametrize(
    ("username", "identity", "refused"),
    [
        ("admin", Identity.USER, True),
        ("alice", Identity.ADMIN, True),
        ("alice", Identity.USER, False),
        ("robot$x", Identity.ROBOT, False),
    ],
)
def test_an_administrator_account_is_blocked(username: str, identity: Identity, refused: bool) -> None:
    blocked = check_account("pull-account", username, identity)
    assert (blocked is not None) is refused
    if blocked:
        assert blocked.reason is Reason.PULL_CREDENTIAL_IS_ADMIN


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


def test_a_deleted_registry_does_not_hold_the_secret_name() -> None:
    """Finding R8: replacing a registry by another one of the same Secret name left a gap."""
    older = _manifest("older", EARLIER)
    assert _check(older) is not None
    older["metadata"]["deletionTimestamp"] = LATER
    assert _check(older) is None


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
