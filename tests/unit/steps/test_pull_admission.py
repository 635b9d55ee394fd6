"""Each test is one row: policies before, an outcome, and what the API server holds of policies and Secrets after."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.outcomes import NOT_REQUESTED, Blocked, Done, NamespaceFailure, Outcome, Pending, Unseen
from harbor_operator.plan.admission import AdmissionKind, AdmissionWish, plan_admission
from harbor_operator.ports.distribution import Claim
from harbor_operator.reasons import Reason
from harbor_operator.steps.pull_admission import SETTLE_SECONDS
from tests.unit.steps.pull_world import ALL_READY, CLAIM, OLD, World, facts_of, registry, without_section

NAME = "harbor-operator.intra.cr"
SPREAD = {"secretName": "harbor-pull", "serviceAccounts": ["default"]}
KNOWN = {**SPREAD, "admissionPolicy": NAME}


def enabled(status: Any = None, *, keep: bool = False, **section: Any) -> HarborRegistry:
    wanted = {"credential": {"robot": {}}, "admissionPolicy": "Enabled", **section}
    return registry(wanted, status=status, keep=keep)


def wishes(wanted: HarborRegistry) -> tuple[AdmissionWish, AdmissionWish]:
    assert wanted.spec.pull_secrets is not None
    return plan_admission(wanted, wanted.spec.pull_secrets)


@pytest.fixture
def world() -> World:
    return World()


async def settle(world: World, wanted: HarborRegistry) -> Outcome:
    await world.step.converge(wanted)
    world.now += SETTLE_SECONDS
    return await world.step.converge(wanted)


def held(world: World) -> list[AdmissionKind]:
    return [kind for kind, name in world.admission.objects if name == NAME]


async def test_it_is_made_and_in_force_a_moment_later(world: World) -> None:
    first = await world.step.converge(enabled())
    assert isinstance(first, Pending)
    assert first.reason is Reason.ADMISSION_POLICY_SETTLING
    assert first.again == SETTLE_SECONDS
    assert world.admission.writes == ["create MutatingAdmissionPolicy", "create MutatingAdmissionPolicyBinding"]
    world.now += SETTLE_SECONDS
    second = await world.step.converge(enabled())
    assert isinstance(second, Done)
    assert facts_of(second).admission_policy == NAME


async def test_a_second_pass_writes_nothing_even_after_a_restart(world: World) -> None:
    first = await settle(world, enabled())
    world.admission.writes.clear()
    assert await world.step.converge(enabled()) == first
    world.restart()
    assert await world.step.converge(enabled(KNOWN)) == first
    assert world.admission.writes == []


async def test_nobody_is_asked_where_it_was_never_wanted(world: World) -> None:
    outcome = await world.step.converge(registry())
    await world.step.sustain(registry(status=SPREAD))
    assert facts_of(outcome).admission_policy == ""
    assert world.admission.asked == 0


async def test_what_was_edited_is_put_right(world: World) -> None:
    await settle(world, enabled())
    policy, binding = wishes(enabled())
    world.admission.put(replace(policy, spec={**policy.spec, "failurePolicy": "Fail"}))
    world.admission.put(replace(binding, spec={"policyName": "another"}))
    world.admission.writes.clear()
    outcome = await world.step.converge(enabled())
    assert outcome.reason is Reason.ADMISSION_POLICY_SETTLING
    assert world.admission.writes == ["correct MutatingAdmissionPolicy", "correct MutatingAdmissionPolicyBinding"]
    assert [seen.spec for seen in world.admission.objects.values()] == [policy.spec, binding.spec]


async def test_what_was_deleted_comes_back(world: World) -> None:
    await settle(world, enabled())
    del world.admission.objects[AdmissionKind.BINDING, NAME]
    world.admission.writes.clear()
    await world.step.converge(enabled())
    assert world.admission.writes == ["create MutatingAdmissionPolicyBinding"]


async def test_a_changed_spec_changes_the_policy_in_place(world: World) -> None:
    await settle(world, enabled())
    before = world.admission.objects[AdmissionKind.POLICY, NAME]
    world.admission.writes.clear()
    await world.step.converge(enabled(serviceAccounts=["default", "builder"]))
    after = world.admission.objects[AdmissionKind.POLICY, NAME]
    assert world.admission.writes == ["correct MutatingAdmissionPolicy"]
    assert after.uid == before.uid
    assert after.spec["matchConstraints"]["resourceRules"][0]["resourceNames"] == ["builder", "default"]


async def test_it_goes_when_it_is_disabled_and_the_secrets_stay(world: World) -> None:
    await settle(world, enabled())
    outcome = await world.step.converge(registry(status=KNOWN))
    assert isinstance(outcome, Done)
    assert facts_of(outcome).admission_policy == ""
    assert held(world) == []
    assert world.admission.writes[-2:] == ["remove MutatingAdmissionPolicyBinding", "remove MutatingAdmissionPolicy"]
    assert world.distribution.wishes["uid-1"].claim == CLAIM
    asked = world.admission.asked
    await world.step.converge(registry(status=KNOWN))
    assert world.admission.asked == asked


async def test_a_restart_knows_from_the_status_what_has_to_go(world: World) -> None:
    await settle(world, enabled())
    world.restart()
    await world.step.converge(registry(status=KNOWN))
    assert held(world) == []


async def test_it_goes_with_the_section_before_anything_else(world: World) -> None:
    await settle(world, enabled())
    world.distribution.left[CLAIM] = 0
    outcome = await world.step.converge(without_section(KNOWN))
    assert held(world) == []
    # API servers may act by it for a moment: what is born meanwhile is still taken back.
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.PULL_SECRETS_CLEANING_UP
    world.now += SETTLE_SECONDS
    assert await world.step.converge(without_section(KNOWN)) == NOT_REQUESTED


async def test_a_renamed_secret_is_in_the_policy_before_the_old_one_is_let_go(world: World) -> None:
    await settle(world, enabled(secretName="old-pull"))
    status = {"secretName": "old-pull", "serviceAccounts": ["default"], "admissionPolicy": NAME}
    outcome = await world.step.converge(enabled(status))
    conditions = world.admission.objects[AdmissionKind.POLICY, NAME].spec["matchConditions"]
    assert '"harbor-pull"' in conditions[1]["expression"]
    assert world.distribution.withdrawn == [OLD]
    assert outcome.reason is Reason.PULL_SECRETS_CLEANING_UP
    world.now += SETTLE_SECONDS
    assert isinstance(await world.step.converge(enabled(status)), Done)


async def test_dismantling_takes_it_first_and_then_everything_else(world: World) -> None:
    await settle(world, enabled())
    world.admission.down = True
    assert isinstance(await world.step.dismantle(enabled(KNOWN)), Unseen)
    assert world.distribution.withdrawn == []
    world.admission.down = False
    outcome = await world.step.dismantle(enabled(KNOWN))
    assert held(world) == []
    assert outcome.reason is Reason.PULL_SECRETS_CLEANING_UP
    assert world.distribution.withdrawn == [CLAIM]
    world.now += SETTLE_SECONDS
    assert isinstance(await world.step.dismantle(enabled(KNOWN)), Done)


async def test_it_is_not_kept_where_secrets_are(world: World) -> None:
    await settle(world, enabled())
    assert isinstance(await world.step.dismantle(enabled(KNOWN, keep=True)), Done)
    assert held(world) == []
    assert world.distribution.withdrawn == []


async def test_a_crash_before_the_status_was_written_leaves_nothing_behind(world: World) -> None:
    await world.step.converge(enabled())
    world.restart()
    await world.step.dismantle(enabled())
    assert held(world) == []


async def test_a_write_without_an_answer_is_taken_for_done(world: World) -> None:
    world.admission.lost = True
    outcome = await world.step.converge(enabled())
    assert isinstance(outcome, Unseen)
    assert world.distribution.wishes["uid-1"].claim == CLAIM
    world.admission.lost = False
    await world.step.converge(registry())
    assert held(world) == []


async def test_a_cluster_without_such_policies_is_told_and_still_served(world: World) -> None:
    world.admission.served = False
    outcome = await world.step.converge(enabled())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.ADMISSION_POLICY_UNSUPPORTED
    assert outcome.message.startswith("3 namespaces hold Secret 'harbor-pull'; ")
    assert facts_of(outcome) == replace(facts_of(outcome), ready=3, secret_name="harbor-pull", admission_policy="")
    assert world.distribution.wishes["uid-1"].claim == CLAIM
    assert isinstance(await world.step.converge(registry(status=SPREAD)), Done)


async def test_missing_rights_are_told_and_the_secrets_still_spread(world: World) -> None:
    world.admission.forbidden = True
    outcome = await world.step.converge(enabled())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.RIGHTS_MISSING
    assert world.distribution.wishes["uid-1"].claim == CLAIM
    # Who never had the rights has made nothing: neither turning it off nor deleting the registry needs them.
    assert isinstance(await world.step.converge(registry(status=SPREAD)), Done)
    assert isinstance(await world.step.dismantle(enabled(SPREAD)), Done)


@pytest.mark.parametrize("reason", ["section", "deletion", "disabled"])
async def test_rights_taken_away_too_early_hold_it_up(world: World, reason: str) -> None:
    await settle(world, enabled())
    world.admission.forbidden = True
    match reason:
        case "section":
            outcome = await world.step.converge(without_section(KNOWN))
        case "deletion":
            outcome = await world.step.dismantle(enabled(KNOWN))
        case _:
            outcome = await world.step.converge(registry(status=KNOWN))
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.RIGHTS_MISSING
    assert world.distribution.withdrawn == []


async def test_what_the_cluster_no_longer_serves_is_gone(world: World) -> None:
    world.admission.forbidden, world.admission.served = True, False
    assert isinstance(await world.step.converge(registry(status=KNOWN)), Done)


@pytest.mark.parametrize("kind", AdmissionKind)
async def test_a_foreign_object_is_refused_and_left_alone(world: World, kind: AdmissionKind) -> None:
    theirs = world.admission.put(replace(dict(zip(AdmissionKind, wishes(enabled()), strict=True))[kind], labels={}))
    outcome = await world.step.converge(enabled())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.ADMISSION_POLICY_FOREIGN
    assert world.distribution.wishes["uid-1"].claim == CLAIM
    await world.step.converge(registry())
    await world.step.dismantle(enabled())
    assert world.admission.objects[kind, NAME] == theirs


async def test_a_policy_that_is_not_taken_is_told_in_the_servers_words(world: World) -> None:
    outcome = await world.step.converge(enabled(serviceAccounts=["a/b"]))
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.ADMISSION_POLICY_REFUSED


async def test_trouble_with_the_policy_hides_no_trouble_with_the_secrets(world: World) -> None:
    world.admission.served = False
    failure = NamespaceFailure("app", Reason.FOREIGN_SECRET, "not ours")
    world.distribution.progress = replace(ALL_READY, ready=2, failed=1, failures=(failure,))
    outcome = await world.step.converge(enabled())
    assert outcome.reason is Reason.NAMESPACES_FAILED
    assert "'app': ForeignSecret" in outcome.message
    assert outcome.message.endswith("not served")


async def test_nothing_refers_to_a_secret_that_was_never_spread(world: World) -> None:
    wanted = enabled(credential={"secretRef": {"name": "pull-account"}})
    world.account()
    world.harbor.accounts["puller"] = ("Another-pass-1", False)
    assert isinstance(await world.step.converge(wanted), Blocked)
    assert world.admission.objects == {}


async def test_it_goes_when_disabled_although_the_login_is_refused(world: World) -> None:
    await settle(world, enabled())
    world.account()
    world.harbor.accounts["puller"] = ("Another-pass-1", False)
    wanted = {"credential": {"secretRef": {"name": "pull-account"}}}
    assert isinstance(await world.step.converge(registry(wanted, status=KNOWN)), Blocked)
    assert held(world) == []


async def test_while_harbor_is_down_it_is_kept_right_or_taken_away(world: World) -> None:
    await world.step.sustain(enabled(SPREAD))
    assert world.admission.objects == {}
    await settle(world, enabled())
    del world.admission.objects[AdmissionKind.BINDING, NAME]
    facts = await world.step.sustain(enabled(KNOWN))
    assert held(world) == list(AdmissionKind)
    assert facts.pull_secrets is not None
    assert facts.pull_secrets.admission_policy == NAME
    await world.step.sustain(registry(status=KNOWN))
    assert held(world) == []
    claim = Claim("uid-1", "harbor-pull", ("default",))
    assert world.distribution.wishes["uid-1"].claim == claim
