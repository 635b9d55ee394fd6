"""Each test is a list of projects with robots, what Harbor has, and what a pass reads and writes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harbor_operator.model.outcomes import Blocked, Done
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from harbor_operator.steps.project_policies import MAX_REPEATED_READS
from tests.fakes.harbor import StoredProject
from tests.unit.steps.project_robots_fixture import CI, RobotsFixture, robot, team


@pytest.fixture
def fixture() -> RobotsFixture:
    return RobotsFixture()


async def test_a_robot_gets_its_rights_and_its_login_a_secret(fixture: RobotsFixture) -> None:
    outcome = await fixture.reconcile(team(robot(expireAfterDays=30)))
    assert isinstance(outcome, Done)
    assert outcome.changes == (f"created robot '{CI}'", "wrote Secret 'intra/ci-login'")
    made = fixture.harbor.robots["team+ci"].observed
    assert made.grants == {("team", "repository", "pull"), ("team", "repository", "push")}
    assert (made.duration_days, made.is_enabled) == (30, True)
    assert "cluster-1" in made.description
    assert fixture.login() == (CI, "Generated-1")
    assert fixture.harbor.accepts(*fixture.login())
    facts = outcome.facts.project_robots
    assert facts
    assert (facts.robots, facts.ready, facts.expires_at) == (1, 1, made.expires_at)


async def test_a_pass_without_a_difference_lists_once_and_writes_nothing(fixture: RobotsFixture) -> None:
    await fixture.settled(team(robot(), robot("scanner")))
    outcome = await fixture.reconcile(team(robot(), robot("scanner")))
    assert isinstance(outcome, Done)
    assert outcome.message == "2 robots of projects are as the spec says"
    assert fixture.harbor.robot_lists == ["team"]
    assert (fixture.harbor.writes, fixture.kube.writes) == ([], [])


async def test_a_pass_lists_a_bounded_number_of_projects_that_have_not_changed(fixture: RobotsFixture) -> None:
    many = [{"name": f"p{number}", "robots": [robot(f"r{number}")]} for number in range(MAX_REPEATED_READS + 10)]
    for project in many:
        fixture.harbor.projects[str(project["name"])] = StoredProject(fixture.harbor.next_number(), public=False)
    await fixture.settled(*many)
    await fixture.reconcile(*many)
    assert len(fixture.harbor.robot_lists) == MAX_REPEATED_READS


async def test_projects_without_robots_are_not_read(fixture: RobotsFixture) -> None:
    assert not fixture.section.is_requested(fixture.registry({"name": "team"}))
    outcome = await fixture.reconcile({"name": "team", "unlisted": "Delete"})
    assert outcome == Done("", facts=outcome.facts)
    assert fixture.harbor.robot_lists == []


async def test_a_project_that_was_created_again_gets_its_robots_again(fixture: RobotsFixture) -> None:
    await fixture.settled(team(robot()))
    fixture.harbor.robots.clear()
    fixture.harbor.projects["team"].number = fixture.harbor.next_number()
    await fixture.settled(team(robot()))
    assert fixture.harbor.accepts(*fixture.login())


async def test_a_robot_that_leaves_the_spec_stays(fixture: RobotsFixture) -> None:
    await fixture.settled(team(robot(), robot("other")))
    await fixture.settled(team(robot("other")))
    assert fixture.harbor.accepts(*fixture.login())


async def test_an_unlisted_robot_is_removed_if_the_project_says_so(fixture: RobotsFixture) -> None:
    """Only if it was created for this registry; with its Secrets, also if the list is empty then."""
    await fixture.settled(team(robot(), robot("other")))
    fixture.harbor.robots["team+theirs"] = replace(
        fixture.harbor.robots["team+ci"],
        observed=replace(fixture.harbor.robots["team+ci"].observed, description="of a person"),
    )
    outcome = await fixture.reconcile(team(unlisted="Delete"))
    assert isinstance(outcome, Done)
    assert set(outcome.changes) == {
        f"removed robot '{CI}'",
        "removed robot 'robot$team+other'",
        "removed Secret 'intra/ci-login'",
        "removed Secret 'intra/other-login'",
    }
    assert set(fixture.harbor.robots) == {"team+theirs"}
    assert fixture.kube.secrets == {}
    await fixture.settled(team(unlisted="Delete"))
    await fixture.reconcile(team(unlisted="Delete"))
    assert fixture.harbor.robot_lists == []


@pytest.mark.parametrize("names", [("ci", "other"), ("other", "ci")])
async def test_robots_exchange_their_secrets(fixture: RobotsFixture, names: tuple[str, str]) -> None:
    await fixture.settled(team(robot(), robot("other")))
    logins = {name: fixture.login(f"{name}-login") for name in names}
    exchanged = {
        "ci": robot("ci", secret={"name": "other-login", "type": "Opaque"}),
        "other": robot("other", secret={"name": "ci-login", "type": "Opaque"}),
    }
    outcome = await fixture.reconcile(team(*(exchanged[name] for name in names)))
    assert isinstance(outcome, Done), outcome
    assert {"wrote Secret 'intra/ci-login'", "wrote Secret 'intra/other-login'"} <= {*outcome.changes}
    assert (fixture.login("other-login"), fixture.login("ci-login")) == (logins["ci"], logins["other"])
    await fixture.settled(team(*exchanged.values()))
    await fixture.reconcile(team(*exchanged.values()))
    assert (fixture.harbor.writes, fixture.kube.writes) == ([], [])


async def test_robots_of_two_projects_pass_their_secrets_on(fixture: RobotsFixture) -> None:
    fixture.harbor.projects["web"] = StoredProject(fixture.harbor.next_number(), public=False)
    web = {"name": "web", "robots": [robot("second")]}
    await fixture.settled(team(robot()), web)
    login = fixture.login("second-login")
    docker_config = {"name": "second-login"}  # of another type, which Kubernetes cannot change
    moved = {"name": "web", "robots": [robot("second", secret={"name": "third-login", "type": "Opaque"})]}
    await fixture.settled(team(robot(secret=docker_config)), moved)
    assert fixture.login("third-login") == login
    assert {name for _, name in fixture.kube.secrets if name.endswith("-login")} == {"second-login", "third-login"}
    assert fixture.kube.secrets["intra", "second-login"].type == "kubernetes.io/dockerconfigjson"


@pytest.mark.parametrize("names", [("ci", "other"), ("other", "ci")])
async def test_no_robot_loses_its_secret_while_it_can_get_no_other(
    fixture: RobotsFixture, names: tuple[str, str]
) -> None:
    await fixture.settled(team(robot(), robot("other")))
    login = fixture.login("other-login")
    fixture.kube.put("intra", "foreign", {"token": "x"})
    moved = {
        "ci": robot(secret={"name": "other-login", "type": "Opaque"}),
        "other": robot("other", secret={"name": "foreign", "type": "Opaque"}),
    }
    for _ in range(3):
        outcome = await fixture.reconcile(team(*(moved[name] for name in names)))
        assert isinstance(outcome, Blocked)
        assert "Secret 'intra/foreign' exists and was not created for it" in outcome.message
        assert fixture.login("other-login") == login


async def test_robots_with_one_secret_do_not_take_it_from_each_other(fixture: RobotsFixture) -> None:
    robots = robot(), robot("other", secret={"name": "ci-login", "type": "Opaque"})
    for _ in range(3):
        outcome = await fixture.reconcile(team(*robots))
        assert isinstance(outcome, Blocked)
        assert "robot 'other' of project 'team' has no login: Secret 'intra/ci-login' exists" in outcome.message
        assert fixture.login()[0] == CI


async def test_robots_wait_for_their_project(fixture: RobotsFixture) -> None:
    outcome = await fixture.reconcile({"name": "absent", "robots": [robot()]}, team(robot("second")))
    assert isinstance(outcome, Blocked)
    assert "the robots of project 'absent' wait" in outcome.message
    assert "team+second" in fixture.harbor.robots


async def test_deletion_leaves_robots_and_secrets(fixture: RobotsFixture) -> None:
    await fixture.settled(team(robot()))
    await fixture.section.remove(fixture.registry(team(robot())))
    assert fixture.harbor.accepts(*fixture.login())


async def test_no_outcome_contains_a_password(fixture: RobotsFixture) -> None:
    outcome = await fixture.reconcile(team(robot()))
    assert "Generated" not in repr(outcome)


async def test_a_robot_that_harbor_does_not_delete_stops_no_other_and_is_tried_again(
    fixture: RobotsFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fixture.settled(team(robot(), robot("other")))

    async def denied(*_: object) -> None:
        raise Refused(Reason.ROBOT_REFUSED, "not now")

    with monkeypatch.context() as patched:
        patched.setattr(fixture.harbor, "remove_robot", denied)
        outcome = await fixture.reconcile(team(robot("other"), robot("new"), unlisted="Delete"))
        assert isinstance(outcome, Blocked)
        assert "team+new" in fixture.harbor.robots
    await fixture.settled(team(unlisted="Delete"))
    assert fixture.harbor.robots == {}
    assert fixture.kube.secrets == {}
