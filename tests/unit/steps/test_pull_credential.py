"""Each test is one row: an account or a robot before, an outcome, and what Harbor and the Secrets hold after."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harbor_operator.model.outcomes import Blocked, Done, Pending
from harbor_operator.plan import names
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from tests.unit.steps.pull_secrets_fixture import (
    ALL_READY,
    BY_HAND,
    ROBOT_SECRET,
    PullSecretsFixture,
    facts_of,
    registry,
)


@pytest.fixture
def fixture() -> PullSecretsFixture:
    return PullSecretsFixture()


async def test_a_crash_between_storing_and_making_is_harmless(fixture: PullSecretsFixture) -> None:
    fixture.kube.put("intra", ROBOT_SECRET, {"password": "Stored-before-1"}, names.owner_labels(registry()))
    await fixture.step.reconcile(registry())
    assert fixture.harbor.robots["intra-cr-pull-a222a995"].secret == "Stored-before-1"


async def test_a_crash_between_making_and_setting_is_corrected(fixture: PullSecretsFixture) -> None:
    await fixture.step.reconcile(registry())
    fixture.harbor.robots["intra-cr-pull-a222a995"].secret = "Chosen-by-harbor-1"
    fixture.harbor.writes.clear()
    assert isinstance(await fixture.step.reconcile(registry()), Done)
    assert fixture.harbor.writes == ["set secret intra-cr-pull-a222a995"]


async def test_a_changed_robot_is_corrected(fixture: PullSecretsFixture) -> None:
    await fixture.step.reconcile(registry())
    robot = fixture.harbor.robots["intra-cr-pull-a222a995"]
    robot.observed = replace(robot.observed, is_enabled=False, grants=frozenset({("*", "repository", "push")}))
    fixture.harbor.writes.clear()
    assert isinstance(await fixture.step.reconcile(registry()), Done)
    assert fixture.harbor.writes == ["update robot intra-cr-pull-a222a995"]


async def test_a_new_robot_prefix_reaches_the_namespaces(fixture: PullSecretsFixture) -> None:
    await fixture.step.reconcile(registry())
    fixture.harbor.prefix = "bot-"
    outcome = await fixture.step.reconcile(registry())
    assert isinstance(outcome, Done)
    assert fixture.login["username"] == "bot-intra-cr-pull-a222a995"
    assert fixture.kube.values("intra", ROBOT_SECRET)["username"] == "bot-intra-cr-pull-a222a995"


async def test_a_robot_of_another_owner_is_refused(fixture: PullSecretsFixture) -> None:
    await fixture.step.reconcile(registry())
    robot = fixture.harbor.robots["intra-cr-pull-a222a995"]
    robot.observed = replace(robot.observed, description="theirs")
    fixture.harbor.writes.clear()
    outcome = await fixture.step.reconcile(registry())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.ROBOT_REFUSED
    assert fixture.harbor.writes == []


async def test_a_weak_stored_secret_is_reported_before_a_request_to_harbor(fixture: PullSecretsFixture) -> None:
    fixture.kube.put("intra", ROBOT_SECRET, {"password": "weak"}, names.owner_labels(registry()))
    outcome = await fixture.step.reconcile(registry())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.SECRET_INVALID
    assert fixture.harbor.writes == []


async def test_an_account_made_by_hand_is_declared(fixture: PullSecretsFixture) -> None:
    fixture.account()
    outcome = await fixture.step.reconcile(registry({"credential": BY_HAND}))
    assert isinstance(outcome, Done)
    assert fixture.login["username"] == "puller"
    assert facts_of(outcome).robot is None
    assert fixture.harbor.writes == fixture.kube.writes == []


@pytest.mark.parametrize("username", ["admin", "alice"])
async def test_an_administrator_is_never_declared(fixture: PullSecretsFixture, username: str) -> None:
    fixture.account(username, is_admin=True)
    outcome = await fixture.step.reconcile(registry({"credential": BY_HAND}))
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.PULL_CREDENTIAL_IS_ADMIN
    assert fixture.injection.desired == {}


async def test_an_account_that_is_rejected_is_not_declared(fixture: PullSecretsFixture) -> None:
    fixture.account()
    fixture.harbor.accounts["puller"] = ("Changed-pass-1", False)
    outcome = await fixture.step.reconcile(registry({"credential": BY_HAND}))
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.PULL_CREDENTIAL_REJECTED
    assert "Secret 'pull-account'" in outcome.message
    assert "Account-pass-1" not in outcome.message
    assert fixture.injection.desired == {}


async def test_a_missing_account_is_refused_by_name(fixture: PullSecretsFixture) -> None:
    with pytest.raises(Refused) as refused:
        await fixture.step.reconcile(registry({"credential": BY_HAND}))
    assert refused.value.reason is Reason.SECRET_MISSING
    assert "'pull-account'" in str(refused.value)


async def test_the_robot_is_removed_when_an_account_has_taken_its_place(fixture: PullSecretsFixture) -> None:
    await fixture.step.reconcile(registry())
    fixture.account()
    fixture.injection.progress = replace(ALL_READY, ready=1)
    assert isinstance(await fixture.step.reconcile(registry({"credential": BY_HAND})), Pending)
    assert "intra-cr-pull-a222a995" in fixture.harbor.robots
    fixture.injection.progress = ALL_READY
    assert isinstance(await fixture.step.reconcile(registry({"credential": BY_HAND})), Done)
    assert fixture.harbor.robots == {}
    assert ("intra", ROBOT_SECRET) not in fixture.kube.secrets


async def test_a_harbor_that_is_unreachable_does_not_block_the_deletion(fixture: PullSecretsFixture) -> None:
    await fixture.step.reconcile(registry())
    fixture.harbor.down = True
    outcome = await fixture.step.teardown(registry())
    assert isinstance(outcome, Done)
    assert "'intra-cr-pull-a222a995' may still be in Harbor" in outcome.message
    assert ("intra", ROBOT_SECRET) not in fixture.kube.secrets


async def test_a_robot_of_another_owner_survives_the_teardown(fixture: PullSecretsFixture) -> None:
    await fixture.step.reconcile(registry())
    robot = fixture.harbor.robots["intra-cr-pull-a222a995"]
    robot.observed = replace(robot.observed, description="theirs")
    assert isinstance(await fixture.step.teardown(registry()), Done)
    assert "intra-cr-pull-a222a995" in fixture.harbor.robots
