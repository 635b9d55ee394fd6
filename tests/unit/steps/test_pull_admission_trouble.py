"""Each test is one row: what is in the way of the policy, and what is told; Secrets are spread whatever it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harbor_operator.model.admission import AdmissionKind
from harbor_operator.model.outcomes import Blocked, Done, NamespaceFailure
from harbor_operator.reasons import Reason
from tests.fakes.admission import wishes
from tests.unit.steps.pull_world import (
    ALL_READY,
    CLAIM,
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


async def test_a_cluster_without_such_policies_is_told_and_still_served(world: World) -> None:
    world.admission.served = False
    outcome = await world.step.reconcile(enabled())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.ADMISSION_POLICY_UNSUPPORTED
    assert outcome.message.startswith("3 namespaces hold Secret 'harbor-pull'; ")
    assert facts_of(outcome) == replace(facts_of(outcome), ready=3, secret_name="harbor-pull", admission_policy="")
    assert world.distribution.wishes["uid-1"].claim == CLAIM
    assert isinstance(await world.step.reconcile(registry(status=SPREAD)), Done)


async def test_missing_rights_are_told_and_the_secrets_still_spread(world: World) -> None:
    world.admission.forbidden = True
    outcome = await world.step.reconcile(enabled())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.RIGHTS_MISSING
    assert world.distribution.wishes["uid-1"].claim == CLAIM
    # Who never had the rights has made nothing: neither turning it off nor deleting the registry needs them.
    assert isinstance(await world.step.reconcile(registry(status=SPREAD)), Done)
    assert isinstance(await world.step.teardown(enabled(SPREAD)), Done)


@pytest.mark.parametrize("reason", ["section", "deletion", "disabled"])
async def test_rights_taken_away_too_early_hold_it_up(world: World, reason: str) -> None:
    await world.settle(enabled())
    world.admission.forbidden = True
    match reason:
        case "section":
            outcome = await world.step.reconcile(without_section(SPREAD_BY_POLICY))
        case "deletion":
            outcome = await world.step.teardown(enabled(SPREAD_BY_POLICY))
        case _:
            outcome = await world.step.reconcile(registry(status=SPREAD_BY_POLICY))
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.RIGHTS_MISSING
    assert world.distribution.withdrawn == []


async def test_what_the_cluster_no_longer_serves_is_gone(world: World) -> None:
    world.admission.forbidden, world.admission.served = True, False
    assert isinstance(await world.step.reconcile(registry(status=SPREAD_BY_POLICY)), Done)


@pytest.mark.parametrize("kind", AdmissionKind)
async def test_a_foreign_object_is_refused_and_left_alone(world: World, kind: AdmissionKind) -> None:
    theirs = world.admission.put(replace(dict(zip(AdmissionKind, wishes(), strict=True))[kind], labels={}))
    outcome = await world.step.reconcile(enabled())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.ADMISSION_POLICY_FOREIGN
    assert world.distribution.wishes["uid-1"].claim == CLAIM
    await world.step.reconcile(registry())
    await world.step.teardown(enabled())
    assert world.admission.objects[kind, POLICY] == theirs


async def test_a_policy_that_is_not_taken_is_told_in_the_servers_words(world: World) -> None:
    outcome = await world.step.reconcile(enabled(namespaces={"selector": {"matchLabels": {"a b": "c"}}}))
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.ADMISSION_POLICY_REFUSED


async def test_trouble_with_the_policy_hides_no_trouble_with_the_secrets(world: World) -> None:
    world.admission.served = False
    failure = NamespaceFailure("app", Reason.FOREIGN_SECRET, "not ours")
    world.distribution.progress = replace(ALL_READY, ready=2, failed=1, failures=(failure,))
    outcome = await world.step.reconcile(enabled())
    assert outcome.reason is Reason.NAMESPACES_FAILED
    assert "'app': ForeignSecret" in outcome.message
    assert outcome.message.endswith("not served")


async def test_a_policy_that_is_ignored_is_a_warning(world: World) -> None:
    world.distribution.progress = replace(ALL_READY, missed_by_policy=2)
    assert (await world.settle(enabled())).warnings == ()
    world.distribution.progress = replace(ALL_READY, missed_by_policy=3)
    outcome = await world.step.reconcile(enabled())
    assert isinstance(outcome, Done)
    (caution,) = outcome.warnings
    assert caution.code is Reason.ADMISSION_POLICY_IGNORED
    assert "the last 3 new service accounts" in caution.message
