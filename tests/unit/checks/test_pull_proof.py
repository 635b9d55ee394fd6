"""What a trial pull with an injected Secret proves, and what the condition says about it."""

from __future__ import annotations

import pytest

from harbor_operator.checks.pull_proof import check_pulled, missing_entry, rejected_login, with_failed_proofs
from harbor_operator.model.outcomes import (
    Blocked,
    Done,
    Facts,
    NamespaceFailure,
    Pending,
    PullSecretFacts,
    StatusWarning,
)
from harbor_operator.model.pull_proof import PASSED, UNAVAILABLE, Proof, ProofResult
from harbor_operator.model.reachability import PullResult
from harbor_operator.reasons import Reason

IMAGE = "team-a/app:1"
FACTS = Facts(pull_secrets=PullSecretFacts(namespaces=9, ready=9, failed=0))
WARNINGS = (StatusWarning(Reason.PROJECT_CREATION_OPEN, "x"),)


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        (PullResult(200, 200), PASSED),
        (PullResult(200, 200, 200), PASSED),
        (PullResult(200, 200, 404), PASSED),
        (PullResult(401), rejected_login()),
        (PullResult(403), rejected_login()),
        (PullResult(200, 401, 401), UNAVAILABLE),
        (PullResult(429), UNAVAILABLE),
        (PullResult(200, 200, 429), UNAVAILABLE),
        (PullResult(503), UNAVAILABLE),
        (PullResult(200, 502), UNAVAILABLE),
        (PullResult(200, 200, 500), UNAVAILABLE),
    ],
)
def test_only_an_answer_about_the_login_proves_something(observed: PullResult, expected: Proof) -> None:
    assert check_pulled(observed, IMAGE) == expected


@pytest.mark.parametrize("status", [401, 403])
def test_a_login_without_the_right_to_pull_fails(status: int) -> None:
    proof = check_pulled(PullResult(200, 200, status), IMAGE)
    assert proof.result is ProofResult.FAILED
    assert f"has no right to pull '{IMAGE}'" in proof.problem


def test_every_failure_has_a_problem() -> None:
    assert "no login for 'cr.example.com'" in missing_entry("cr.example.com").problem
    assert "Harbor rejects the login" in rejected_login().problem
    assert not PASSED.problem
    assert not UNAVAILABLE.problem


def test_without_a_failed_proof_the_outcome_is_that_of_the_injection() -> None:
    injected = Done("all hold it", facts=FACTS)
    assert with_failed_proofs(injected, "harbor-pull", {}, 60) is injected


def test_failed_proofs_make_the_condition_false_and_name_the_namespaces() -> None:
    problems = {f"n{number}": "Harbor rejects the login" for number in (4, 3, 2, 1)}
    outcome = with_failed_proofs(Done("all hold it", facts=FACTS, warnings=WARNINGS), "harbor-pull", problems, 60)
    assert isinstance(outcome, Pending)
    assert (outcome.reason, outcome.requeue_after, outcome.warnings) == (Reason.PULL_PROOF_FAILED, 60, WARNINGS)
    assert outcome.message == (
        "4 of the namespaces that were tried cannot pull with Secret 'harbor-pull': 'n1': Harbor rejects the login; "
        "'n2': Harbor rejects the login; 'n3': Harbor rejects the login; and 1 more; the operator tries them again "
        "every 60 seconds"
    )
    assert outcome.facts.pull_secrets is not None
    assert [failure.namespace for failure in outcome.facts.pull_secrets.failures] == ["n1", "n2", "n3", "n4"]
    assert {failure.reason for failure in outcome.facts.pull_secrets.failures} == {Reason.PULL_PROOF_FAILED}
    assert outcome.facts.pull_secrets.failed == 0


@pytest.mark.parametrize("kind", [Pending, Blocked])
def test_a_problem_of_the_injection_decides_first(kind: type[Pending | Blocked]) -> None:
    foreign = NamespaceFailure("a", Reason.FOREIGN_SECRET, "another")
    facts = Facts(pull_secrets=PullSecretFacts(namespaces=9, ready=8, failed=1, failures=(foreign,)))
    outcome = with_failed_proofs(
        kind(Reason.NAMESPACES_FAILED, "1 failed", facts=facts), "harbor-pull", {"b": "no login"}, 60
    )
    assert isinstance(outcome, kind)
    assert outcome.reason is Reason.NAMESPACES_FAILED
    assert outcome.message.startswith("1 failed; 1 of the namespaces that were tried cannot pull")
    assert outcome.facts.pull_secrets is not None
    assert [failure.namespace for failure in outcome.facts.pull_secrets.failures] == ["a", "b"]
