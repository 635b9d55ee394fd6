"""Where the login of a robot is written, and where it is not."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from harbor_operator.model.outcomes import Blocked
from harbor_operator.plan import names
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from tests.unit.steps.project_robots_fixture import CI, GRACE, RobotsFixture, robot, team


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
    fixture.kube.put("intra", "ours", {"password": "x"}, names.owner_labels(registry))
    fixture.kube.put("intra", "theirs", {"token": "x"})
    secrets = ["ours", "theirs"]
    robots = [robot(f"r{number}", secret={"name": name}) for number, name in enumerate(secrets)]
    outcome = await fixture.reconcile(team(*robots, robot("a", secret={"name": "s"}), robot("b", secret={"name": "s"})))
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.SECRET_INVALID
    assert "robot 'b' of project 'team' has no login: Secret 'intra/s' exists" in outcome.message
    assert fixture.kube.values("intra", "ours") == {"password": "x"}
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


async def test_a_secret_that_cannot_be_removed_stops_no_other_robot(
    fixture: RobotsFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A namespace that was deleted took the rights of the operator with it."""
    fixture.allowed = ("intra/ci",)
    fixture.start()
    gone = robot("gone", secret={"name": "login", "namespace": "ci", "type": "Opaque"})
    await fixture.settled(team(gone, robot("kept")))
    remove = fixture.kube.remove_secret

    async def denied(namespace: str, name: str, owner: Mapping[str, str]) -> None:
        if namespace == "ci":
            raise Refused(Reason.RIGHTS_MISSING, "secrets is forbidden")
        await remove(namespace, name, owner)

    monkeypatch.setattr(fixture.kube, "remove_secret", denied)
    outcome = await fixture.reconcile(team(robot("kept"), robot("new"), unlisted="Delete"))
    assert isinstance(outcome, Blocked)
    assert "Secret 'ci/login' cannot be removed" in outcome.message
    assert "'intra/ci'" in outcome.message
    assert set(fixture.harbor.robots) == {"team+kept", "team+new"}
    fixture.allowed = ()
    fixture.start()
    assert (await fixture.reconcile(team(robot("kept"), robot("new"), unlisted="Delete"))).changes == ()


async def test_an_earlier_secret_that_cannot_be_removed_does_not_keep_the_replaced_login(
    fixture: RobotsFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixture.allowed = ("intra/ci",)
    fixture.start()
    await fixture.settled(team(robot(secret={"name": "login", "namespace": "ci", "type": "Opaque"})))

    async def denied(namespace: str, name: str, owner: Mapping[str, str]) -> None:
        raise Refused(Reason.RIGHTS_MISSING, "secrets is forbidden")

    monkeypatch.setattr(fixture.kube, "remove_secret", denied)
    fixture.annotations["harbor-operator.io/rotate-requested-at"] = "now"
    for _ in range(3):
        outcome = await fixture.reconcile(team(robot()))
        assert isinstance(outcome, Blocked)
        fixture.harbor.now += GRACE
    assert set(fixture.harbor.robots) == {"team+ci_2"}
