"""Each test is one row: what was spread before, an outcome, and what is declared and withdrawn after."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from harbor_operator.model.injection import Claim
from harbor_operator.model.outcomes import NOT_REQUESTED, Blocked, Done, Pending, StuckPodFacts
from harbor_operator.model.pods import StuckPodPolicy
from harbor_operator.ports import Unavailable
from harbor_operator.reasons import Reason
from tests.unit.steps.pull_world import (
    ALL_READY,
    BY_HAND,
    CLAIM,
    OLD,
    ROBOT,
    ROBOT_SECRET,
    World,
    body,
    facts_of,
    registry,
    without_section,
)

BY_HAND_SECTION = {"credential": BY_HAND}


@pytest.fixture
def world() -> World:
    return World()


async def test_a_robot_is_made_with_the_stored_secret_and_declared(world: World) -> None:
    outcome = await world.step.reconcile(registry())
    assert isinstance(outcome, Done)
    assert outcome.message == "3 namespaces hold Secret 'harbor-pull'"
    stored = world.kube.secrets["intra", ROBOT_SECRET]
    assert facts_of(outcome) == replace(
        ALL_READY,
        secret_name="harbor-pull",
        service_accounts=("default",),
        robot=ROBOT,
        rotated_at=stored.changed_at,
    )
    assert world.kube.values("intra", ROBOT_SECRET) == {"username": ROBOT, "password": "Generated-1"}
    assert (world.login["username"], world.login["password"]) == (ROBOT, "Generated-1")
    assert world.distribution.wishes["uid-1"].claim == CLAIM


async def test_a_second_pass_writes_nothing_even_after_a_restart(world: World) -> None:
    first = await world.step.reconcile(registry())
    before = (list(world.harbor.writes), list(world.kube.writes), world.distribution.changes)
    assert await world.step.reconcile(registry()) == first
    world.restart()
    status = {"secretName": "harbor-pull", "serviceAccounts": ["default"]}
    assert await world.step.reconcile(registry(status=status)) == first
    assert (world.harbor.writes, world.kube.writes, world.distribution.changes) == before


async def test_it_is_told_when_the_account_was_changed(world: World) -> None:
    world.account()
    first = facts_of(await world.step.reconcile(registry(BY_HAND_SECTION)))
    world.account()
    second = facts_of(await world.step.reconcile(registry(BY_HAND_SECTION)))
    assert second.rotated_at == world.kube.secrets["intra", "pull-account"].changed_at
    assert first.rotated_at is not None
    assert second.rotated_at is not None
    assert second.rotated_at > first.rotated_at


async def test_the_older_registry_keeps_the_name(world: World) -> None:
    rival = body()
    rival["metadata"] |= {"name": "older", "uid": "uid-0", "creationTimestamp": "2026-11-23T11:00:00Z"}
    world.kube.registries = [body(), rival]
    outcome = await world.step.reconcile(registry())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.SECRET_NAME_TAKEN
    assert world.distribution.wishes == {}


async def test_before_the_first_full_look_it_is_pending(world: World) -> None:
    world.distribution.progress = None
    outcome = await world.step.reconcile(registry())
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.NAMESPACES_PENDING
    assert facts_of(outcome).secret_name == "harbor-pull"


async def test_a_renamed_secret_is_taken_back_and_the_old_name_is_kept_until_then(world: World) -> None:
    renamed = registry(status={"secretName": "old-pull", "serviceAccounts": ["default"]})
    world.distribution.left[OLD] = 2
    outcome = await world.step.reconcile(renamed)
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.PULL_SECRETS_CLEANING_UP
    assert facts_of(outcome).secret_name == "old-pull"
    assert world.distribution.withdrawn == [OLD]
    world.distribution.left[OLD] = 0
    outcome = await world.step.reconcile(renamed)
    assert isinstance(outcome, Done)
    assert facts_of(outcome).secret_name == "harbor-pull"


async def test_a_second_rename_forgets_none_of_the_names(world: World) -> None:
    world.distribution.left = {OLD: 1, CLAIM: 1}
    await world.step.reconcile(registry(status={"secretName": "old-pull", "serviceAccounts": ["default"]}))
    third = {"secretName": "third-pull", "credential": {"robot": {}}}
    await world.step.reconcile(registry(third, status={"secretName": "old-pull", "serviceAccounts": ["default"]}))
    assert set(world.distribution.withdrawn) == {OLD, CLAIM}


async def test_service_accounts_taken_out_are_taken_back_and_added_ones_are_not(world: World) -> None:
    status = {"secretName": "harbor-pull", "serviceAccounts": ["ci", "default"]}
    await world.step.reconcile(registry(status=status))
    assert world.distribution.withdrawn == [Claim("uid-1", "harbor-pull", ("ci", "default"))]
    world.distribution.withdrawn.clear()
    world.restart()
    every = {"serviceAccounts": ["*"], "credential": {"robot": {}}}
    await world.step.reconcile(registry(every, status=status))
    assert world.distribution.withdrawn == []


async def test_a_section_taken_out_is_cleaned_up_and_then_not_requested(world: World) -> None:
    await world.step.reconcile(registry())
    status = {"secretName": "harbor-pull", "serviceAccounts": ["default"]}
    world.distribution.left[CLAIM] = None
    outcome = await world.step.reconcile(without_section(status))
    assert isinstance(outcome, Pending)
    assert facts_of(outcome).secret_name == "harbor-pull"
    assert world.distribution.wishes == {}
    world.distribution.left[CLAIM] = 0
    assert await world.step.reconcile(without_section(status)) == NOT_REQUESTED
    assert world.harbor.robots == {}
    assert ("intra", ROBOT_SECRET) not in world.kube.secrets


async def test_nothing_requested_asks_nobody(world: World) -> None:
    world.harbor.down = True
    assert await world.step.reconcile(without_section()) == NOT_REQUESTED
    assert world.kube.writes == []


async def test_dismantling_removes_secrets_before_the_robot(world: World) -> None:
    await world.step.reconcile(registry())
    world.distribution.left[CLAIM] = 3
    outcome = await world.step.teardown(registry())
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.PULL_SECRETS_CLEANING_UP
    assert "intra-cr-pull" in world.harbor.robots
    world.distribution.left[CLAIM] = 0
    assert isinstance(await world.step.teardown(registry()), Done)
    assert world.harbor.robots == {}
    assert ("intra", ROBOT_SECRET) not in world.kube.secrets
    assert isinstance(await world.step.teardown(registry()), Done)


async def test_dismantling_after_a_restart_knows_the_claim_from_the_spec(world: World) -> None:
    world.distribution.left[CLAIM] = 1
    assert isinstance(await world.step.teardown(registry()), Pending)
    assert world.distribution.withdrawn == [CLAIM]


async def test_an_api_server_that_is_down_does_delay_the_deletion(world: World) -> None:
    await world.step.reconcile(registry())
    world.kube.down = True
    with pytest.raises(Unavailable):
        await world.step.teardown(registry())


async def test_what_shall_be_kept_is_kept(world: World) -> None:
    await world.step.reconcile(registry(keep=True))
    outcome = await world.step.teardown(registry(keep=True))
    assert isinstance(outcome, Done)
    assert world.distribution.withdrawn == []
    assert "intra-cr-pull" in world.harbor.robots


async def test_after_a_restart_with_harbor_down_the_known_login_is_spread(world: World) -> None:
    await world.step.reconcile(registry())
    world.distribution.wishes.clear()
    world.restart()
    world.harbor.down = True
    status = {"secretName": "harbor-pull", "serviceAccounts": ["default"]}
    told = {**status, "robot": ROBOT, "rotatedAt": "2026-11-23T12:00:03Z"}
    facts = await world.step.reconcile_degraded(registry(status=told))
    assert world.login["password"] == "Generated-1"
    assert facts.pull_secrets is not None
    assert facts.pull_secrets.ready == 3
    assert facts.pull_secrets.robot == ROBOT
    assert facts.pull_secrets.rotated_at == datetime(2026, 11, 23, 12, 0, 3, tzinfo=UTC)


async def test_nothing_is_spread_before_a_login_has_ever_worked(world: World) -> None:
    world.kube.put("intra", ROBOT_SECRET, {"password": "Generated-1"})
    status = {"secretName": "harbor-pull", "serviceAccounts": ["default"]}
    await world.step.reconcile_degraded(registry(status=status))
    await world.step.reconcile_degraded(registry())
    assert world.distribution.wishes == {}


async def test_what_is_retained_is_not_spread_any_further(world: World) -> None:
    await world.step.reconcile(registry())
    await world.step.teardown(registry(keep=True))
    assert world.distribution.wishes == {}
    assert world.distribution.withdrawn == []


async def test_a_suspended_registry_spreads_nothing_and_takes_nothing_back(world: World) -> None:
    await world.step.reconcile(registry())
    world.step.suspend(registry())
    assert world.distribution.wishes == {}
    assert world.distribution.withdrawn == []
    await world.step.reconcile(registry())
    assert set(world.distribution.wishes) == {"uid-1"}


async def test_stuck_pods_are_rescued_where_the_spec_says_so(world: World) -> None:
    asked = {"credential": {"robot": {}}, "stuckPods": "Evict"}
    await world.step.reconcile(registry(asked))
    assert world.rescue.wishes == {"uid-1": StuckPodPolicy("uid-1", "harbor-pull", "cr.example.com")}
    await world.step.reconcile(registry())
    assert world.rescue.wishes == {}
    await world.step.reconcile(registry(asked))
    await world.step.reconcile(without_section())
    assert world.rescue.wishes == {}
    await world.step.reconcile(registry(asked))
    world.step.suspend(registry(asked))
    assert world.rescue.wishes == {}
    await world.step.reconcile(registry(asked))
    await world.step.teardown(registry(asked))
    assert world.rescue.wishes == {}


async def test_after_a_restart_with_harbor_down_pods_are_still_rescued(world: World) -> None:
    asked = {"credential": {"robot": {}}, "stuckPods": "Evict"}
    await world.step.reconcile(registry(asked))
    world.distribution.wishes.clear()
    world.rescue.wishes.clear()
    world.restart()
    await world.step.reconcile_degraded(
        registry(asked, status={"secretName": "harbor-pull", "serviceAccounts": ["default"]})
    )
    assert set(world.rescue.wishes) == {"uid-1"}


async def test_pods_that_stay_stuck_are_warnings_and_no_more(world: World) -> None:
    world.rescue.facts = StuckPodFacts(("pod 'shop/bare': why",), "no `list` pods")
    outcome = await world.step.reconcile(registry({"credential": {"robot": {}}, "stuckPods": "Evict"}))
    assert isinstance(outcome, Done)
    assert [caution.code for caution in outcome.warnings] == [Reason.EVICTION_RIGHTS_MISSING, Reason.PODS_STUCK]
