"""Where the login of a robot is written, and where it is not."""

from __future__ import annotations

import json

import pytest

from harbor_operator.model.outcomes import Blocked
from harbor_operator.plan import names
from harbor_operator.reasons import Reason
from tests.unit.steps.project_robots_fixture import CI, RobotsFixture, robot, team


@pytest.fixture
def fixture() -> RobotsFixture:
    return RobotsFixture()


async def test_a_docker_config_has_the_host_of_the_registry(fixture: RobotsFixture) -> None:
    await fixture.reconcile(team(robot(secret={"name": "login"})))
    stored = fixture.kube.secrets["intra", "login"]
    assert stored.type == "kubernetes.io/dockerconfigjson"
    config = json.loads(stored.values[".dockerconfigjson"].get_secret_value())
    assert config["auths"]["cr.example.com"]["username"] == CI


async def test_a_changed_secret_is_written_again(fixture: RobotsFixture) -> None:
    await fixture.settled(team(robot()))
    labels = fixture.kube.secrets["intra", "ci-login"].labels
    fixture.kube.put("intra", "ci-login", {"username": "other"}, labels)
    assert (await fixture.reconcile(team(robot()))).changes == ("wrote Secret 'intra/ci-login'",)
    assert fixture.login() == (CI, "Generated-1")


async def test_a_secret_of_another_owner_is_never_written(fixture: RobotsFixture) -> None:
    """Also not one that the operator wrote for something else, nor that of another robot."""
    registry = fixture.registry()
    fixture.kube.put("intra", "hreg-cr-admin-password", {"password": "x"}, names.owner_labels(registry))
    fixture.kube.put("intra", "theirs", {"token": "x"})
    secrets = ["hreg-cr-admin-password", "theirs"]
    robots = [robot(f"r{number}", secret={"name": name}) for number, name in enumerate(secrets)]
    outcome = await fixture.reconcile(team(*robots, robot("a", secret={"name": "s"}), robot("b", secret={"name": "s"})))
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.SECRET_INVALID
    assert "robot 'b' of project 'team' has no login: Secret 'intra/s' exists" in outcome.message
    assert fixture.kube.values("intra", "hreg-cr-admin-password") == {"password": "x"}
    assert fixture.kube.values("intra", "theirs") == {"token": "x"}
    assert set(fixture.harbor.robots) == {"team+a"}


@pytest.mark.parametrize("allowed", [(), ("other/ci",), ("intra/other",), ("intra/c",)], ids=str)
async def test_a_namespace_that_is_not_allowed_gets_no_secret(fixture: RobotsFixture, allowed: tuple[str, ...]) -> None:
    fixture.allowed = allowed
    fixture.start()
    outcome = await fixture.reconcile(team(robot(secret={"name": "login", "namespace": "ci"})))
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.ROBOT_SECRET_NOT_ALLOWED
    assert "'intra/ci'" in outcome.message
    assert (fixture.kube.secrets, fixture.harbor.robots) == ({}, {})


async def test_a_login_follows_its_place_in_the_spec(fixture: RobotsFixture) -> None:
    fixture.allowed = ("intra/ci-*",)
    fixture.start()
    await fixture.settled(team(robot(secret={"name": "login", "namespace": "ci-a", "type": "Opaque"})))
    assert fixture.login("login", "ci-a") == (CI, "Generated-1")
    outcome = await fixture.reconcile(team(robot()))
    assert outcome.changes == ("wrote Secret 'intra/ci-login'", "removed Secret 'ci-a/login'")
    assert fixture.login() == (CI, "Generated-1")
    assert ("ci-a", "login") not in fixture.kube.secrets
