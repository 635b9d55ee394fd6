from __future__ import annotations

from typing import Any

import pytest

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.pull_secrets import (
    check_account,
    check_secret_name,
    cleaning_up,
    injection_outcome,
    stuck_pod_warnings,
)
from harbor_operator.model.harbor import Identity
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


def _taken(*others: dict[str, Any]) -> Blocked | None:
    return check_secret_name(HarborRegistry.parse(OURS), "harbor-pull", [OURS, *others])


def test_the_older_registry_keeps_the_name() -> None:
    obstacle = _taken(_manifest("other", EARLIER))
    assert obstacle is not None
    assert obstacle.reason is Reason.SECRET_NAME_TAKEN
    assert "'intra/other'" in obstacle.message
    assert _taken(_manifest("other", LATER)) is None


def test_of_the_same_age_the_first_in_the_alphabet_keeps_it() -> None:
    assert _taken(_manifest("aa", NOW)) is not None
    assert _taken(_manifest("zz", NOW)) is None


def test_another_name_is_no_rival_and_an_unwritten_one_is_the_default() -> None:
    assert _taken(_manifest("other", EARLIER, "something-else")) is None
    assert _taken(_manifest("other", EARLIER, None)) is not None


def test_a_registry_that_does_not_parse_still_keeps_its_name() -> None:
    broken = _manifest("other", EARLIER)
    broken["spec"]["externalURL"] = "nonsense"
    assert _taken(broken) is not None
    broken["spec"] = {}
    assert _taken(broken) is None


@pytest.mark.parametrize(
    ("username", "identity", "refused"),
    [
        ("admin", Identity.USER, True),
        ("alice", Identity.ADMIN, True),
        ("alice", Identity.USER, False),
        ("robot$x", Identity.ROBOT, False),
    ],
)
def test_an_administrator_is_never_spread(username: str, identity: Identity, refused: bool) -> None:
    obstacle = check_account("pull-account", username, identity)
    assert (obstacle is not None) is refused
    if obstacle:
        assert obstacle.reason is Reason.PULL_CREDENTIAL_IS_ADMIN


def _failure(name: str, reason: Reason) -> NamespaceFailure:
    return NamespaceFailure(name, reason, "it is so")


def _spread(namespaces: int, ready: int, *failures: NamespaceFailure) -> Outcome:
    return injection_outcome("harbor-pull", PullSecretFacts(namespaces, ready, len(failures), failures), NOTHING)


def test_all_ready_is_done() -> None:
    assert _spread(412, 412) == Done("412 namespaces hold Secret 'harbor-pull'")


def test_on_the_way_is_pending() -> None:
    outcome = _spread(412, 400)
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.NAMESPACES_PENDING
    assert "400 of 412" in outcome.message
    assert isinstance(injection_outcome("harbor-pull", None, NOTHING), Pending)


def test_failures_that_all_need_a_person_block() -> None:
    outcome = _spread(3, 1, _failure("x", Reason.FOREIGN_SECRET), _failure("y", Reason.RIGHTS_MISSING))
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.NAMESPACES_FAILED
    assert "'x': ForeignSecret" in outcome.message


def test_failures_that_may_pass_are_pending() -> None:
    assert isinstance(_spread(2, 0, _failure("x", Reason.FOREIGN_SECRET), _failure("y", Reason.UNAVAILABLE)), Pending)
    assert isinstance(_spread(3, 1, _failure("x", Reason.FOREIGN_SECRET)), Pending)


def test_only_the_first_failures_are_listed() -> None:
    failures = [_failure(f"ns{number}", Reason.FOREIGN_SECRET) for number in range(5)]
    outcome = _spread(5, 0, *failures)
    assert "'ns2'" in outcome.message
    assert "'ns3'" not in outcome.message
    assert outcome.message.endswith("and 2 more")


def test_cleaning_up_counts_what_is_left() -> None:
    assert "3 namespaces still hold" in cleaning_up("old", 3, NOTHING).message
    assert cleaning_up("old", None, NOTHING).reason is Reason.PULL_SECRETS_CLEANING_UP


def test_a_contest_is_a_caution_that_names_the_objects() -> None:
    undone = tuple(f"ServiceAccount 'default' in namespace 'ns-{n}'" for n in range(5))
    observed = PullSecretFacts(namespaces=5, ready=5, failed=0, contested=undone)
    outcome = injection_outcome("harbor-pull", observed, Facts(pull_secrets=observed))
    (caution,) = outcome.warnings
    assert caution.code is Reason.PULL_SECRETS_CONTESTED
    assert "namespace 'ns-0'" in caution.message
    assert "and 2 more" in caution.message


def test_stuck_pods_are_listed_and_missing_rights_named() -> None:
    assert stuck_pod_warnings(StuckPodFacts()) == ()
    left = tuple(f"pod 'shop/{n}': why" for n in range(5))
    rights, pods = stuck_pod_warnings(StuckPodFacts(left, "apply the component"))
    assert rights.code is Reason.EVICTION_RIGHTS_MISSING
    assert "apply the component" in rights.message
    assert pods.code is Reason.PODS_STUCK
    assert pods.message.startswith("5 stuck: pod 'shop/0': why; ")
    assert pods.message.endswith("and 2 more")
