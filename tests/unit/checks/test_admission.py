from __future__ import annotations

import pytest

from harbor_operator.checks.admission import MIN_MISSED_ACCOUNTS, combine, foreign_policy, ignored_policy_warnings
from harbor_operator.model.outcomes import Blocked, Done, Facts, Outcome, Pending, PullSecretFacts
from harbor_operator.reasons import Reason

FACTS = Facts(pull_secrets=PullSecretFacts(namespaces=3, ready=3, failed=0))
READY = Done("3 namespaces hold Secret 'harbor-pull'", facts=FACTS)
WRITING = Pending(Reason.NAMESPACES_PENDING, "2 of 3 namespaces hold Secret 'harbor-pull'", facts=FACTS)
ENFORCED = Done("the admission policy is in force")
FOREIGN = foreign_policy("MutatingAdmissionPolicy", "harbor-operator.intra.cr")


def test_a_foreign_policy_is_named_and_its_owner_is_checked_before_it_is_deleted() -> None:
    assert FOREIGN.reason is Reason.ADMISSION_POLICY_FOREIGN
    assert "MutatingAdmissionPolicy 'harbor-operator.intra.cr' already exists" in FOREIGN.message
    assert FOREIGN.message.index("check that no one else uses it") < FOREIGN.message.index("delete it")


@pytest.mark.parametrize("missed", [0, MIN_MISSED_ACCOUNTS - 1])
def test_single_missed_accounts_are_no_warning(missed: int) -> None:
    facts = PullSecretFacts(namespaces=3, ready=3, failed=0, missed_by_policy=missed)
    assert ignored_policy_warnings(facts) == ()


def test_missed_accounts_in_a_row_are_a_warning_with_the_remedy() -> None:
    facts = PullSecretFacts(namespaces=3, ready=3, failed=0, missed_by_policy=MIN_MISSED_ACCOUNTS)
    (warning,) = ignored_policy_warnings(facts)
    assert warning.code is Reason.ADMISSION_POLICY_IGNORED
    assert warning.message.startswith("the last 3 new service accounts were created without the imagePullSecret")
    assert "set `spec.pullSecrets.admissionPolicy` to Disabled" in warning.message


@pytest.mark.parametrize(
    ("injection", "policy", "kind", "reason"),
    [
        (READY, ENFORCED, Done, Reason.CONVERGED),
        (READY, FOREIGN, Blocked, Reason.ADMISSION_POLICY_FOREIGN),
        (WRITING, ENFORCED, Pending, Reason.NAMESPACES_PENDING),
        (WRITING, FOREIGN, Pending, Reason.NAMESPACES_PENDING),
    ],
)
def test_both_outcomes_become_one_that_hides_neither(
    injection: Outcome, policy: Outcome, kind: type[Outcome], reason: Reason
) -> None:
    outcome = combine(injection, policy)
    assert isinstance(outcome, kind)
    assert outcome.reason is reason
    assert outcome.facts == FACTS
    assert injection.message in outcome.message
    assert policy is ENFORCED or policy.message in outcome.message
