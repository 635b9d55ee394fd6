"""What happens to one robot in Harbor: corrected, rotated, revoked, and left alone if it is of another client."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from harbor_operator.api.request_annotations import REVOKE_REQUESTED_AT, ROTATE_REQUESTED_AT
from harbor_operator.model.outcomes import Blocked, Done
from harbor_operator.plan import names
from harbor_operator.reasons import Reason
from tests.unit.steps.project_robots_fixture import CI, GRACE, RobotsFixture, robot, team


@pytest.fixture
def fixture() -> RobotsFixture:
    return RobotsFixture()


@pytest.mark.parametrize("drift", ["rights", "disabled", "deleted", "password", "expiry"])
async def test_a_change_in_harbor_is_corrected_and_reported(fixture: RobotsFixture, drift: str) -> None:
    await fixture.settled(team(robot()))
    stored = fixture.harbor.robots["team+ci"]
    match drift:
        case "rights":
            stored.observed = replace(stored.observed, grants=stored.observed.grants | {("team", "tag", "delete")})
        case "disabled":
            stored.observed = replace(stored.observed, is_enabled=False)
        case "deleted":
            del fixture.harbor.robots["team+ci"]
        case "password":
            stored.secret = "Refreshed-by-someone-1"
        case "expiry":
            stored.observed = replace(stored.observed, duration_days=1, expires_at=fixture.harbor.now)
        case _:
            raise AssertionError(drift)
    outcome = await fixture.reconcile(team(robot()))
    assert isinstance(outcome, Done)
    assert CI in " ".join(outcome.changes)
    assert fixture.harbor.accepts(*fixture.login())
    assert fixture.login() == (CI, "Generated-1")
    assert (await fixture.reconcile(team(robot()))).changes == ()


async def test_another_prefix_of_robots_reaches_the_secret(fixture: RobotsFixture) -> None:
    await fixture.settled(team(robot()))
    fixture.harbor.prefix = "bot."
    await fixture.reconcile(team(robot()))
    assert fixture.login() == ("bot.team+ci", "Generated-1")


async def test_a_rotation_leaves_the_earlier_login_working_until_it_is_unused(fixture: RobotsFixture) -> None:
    await fixture.settled(team(robot()))
    before = fixture.login()
    fixture.annotations = {ROTATE_REQUESTED_AT: "now"}
    outcome = await fixture.reconcile(team(robot()))
    assert outcome.facts.project_robots
    assert outcome.facts.project_robots.rotate_request == "now"
    assert fixture.login() == (f"{CI}_2", "Generated-2")
    assert all(fixture.harbor.accepts(*login) for login in (before, fixture.login()))
    fixture.harbor.now += GRACE
    fixture.harbor.last_pulls[CI] = fixture.harbor.now - timedelta(seconds=1)
    outcome = await fixture.reconcile(team(robot()))
    assert [warning.code for warning in outcome.warnings] == [Reason.ROBOT_STILL_USED]
    assert fixture.harbor.accepts(*before)
    fixture.harbor.now += GRACE
    await fixture.reconcile(team(robot()))
    assert not fixture.harbor.accepts(*before)
    assert "team+ci" in fixture.harbor.robots
    fixture.harbor.now += GRACE
    await fixture.reconcile(team(robot()))
    assert set(fixture.harbor.robots) == {"team+ci_2"}
    await fixture.settled(team(robot()))
    assert fixture.harbor.accepts(*fixture.login())


@pytest.mark.parametrize(("given", "days"), [({"rotateAfterDays": 7}, 7), ({"expireAfterDays": 30}, 20)], ids=str)
async def test_a_rotation_by_time_is_due_without_any_other_change(
    fixture: RobotsFixture, given: dict[str, Any], days: int
) -> None:
    await fixture.settled(team(robot(**given)))
    first = fixture.login()
    state = names.project_robot_secret(fixture.registry(), "team", "ci")
    rotated_at = fixture.kube.values("intra", state)["rotated-at"]
    assert rotated_at == fixture.harbor.now.isoformat(timespec="seconds")
    fixture.harbor.now += timedelta(days=days, seconds=-1)
    await fixture.reconcile(team(robot(**given)))
    assert fixture.login() == first
    fixture.harbor.now += timedelta(seconds=2)
    await fixture.reconcile(team(robot(**given)))
    assert fixture.login()[0] == f"{CI}_2"


async def test_a_revoked_login_fails_at_once(fixture: RobotsFixture) -> None:
    await fixture.settled(team(robot()))
    before = fixture.login()
    fixture.annotations = {REVOKE_REQUESTED_AT: "leaked"}
    await fixture.reconcile(team(robot()))
    assert not fixture.harbor.accepts(*before)
    assert fixture.login() == (CI, "Generated-2")
    assert fixture.harbor.accepts(*fixture.login())


async def test_a_rotation_that_harbor_refuses_keeps_the_login_with_a_warning(fixture: RobotsFixture) -> None:
    await fixture.settled(team(robot()))
    before = fixture.login()
    foreign = replace(fixture.harbor.robots["team+ci"].observed, description="of a person", login="robot$team+ci_2")
    fixture.annotations = {ROTATE_REQUESTED_AT: "now"}
    state = names.project_robot_secret(fixture.registry(), "team", "ci")
    values = fixture.kube.values("intra", state) | {"next-password": "Chosen-1x", "next-generation": "2"}
    fixture.kube.put("intra", state, values, fixture.kube.secrets["intra", state].labels)
    fixture.harbor.robots["team+ci_2"] = replace(fixture.harbor.robots["team+ci"], observed=foreign)
    outcome = await fixture.reconcile(team(robot()))
    assert [warning.code for warning in outcome.warnings] == [Reason.ROBOT_ROTATION_FAILED]
    assert fixture.login() == before
    assert fixture.harbor.accepts(*before)


async def test_the_name_of_a_foreign_robot_is_passed_over(fixture: RobotsFixture) -> None:
    await fixture.settled(team(robot()))
    foreign = replace(fixture.harbor.robots["team+ci"].observed, description="of a person")
    fixture.harbor.robots["team+ci_2"] = replace(fixture.harbor.robots["team+ci"], observed=foreign)
    fixture.annotations = {ROTATE_REQUESTED_AT: "now"}
    await fixture.reconcile(team(robot()))
    assert fixture.login()[0] == f"{CI}_3"


async def test_a_robot_of_another_client_is_left_alone(fixture: RobotsFixture) -> None:
    await fixture.settled(team(robot()))
    theirs = fixture.harbor.robots["team+ci"]
    theirs.observed = replace(theirs.observed, description="robot 'ci' of HarborRegistry intra/cr in cluster other")
    fixture.kube.secrets.clear()
    fixture.start()
    outcome = await fixture.reconcile(team(robot(), robot("second")))
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.ROBOT_REFUSED
    assert theirs.secret == "Generated-1"
    assert "ci-login" not in {name for _, name in fixture.kube.secrets}
    assert fixture.login("second-login")[0] == "robot$team+second"


async def test_a_secret_with_the_labels_of_a_state_and_another_name_counts_for_nothing(fixture: RobotsFixture) -> None:
    await fixture.settled(team(robot()))
    state = fixture.kube.secrets["intra", names.project_robot_secret(fixture.registry(), "team", "ci")]
    values = {key: value.get_secret_value() for key, value in state.values.items()} | {"password": "Of-someone-1"}
    fixture.kube.put("intra", "zz-other", values, state.labels)
    await fixture.settled(team(robot()))
    assert fixture.login() == (CI, "Generated-1")


async def test_a_lost_state_gives_the_robot_another_password(fixture: RobotsFixture) -> None:
    await fixture.settled(team(robot()))
    del fixture.kube.secrets["intra", names.project_robot_secret(fixture.registry(), "team", "ci")]
    await fixture.settled(team(robot()))
    assert fixture.login() == (CI, "Generated-2")
    assert fixture.harbor.accepts(*fixture.login())
