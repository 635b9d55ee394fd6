"""One case per test: what prevents the policy, and what is reported; the injection of Secrets continues."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harbor_operator.model.admission import AdmissionKind
from harbor_operator.model.outcomes import Blocked, Done, NamespaceFailure
from harbor_operator.reasons import Reason
from tests.fakes.admission import desired_policies
from tests.unit.steps.pull_secrets_fixture import (
    ALL_READY,
    CLAIM,
    INJECTED,
    INJECTED_BY_POLICY,
    POLICY,
    PullSecretsFixture,
    enabled,
    facts_of,
    registry,
    without_section,
)


@pytest.fixture
def fixture() -> PullSecretsFixture:
    return PullSecretsFixture()


async def test_a_cluster_without_such_policies_is_reported_and_injection_continues(fixture: PullSecretsFixture) -> None:
    fixture.admission.served = False
    outcome = await fixture.step.reconcile(enabled())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.ADMISSION_POLICY_UNSUPPORTED
    assert outcome.message.startswith("3 namespaces hold Secret 'harbor-pull'; ")
    assert facts_of(outcome) == replace(facts_of(outcome), ready=3, secret_name="harbor-pull", admission_policy="")
    assert fixture.injection.desired["uid-1"].claim == CLAIM
    assert isinstance(await fixture.step.reconcile(registry(status=INJECTED)), Done)


async def test_missing_rights_are_reported_and_injection_continues(fixture: PullSecretsFixture) -> None:
    fixture.admission.forbidden = True
    outcome = await fixture.step.reconcile(enabled())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.RIGHTS_MISSING
    assert fixture.injection.desired["uid-1"].claim == CLAIM
    # Who never had the rights has made nothing: neither turning it off nor deleting the registry needs them.
    assert isinstance(await fixture.step.reconcile(registry(status=INJECTED)), Done)
    assert isinstance(await fixture.step.teardown(enabled(INJECTED)), Done)


@pytest.mark.parametrize("reason", ["section", "deletion", "disabled"])
async def test_rights_taken_away_too_early_hold_it_up(fixture: PullSecretsFixture, reason: str) -> None:
    await fixture.settle(enabled())
    fixture.admission.forbidden = True
    match reason:
        case "section":
            outcome = await fixture.step.reconcile(without_section(INJECTED_BY_POLICY))
        case "deletion":
            outcome = await fixture.step.teardown(enabled(INJECTED_BY_POLICY))
        case _:
            outcome = await fixture.step.reconcile(registry(status=INJECTED_BY_POLICY))
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.RIGHTS_MISSING
    assert fixture.injection.withdrawn == []


async def test_what_the_cluster_no_longer_serves_is_gone(fixture: PullSecretsFixture) -> None:
    fixture.admission.forbidden, fixture.admission.served = True, False
    assert isinstance(await fixture.step.reconcile(registry(status=INJECTED_BY_POLICY)), Done)


@pytest.mark.parametrize("kind", AdmissionKind)
async def test_a_foreign_object_is_refused_and_left_alone(fixture: PullSecretsFixture, kind: AdmissionKind) -> None:
    theirs = fixture.admission.put(replace(dict(zip(AdmissionKind, desired_policies(), strict=True))[kind], labels={}))
    outcome = await fixture.step.reconcile(enabled())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.ADMISSION_POLICY_FOREIGN
    assert fixture.injection.desired["uid-1"].claim == CLAIM
    await fixture.step.reconcile(registry())
    await fixture.step.teardown(enabled())
    assert fixture.admission.objects[kind, POLICY] == theirs


async def test_a_policy_that_is_not_taken_is_reported_with_the_servers_message(fixture: PullSecretsFixture) -> None:
    outcome = await fixture.step.reconcile(enabled(namespaces={"selector": {"matchLabels": {"a b": "c"}}}))
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.ADMISSION_POLICY_REFUSED


async def test_an_error_of_the_policy_hides_no_error_of_the_secrets(fixture: PullSecretsFixture) -> None:
    fixture.admission.served = False
    failure = NamespaceFailure("app", Reason.FOREIGN_SECRET, "not ours")
    fixture.injection.progress = replace(ALL_READY, ready=2, failed=1, failures=(failure,))
    outcome = await fixture.step.reconcile(enabled())
    assert outcome.reason is Reason.NAMESPACES_FAILED
    assert "'app': ForeignSecret" in outcome.message
    assert outcome.message.endswith("not served")


async def test_a_policy_that_is_ignored_is_a_warning(fixture: PullSecretsFixture) -> None:
    fixture.injection.progress = replace(ALL_READY, missed_by_policy=2)
    assert (await fixture.settle(enabled())).warnings == ()
    fixture.injection.progress = replace(ALL_READY, missed_by_policy=3)
    outcome = await fixture.step.reconcile(enabled())
    assert isinstance(outcome, Done)
    (warning,) = outcome.warnings
    assert warning.code is Reason.ADMISSION_POLICY_IGNORED
    assert "the last 3 new service accounts" in warning.message
