"""Each test is one row: policies before, an outcome, and what the API server holds of policies and Secrets after."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harbor_operator.model.admission import AdmissionKind
from harbor_operator.model.injection import Claim
from harbor_operator.model.outcomes import NOT_REQUESTED, Blocked, Done, Pending, Unknown
from harbor_operator.reasons import Reason
from harbor_operator.steps.pull_admission import SETTLE_SECONDS
from tests.fakes.admission import desired_policies
from tests.unit.steps.pull_secrets_fixture import (
    CLAIM,
    INJECTED,
    INJECTED_BY_POLICY,
    OLD,
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


async def test_it_is_created_and_in_force_after_the_settle_time(fixture: PullSecretsFixture) -> None:
    first = await fixture.step.reconcile(enabled())
    assert isinstance(first, Pending)
    assert first.reason is Reason.ADMISSION_POLICY_SETTLING
    assert first.requeue_after == SETTLE_SECONDS
    assert fixture.admission.writes == ["create MutatingAdmissionPolicy", "create MutatingAdmissionPolicyBinding"]
    fixture.now += SETTLE_SECONDS
    second = await fixture.step.reconcile(enabled())
    assert isinstance(second, Done)
    assert facts_of(second).admission_policy == POLICY


async def test_a_second_pass_writes_nothing_even_after_a_restart(fixture: PullSecretsFixture) -> None:
    first = await fixture.settle(enabled())
    fixture.admission.writes.clear()
    assert await fixture.step.reconcile(enabled()) == first
    fixture.restart()
    assert await fixture.step.reconcile(enabled(INJECTED_BY_POLICY)) == first
    assert fixture.admission.writes == []


async def test_no_request_is_sent_where_it_was_never_requested(fixture: PullSecretsFixture) -> None:
    outcome = await fixture.step.reconcile(registry())
    await fixture.step.reconcile_degraded(registry(status=INJECTED))
    assert facts_of(outcome).admission_policy == ""
    assert fixture.admission.asked == 0


async def test_what_was_edited_is_corrected(fixture: PullSecretsFixture) -> None:
    await fixture.settle(enabled())
    policy, binding = desired_policies()
    fixture.admission.put(replace(policy, spec={**policy.spec, "failurePolicy": "Fail"}))
    fixture.admission.put(replace(binding, spec={"policyName": "another"}))
    fixture.admission.writes.clear()
    outcome = await fixture.step.reconcile(enabled())
    assert outcome.reason is Reason.ADMISSION_POLICY_SETTLING
    assert fixture.admission.writes == ["correct MutatingAdmissionPolicy", "correct MutatingAdmissionPolicyBinding"]
    assert [observed.spec for observed in fixture.admission.objects.values()] == [policy.spec, binding.spec]


async def test_what_was_deleted_is_created_again(fixture: PullSecretsFixture) -> None:
    await fixture.settle(enabled())
    del fixture.admission.objects[AdmissionKind.BINDING, POLICY]
    fixture.admission.writes.clear()
    await fixture.step.reconcile(enabled())
    assert fixture.admission.writes == ["create MutatingAdmissionPolicyBinding"]


async def test_a_changed_spec_changes_the_policy_in_place(fixture: PullSecretsFixture) -> None:
    await fixture.settle(enabled())
    before = fixture.admission.objects[AdmissionKind.POLICY, POLICY]
    fixture.admission.writes.clear()
    await fixture.step.reconcile(enabled(serviceAccounts=["default", "builder"]))
    after = fixture.admission.objects[AdmissionKind.POLICY, POLICY]
    assert fixture.admission.writes == ["correct MutatingAdmissionPolicy"]
    assert after.uid == before.uid
    assert after.spec["matchConstraints"]["resourceRules"][0]["resourceNames"] == ["builder", "default"]


async def test_it_is_removed_when_it_is_disabled_and_the_secrets_stay(fixture: PullSecretsFixture) -> None:
    await fixture.settle(enabled())
    outcome = await fixture.step.reconcile(registry(status=INJECTED_BY_POLICY))
    assert isinstance(outcome, Done)
    assert facts_of(outcome).admission_policy == ""
    assert fixture.policies == []
    assert fixture.admission.writes[-2:] == ["remove MutatingAdmissionPolicyBinding", "remove MutatingAdmissionPolicy"]
    assert fixture.injection.desired["uid-1"].claim == CLAIM
    asked = fixture.admission.asked
    await fixture.step.reconcile(registry(status=INJECTED_BY_POLICY))
    assert fixture.admission.asked == asked


async def test_a_restart_reads_from_the_status_what_to_remove(fixture: PullSecretsFixture) -> None:
    await fixture.settle(enabled())
    fixture.restart()
    await fixture.step.reconcile(registry(status=INJECTED_BY_POLICY))
    assert fixture.policies == []


async def test_it_is_removed_with_the_section_before_anything_else(fixture: PullSecretsFixture) -> None:
    await fixture.settle(enabled())
    fixture.injection.left[CLAIM] = 0
    outcome = await fixture.step.reconcile(without_section(INJECTED_BY_POLICY))
    assert fixture.policies == []
    # API servers may act by it for a moment: an account created meanwhile is still cleaned up.
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.PULL_SECRETS_CLEANING_UP
    fixture.now += SETTLE_SECONDS
    assert await fixture.step.reconcile(without_section(INJECTED_BY_POLICY)) == NOT_REQUESTED


async def test_a_renamed_secret_is_in_the_policy_before_the_old_one_is_removed(fixture: PullSecretsFixture) -> None:
    await fixture.settle(enabled(secretName="old-pull"))
    status = {"secretName": "old-pull", "serviceAccounts": ["default"], "admissionPolicy": POLICY}
    outcome = await fixture.step.reconcile(enabled(status))
    (*_, missing) = fixture.admission.objects[AdmissionKind.POLICY, POLICY].spec["matchConditions"]
    assert '"harbor-pull"' in missing["expression"]
    assert fixture.injection.withdrawn == [OLD]
    assert outcome.reason is Reason.PULL_SECRETS_CLEANING_UP
    fixture.now += SETTLE_SECONDS
    assert isinstance(await fixture.step.reconcile(enabled(status)), Done)


async def test_teardown_takes_it_first_and_then_everything_else(fixture: PullSecretsFixture) -> None:
    await fixture.settle(enabled())
    fixture.admission.down = True
    assert isinstance(await fixture.step.teardown(enabled(INJECTED_BY_POLICY)), Unknown)
    assert fixture.injection.withdrawn == []
    fixture.admission.down = False
    outcome = await fixture.step.teardown(enabled(INJECTED_BY_POLICY))
    assert fixture.policies == []
    assert outcome.reason is Reason.PULL_SECRETS_CLEANING_UP
    assert fixture.injection.withdrawn == [CLAIM]
    fixture.now += SETTLE_SECONDS
    assert isinstance(await fixture.step.teardown(enabled(INJECTED_BY_POLICY)), Done)


async def test_it_is_removed_where_secrets_are_retained(fixture: PullSecretsFixture) -> None:
    await fixture.settle(enabled())
    assert isinstance(await fixture.step.teardown(enabled(INJECTED_BY_POLICY, keep=True)), Done)
    assert fixture.policies == []
    assert fixture.injection.withdrawn == []


async def test_a_crash_before_the_status_was_written_leaves_nothing_behind(fixture: PullSecretsFixture) -> None:
    await fixture.step.reconcile(enabled())
    fixture.restart()
    await fixture.step.teardown(enabled())
    assert fixture.policies == []


async def test_a_write_without_an_answer_counts_as_executed(fixture: PullSecretsFixture) -> None:
    fixture.admission.lost = True
    outcome = await fixture.step.reconcile(enabled())
    assert isinstance(outcome, Unknown)
    assert fixture.injection.desired["uid-1"].claim == CLAIM
    fixture.admission.lost = False
    await fixture.step.reconcile(registry())
    assert fixture.policies == []


async def test_nothing_refers_to_a_secret_that_was_never_injected(fixture: PullSecretsFixture) -> None:
    wanted = enabled(credential={"secretRef": {"name": "pull-account"}})
    fixture.account()
    fixture.harbor.accounts["puller"] = ("Another-pass-1", False)
    assert isinstance(await fixture.step.reconcile(wanted), Blocked)
    assert fixture.admission.objects == {}


async def test_it_is_removed_when_disabled_although_the_login_is_refused(fixture: PullSecretsFixture) -> None:
    await fixture.settle(enabled())
    fixture.account()
    fixture.harbor.accounts["puller"] = ("Another-pass-1", False)
    wanted = {"credential": {"secretRef": {"name": "pull-account"}}}
    assert isinstance(await fixture.step.reconcile(registry(wanted, status=INJECTED_BY_POLICY)), Blocked)
    assert fixture.policies == []


async def test_while_harbor_is_down_it_is_corrected_or_removed(fixture: PullSecretsFixture) -> None:
    await fixture.step.reconcile_degraded(enabled(INJECTED))
    assert fixture.admission.objects == {}
    await fixture.settle(enabled())
    del fixture.admission.objects[AdmissionKind.BINDING, POLICY]
    facts = await fixture.step.reconcile_degraded(enabled(INJECTED_BY_POLICY))
    assert fixture.policies == list(AdmissionKind)
    assert facts.pull_secrets is not None
    assert facts.pull_secrets.admission_policy == POLICY
    await fixture.step.reconcile_degraded(registry(status=INJECTED_BY_POLICY))
    assert fixture.policies == []
    claim = Claim("uid-1", "harbor-pull", ("default",))
    assert fixture.injection.desired["uid-1"].claim == claim


async def test_new_accounts_are_observed_while_it_is_in_force(fixture: PullSecretsFixture) -> None:
    await fixture.step.reconcile(enabled())
    assert fixture.injection.expecting == {"uid-1": False}
    fixture.now += SETTLE_SECONDS
    await fixture.step.reconcile(enabled())
    assert fixture.injection.expecting == {"uid-1": True}
    await fixture.step.reconcile(registry(status=INJECTED_BY_POLICY))
    assert fixture.injection.expecting == {"uid-1": False}
