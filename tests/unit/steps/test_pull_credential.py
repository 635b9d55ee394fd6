"""Each test is one row: an account or a robot before, an outcome, and what Harbor and the Secrets hold after."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harbor_operator.model.outcomes import Blocked, Done, Pending
from harbor_operator.plan import names
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from tests.unit.steps.pull_world import (
    ALL_READY,
    BY_HAND,
    ROBOT_SECRET,
    World,
    facts_of,
    registry,
)


@pytest.fixture
def world() -> World:
    return World()


async def test_a_crash_between_storing_and_making_is_harmless(world: World) -> None:
    world.kube.put("intra", ROBOT_SECRET, {"password": "Stored-before-1"}, names.owner_labels(registry()))
    await world.step.reconcile(registry())
    assert world.harbor.robots["intra-cr-pull"].secret == "Stored-before-1"


async def test_a_crash_between_making_and_setting_is_mended(world: World) -> None:
    await world.step.reconcile(registry())
    world.harbor.robots["intra-cr-pull"].secret = "Chosen-by-harbor-1"
    world.harbor.writes.clear()
    assert isinstance(await world.step.reconcile(registry()), Done)
    assert world.harbor.writes == ["set secret intra-cr-pull"]


async def test_a_changed_robot_is_put_right(world: World) -> None:
    await world.step.reconcile(registry())
    robot = world.harbor.robots["intra-cr-pull"]
    robot.observed = replace(robot.observed, is_enabled=False, grants=frozenset({("*", "repository", "push")}))
    world.harbor.writes.clear()
    assert isinstance(await world.step.reconcile(registry()), Done)
    assert world.harbor.writes == ["update robot intra-cr-pull"]


async def test_a_new_robot_prefix_reaches_the_namespaces(world: World) -> None:
    await world.step.reconcile(registry())
    world.harbor.prefix = "bot-"
    outcome = await world.step.reconcile(registry())
    assert isinstance(outcome, Done)
    assert world.login["username"] == "bot-intra-cr-pull"
    assert world.kube.values("intra", ROBOT_SECRET)["username"] == "bot-intra-cr-pull"


async def test_a_robot_of_somebody_else_is_refused(world: World) -> None:
    await world.step.reconcile(registry())
    robot = world.harbor.robots["intra-cr-pull"]
    robot.observed = replace(robot.observed, description="theirs")
    world.harbor.writes.clear()
    outcome = await world.step.reconcile(registry())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.ROBOT_REFUSED
    assert world.harbor.writes == []


async def test_a_weak_stored_secret_is_told_before_harbor_is_asked(world: World) -> None:
    world.kube.put("intra", ROBOT_SECRET, {"password": "weak"}, names.owner_labels(registry()))
    outcome = await world.step.reconcile(registry())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.SECRET_INVALID
    assert world.harbor.writes == []


async def test_an_account_made_by_hand_is_declared(world: World) -> None:
    world.account()
    outcome = await world.step.reconcile(registry({"credential": BY_HAND}))
    assert isinstance(outcome, Done)
    assert world.login["username"] == "puller"
    assert facts_of(outcome).robot is None
    assert world.harbor.writes == world.kube.writes == []


@pytest.mark.parametrize("username", ["admin", "alice"])
async def test_an_administrator_is_never_declared(world: World, username: str) -> None:
    world.account(username, is_admin=True)
    outcome = await world.step.reconcile(registry({"credential": BY_HAND}))
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.PULL_CREDENTIAL_IS_ADMIN
    assert world.distribution.wishes == {}


async def test_an_account_that_is_rejected_is_not_declared(world: World) -> None:
    world.account()
    world.harbor.accounts["puller"] = ("Changed-pass-1", False)
    outcome = await world.step.reconcile(registry({"credential": BY_HAND}))
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.PULL_CREDENTIAL_REJECTED
    assert "Secret 'pull-account'" in outcome.message
    assert "Account-pass-1" not in outcome.message
    assert world.distribution.wishes == {}


async def test_a_missing_account_is_refused_by_name(world: World) -> None:
    with pytest.raises(Refused) as refused:
        await world.step.reconcile(registry({"credential": BY_HAND}))
    assert refused.value.reason is Reason.SECRET_MISSING
    assert "'pull-account'" in str(refused.value)


async def test_the_robot_goes_when_an_account_has_taken_its_place(world: World) -> None:
    await world.step.reconcile(registry())
    world.account()
    world.distribution.progress = replace(ALL_READY, ready=1)
    assert isinstance(await world.step.reconcile(registry({"credential": BY_HAND})), Pending)
    assert "intra-cr-pull" in world.harbor.robots
    world.distribution.progress = ALL_READY
    assert isinstance(await world.step.reconcile(registry({"credential": BY_HAND})), Done)
    assert world.harbor.robots == {}
    assert ("intra", ROBOT_SECRET) not in world.kube.secrets


async def test_a_harbor_that_is_gone_does_not_block_the_deletion(world: World) -> None:
    await world.step.reconcile(registry())
    world.harbor.down = True
    outcome = await world.step.teardown(registry())
    assert isinstance(outcome, Done)
    assert "'intra-cr-pull' may still be in Harbor" in outcome.message
    assert ("intra", ROBOT_SECRET) not in world.kube.secrets


async def test_a_robot_of_somebody_else_survives_the_dismantling(world: World) -> None:
    await world.step.reconcile(registry())
    robot = world.harbor.robots["intra-cr-pull"]
    robot.observed = replace(robot.observed, description="theirs")
    assert isinstance(await world.step.teardown(registry()), Done)
    assert "intra-cr-pull" in world.harbor.robots
