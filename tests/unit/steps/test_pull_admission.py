"""Each test is one row: policies before, an outcome, and what the API server holds of policies and Secrets after."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harbor_operator.model.admission import AdmissionKind
from harbor_operator.model.injection import Claim
from harbor_operator.model.outcomes import NOT_REQUESTED, Blocked, Done, Pending, Unknown
from harbor_operator.reasons import Reason
from harbor_operator.steps.pull_admission import SETTLE_SECONDS
from tests.fakes.admission import wishes
from tests.unit.steps.pull_world import (
    CLAIM,
    OLD,
    POLICY,
    SPREAD,
    SPREAD_BY_POLICY,
    World,
    enabled,
    facts_of,
    registry,
    without_section,
)


@pytest.fixture
def world() -> World:
    return World()


async def test_it_is_made_and_in_force_a_moment_later(world: World) -> None:
    first = await world.step.reconcile(enabled())
    assert isinstance(first, Pending)
    assert first.reason is Reason.ADMISSION_POLICY_SETTLING
    assert first.requeue_after == SETTLE_SECONDS
    assert world.admission.writes == ["create MutatingAdmissionPolicy", "create MutatingAdmissionPolicyBinding"]
    world.now += SETTLE_SECONDS
    second = await world.step.reconcile(enabled())
    assert isinstance(second, Done)
    assert facts_of(second).admission_policy == POLICY


async def test_a_second_pass_writes_nothing_even_after_a_restart(world: World) -> None:
    first = await world.settle(enabled())
    world.admission.writes.clear()
    assert await world.step.reconcile(enabled()) == first
    world.restart()
    assert await world.step.reconcile(enabled(SPREAD_BY_POLICY)) == first
    assert world.admission.writes == []


async def test_nobody_is_asked_where_it_was_never_wanted(world: World) -> None:
    outcome = await world.step.reconcile(registry())
    await world.step.reconcile_degraded(registry(status=SPREAD))
    assert facts_of(outcome).admission_policy == ""
    assert world.admission.asked == 0


async def test_what_was_edited_is_put_right(world: World) -> None:
    await world.settle(enabled())
    policy, binding = wishes()
    world.admission.put(replace(policy, spec={**policy.spec, "failurePolicy": "Fail"}))
    world.admission.put(replace(binding, spec={"policyName": "another"}))
    world.admission.writes.clear()
    outcome = await world.step.reconcile(enabled())
    assert outcome.reason is Reason.ADMISSION_POLICY_SETTLING
    assert world.admission.writes == ["correct MutatingAdmissionPolicy", "correct MutatingAdmissionPolicyBinding"]
    assert [observed.spec for observed in world.admission.objects.values()] == [policy.spec, binding.spec]


async def test_what_was_deleted_comes_back(world: World) -> None:
    await world.settle(enabled())
    del world.admission.objects[AdmissionKind.BINDING, POLICY]
    world.admission.writes.clear()
    await world.step.reconcile(enabled())
    assert world.admission.writes == ["create MutatingAdmissionPolicyBinding"]


async def test_a_changed_spec_changes_the_policy_in_place(world: World) -> None:
    await world.settle(enabled())
    before = world.admission.objects[AdmissionKind.POLICY, POLICY]
    world.admission.writes.clear()
    await world.step.reconcile(enabled(serviceAccounts=["default", "builder"]))
    after = world.admission.objects[AdmissionKind.POLICY, POLICY]
    assert world.admission.writes == ["correct MutatingAdmissionPolicy"]
    assert after.uid == before.uid
    assert after.spec["matchConstraints"]["resourceRules"][0]["resourceNames"] == ["builder", "default"]


async def test_it_goes_when_it_is_disabled_and_the_secrets_stay(world: World) -> None:
    await world.settle(enabled())
    outcome = await world.step.reconcile(registry(status=SPREAD_BY_POLICY))
    assert isinstance(outcome, Done)
    assert facts_of(outcome).admission_policy == ""
    assert world.policies == []
    assert world.admission.writes[-2:] == ["remove MutatingAdmissionPolicyBinding", "remove MutatingAdmissionPolicy"]
    assert world.distribution.wishes["uid-1"].claim == CLAIM
    asked = world.admission.asked
    await world.step.reconcile(registry(status=SPREAD_BY_POLICY))
    assert world.admission.asked == asked


async def test_a_restart_knows_from_the_status_what_has_to_go(world: World) -> None:
    await world.settle(enabled())
    world.restart()
    await world.step.reconcile(registry(status=SPREAD_BY_POLICY))
    assert world.policies == []


async def test_it_goes_with_the_section_before_anything_else(world: World) -> None:
    await world.settle(enabled())
    world.distribution.left[CLAIM] = 0
    outcome = await world.step.reconcile(without_section(SPREAD_BY_POLICY))
    assert world.policies == []
    # API servers may act by it for a moment: what is born meanwhile is still taken back.
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.PULL_SECRETS_CLEANING_UP
    world.now += SETTLE_SECONDS
    assert await world.step.reconcile(without_section(SPREAD_BY_POLICY)) == NOT_REQUESTED


async def test_a_renamed_secret_is_in_the_policy_before_the_old_one_is_let_go(world: World) -> None:
    await world.settle(enabled(secretName="old-pull"))
    status = {"secretName": "old-pull", "serviceAccounts": ["default"], "admissionPolicy": POLICY}
    outcome = await world.step.reconcile(enabled(status))
    conditions = world.admission.objects[AdmissionKind.POLICY, POLICY].spec["matchConditions"]
    assert '"harbor-pull"' in conditions[1]["expression"]
    assert world.distribution.withdrawn == [OLD]
    assert outcome.reason is Reason.PULL_SECRETS_CLEANING_UP
    world.now += SETTLE_SECONDS
    assert isinstance(await world.step.reconcile(enabled(status)), Done)


async def test_dismantling_takes_it_first_and_then_everything_else(world: World) -> None:
    await world.settle(enabled())
    world.admission.down = True
    assert isinstance(await world.step.teardown(enabled(SPREAD_BY_POLICY)), Unknown)
    assert world.distribution.withdrawn == []
    world.admission.down = False
    outcome = await world.step.teardown(enabled(SPREAD_BY_POLICY))
    assert world.policies == []
    assert outcome.reason is Reason.PULL_SECRETS_CLEANING_UP
    assert world.distribution.withdrawn == [CLAIM]
    world.now += SETTLE_SECONDS
    assert isinstance(await world.step.teardown(enabled(SPREAD_BY_POLICY)), Done)


async def test_it_is_not_kept_where_secrets_are(world: World) -> None:
    await world.settle(enabled())
    assert isinstance(await world.step.teardown(enabled(SPREAD_BY_POLICY, keep=True)), Done)
    assert world.policies == []
    assert world.distribution.withdrawn == []


async def test_a_crash_before_the_status_was_written_leaves_nothing_behind(world: World) -> None:
    await world.step.reconcile(enabled())
    world.restart()
    await world.step.teardown(enabled())
    assert world.policies == []


async def test_a_write_without_an_answer_is_taken_for_done(world: World) -> None:
    world.admission.lost = True
    outcome = await world.step.reconcile(enabled())
    assert isinstance(outcome, Unknown)
    assert world.distribution.wishes["uid-1"].claim == CLAIM
    world.admission.lost = False
    await world.step.reconcile(registry())
    assert world.policies == []


async def test_nothing_refers_to_a_secret_that_was_never_spread(world: World) -> None:
    wanted = enabled(credential={"secretRef": {"name": "pull-account"}})
    world.account()
    world.harbor.accounts["puller"] = ("Another-pass-1", False)
    assert isinstance(await world.step.reconcile(wanted), Blocked)
    assert world.admission.objects == {}


async def test_it_goes_when_disabled_although_the_login_is_refused(world: World) -> None:
    await world.settle(enabled())
    world.account()
    world.harbor.accounts["puller"] = ("Another-pass-1", False)
    wanted = {"credential": {"secretRef": {"name": "pull-account"}}}
    assert isinstance(await world.step.reconcile(registry(wanted, status=SPREAD_BY_POLICY)), Blocked)
    assert world.policies == []


async def test_while_harbor_is_down_it_is_kept_right_or_taken_away(world: World) -> None:
    await world.step.reconcile_degraded(enabled(SPREAD))
    assert world.admission.objects == {}
    await world.settle(enabled())
    del world.admission.objects[AdmissionKind.BINDING, POLICY]
    facts = await world.step.reconcile_degraded(enabled(SPREAD_BY_POLICY))
    assert world.policies == list(AdmissionKind)
    assert facts.pull_secrets is not None
    assert facts.pull_secrets.admission_policy == POLICY
    await world.step.reconcile_degraded(registry(status=SPREAD_BY_POLICY))
    assert world.policies == []
    claim = Claim("uid-1", "harbor-pull", ("default",))
    assert world.distribution.wishes["uid-1"].claim == claim


async def test_births_are_watched_while_it_is_in_force(world: World) -> None:
    await world.step.reconcile(enabled())
    assert world.distribution.expecting == {"uid-1": False}
    world.now += SETTLE_SECONDS
    await world.step.reconcile(enabled())
    assert world.distribution.expecting == {"uid-1": True}
    await world.step.reconcile(registry(status=SPREAD_BY_POLICY))
    assert world.distribution.expecting == {"uid-1": False}
