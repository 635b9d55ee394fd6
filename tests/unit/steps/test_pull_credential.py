"""Each test is one row: an account or a robot before, an outcome, and what Harbor and the Secrets hold after."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.harbor import EVERYONE, ObservedRobot
from harbor_operator.model.outcomes import Blocked, Done, Pending
from harbor_operator.plan import names
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from tests.fakes.harbor import StoredRobot
from tests.unit.steps.pull_secrets_fixture import (
    ALL_READY,
    BY_HAND,
    CLUSTER,
    ROBOT_SECRET,
    PullSecretsFixture,
    body,
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


async def test_a_harbor_where_every_account_creates_projects_is_a_warning(fixture: PullSecretsFixture) -> None:
    """Finding H1."""
    fixture.harbor.project_creation = EVERYONE
    outcome = await fixture.step.reconcile(registry())
    assert [warning.code for warning in outcome.warnings] == [Reason.PROJECT_CREATION_OPEN]
    assert "adminonly" in outcome.warnings[0].message
    fixture.harbor.project_creation = "adminonly"
    assert (await fixture.step.reconcile(registry())).warnings == ()


async def test_two_clusters_with_the_same_manifest_share_one_harbor(fixture: PullSecretsFixture) -> None:
    """Finding F1: neither changes the robot of the other."""
    other = PullSecretsFixture(harbor=fixture.harbor)
    second = HarborRegistry.parse(body(), "cluster-2")
    for _ in range(2):
        assert isinstance(await fixture.step.reconcile(registry()), Done)
        assert isinstance(await other.step.reconcile(second), Done)
    assert len(fixture.harbor.robots) == 2
    assert fixture.login["username"] != other.login["username"]
    assert len([write for write in fixture.harbor.writes if write.startswith("set secret")]) == 2
    assert isinstance(await other.step.teardown(second), Done)
    assert list(fixture.harbor.robots) == [names.robot(registry())]


async def test_a_robot_of_an_earlier_version_is_taken_over_under_its_name(fixture: PullSecretsFixture) -> None:
    """Finding F1: an upgrade of the operator rotates no pull Secret."""
    await fixture.step.reconcile(registry())
    robot = fixture.harbor.robots.pop(names.robot(registry()))
    description = "pull secrets of HarborRegistry intra/cr (uid-1)"
    robot.observed = replace(robot.observed, login="robot$intra-cr-pull", description=description)
    fixture.harbor.robots["intra-cr-pull"] = robot
    fixture.harbor.writes.clear()
    for _ in range(2):
        assert isinstance(await fixture.step.reconcile(registry()), Done)
    assert fixture.harbor.writes == ["update robot intra-cr-pull"]
    assert "cluster-1" in fixture.harbor.robots["intra-cr-pull"].observed.description
    assert isinstance(await fixture.step.teardown(registry()), Done)
    assert fixture.harbor.robots == {}


async def test_a_registry_that_is_created_again_uses_its_robot(fixture: PullSecretsFixture) -> None:
    """Finding R7: with another uid, also without its Secret."""
    await fixture.step.reconcile(registry())
    again = body()
    again["metadata"]["uid"] = "uid-2"
    del fixture.kube.secrets["intra", ROBOT_SECRET]
    assert isinstance(await fixture.step.reconcile(HarborRegistry.parse(again, CLUSTER)), Done)
    assert len(fixture.harbor.robots) == 1


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
    assert facts_of(outcome).credential.robot is None
    assert fixture.harbor.writes == []
    assert fixture.kube.writes == ["write intra/hreg-cr-pull-accepted"]


@pytest.mark.parametrize("username", ["admin", "alice"])
async def test_an_administrator_is_never_declared(fixture: PullSecretsFixture, username: str) -> None:
    fixture.account(username, is_admin=True)
    outcome = await fixture.step.reconcile(registry({"credential": BY_HAND}))
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.PULL_CREDENTIAL_IS_ADMIN
    assert fixture.injection.desired == {}


async def test_an_account_that_the_api_does_not_know_is_never_declared(fixture: PullSecretsFixture) -> None:
    """Finding S9."""
    fixture.account()
    fixture.harbor.unknown_to_api.add("puller")
    outcome = await fixture.step.reconcile(registry({"credential": BY_HAND}))
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.PULL_CREDENTIAL_UNVERIFIABLE
    assert fixture.injection.desired == {}


async def test_an_account_that_may_push_is_refused_unless_the_spec_permits_it(fixture: PullSecretsFixture) -> None:
    """Finding S9."""
    fixture.account()
    fixture.harbor.pushers["puller"] = {"library"}
    outcome = await fixture.step.reconcile(registry({"credential": BY_HAND}))
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.PULL_CREDENTIAL_MAY_PUSH
    assert "project 'library'" in outcome.message
    assert fixture.injection.desired == {}
    permitted = {"credential": {**BY_HAND, "allowPush": True}}
    assert isinstance(await fixture.step.reconcile(registry(permitted)), Done)
    assert fixture.login["username"] == "puller"


@pytest.mark.parametrize("username", ["robot$team-a+ci", "robot$west--1", "bot-$x"])
async def test_any_name_that_harbor_gives_a_robot_is_injected_as_it_is(
    fixture: PullSecretsFixture, username: str
) -> None:
    fixture.account(username)
    assert isinstance(await fixture.step.reconcile(registry({"credential": BY_HAND})), Done)
    assert fixture.login["username"] == username


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


def given_robot(fixture: PullSecretsFixture, days: int) -> None:
    """Another robot of Harbor, whose login is in the Secret of the spec."""
    observed = ObservedRobot(
        9, "robot$team", "made by hand", frozenset(), days, fixture.harbor.now + timedelta(days=days)
    )
    fixture.harbor.robots["team"] = StoredRobot(observed, "Account-pass-1")
    fixture.kube.put("intra", "pull-account", {"username": "robot$team", "password": "Account-pass-1"})


@pytest.mark.parametrize(
    ("days", "elapsed", "warns"), [(365, 350, False), (365, 352, True), (6, 3, False), (6, 4, True)]
)
async def test_a_given_robot_that_expires_soon_is_a_warning(
    fixture: PullSecretsFixture, days: int, elapsed: int, warns: bool
) -> None:
    given_robot(fixture, days)
    fixture.harbor.now += timedelta(days=elapsed)
    outcome = await fixture.step.reconcile(registry({"credential": BY_HAND}))
    assert isinstance(outcome, Done)
    assert [warning.code for warning in outcome.warnings] == [Reason.PULL_CREDENTIAL_EXPIRING] * warns


async def test_without_the_administrator_the_end_of_a_given_robot_is_not_known(fixture: PullSecretsFixture) -> None:
    given_robot(fixture, 1)
    fixture.harbor.now += timedelta(hours=23)
    del fixture.kube.secrets["intra", "hreg-cr-admin-password"]
    outcome = await fixture.step.reconcile(registry({"credential": BY_HAND}))
    assert (type(outcome), outcome.warnings) == (Done, ())


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
    assert "robots 'intra-cr-pull-a222a995*' may still be in Harbor" in outcome.message
    assert ("intra", ROBOT_SECRET) not in fixture.kube.secrets


async def test_a_robot_of_another_owner_survives_the_teardown(fixture: PullSecretsFixture) -> None:
    await fixture.step.reconcile(registry())
    robot = fixture.harbor.robots["intra-cr-pull-a222a995"]
    robot.observed = replace(robot.observed, description="theirs")
    assert isinstance(await fixture.step.teardown(registry()), Done)
    assert "intra-cr-pull-a222a995" in fixture.harbor.robots
