"""The rotation of the robot: when it begins, what it replaces, and that no namespace holds a login that fails."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from harbor_operator.api.request_annotations import REVOKE_REQUESTED_AT, ROTATE_REQUESTED_AT
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.outcomes import Done
from harbor_operator.reasons import Reason
from tests.unit.steps.pull_secrets_fixture import (
    ALL_READY,
    CLUSTER,
    INJECTED,
    ROBOT_SECRET,
    PullSecretsFixture,
    body,
    facts_of,
)

FIRST, SECOND = "intra-cr-pull-a222a995", "intra-cr-pull-a222a995-2"
GRACE = timedelta(seconds=3600)


@pytest.fixture
def fixture() -> PullSecretsFixture:
    return PullSecretsFixture()


def registry(rotate: str = "", revoke: str = "", **robot: Any) -> HarborRegistry:
    manifest = body({"credential": {"robot": robot}}, status=INJECTED)
    requests = {ROTATE_REQUESTED_AT: rotate, REVOKE_REQUESTED_AT: revoke}
    manifest["metadata"]["annotations"] = {key: value for key, value in requests.items() if value}
    return HarborRegistry.parse(manifest, CLUSTER)


async def rotated(fixture: PullSecretsFixture) -> None:
    """Rotates once and distributes the new login; the earlier robot still works."""
    await fixture.step.reconcile(registry())
    await fixture.step.reconcile(registry(rotate="now"))
    fixture.harbor.writes.clear()


async def test_a_requested_rotation_leaves_both_robots_working(fixture: PullSecretsFixture) -> None:
    await fixture.step.reconcile(registry())
    before = fixture.login
    outcome = await fixture.step.reconcile(registry(rotate="2026-11-28T00:00:00Z"))
    assert isinstance(outcome, Done)
    credential = facts_of(outcome).credential
    assert (credential.robot, credential.rotate_request) == (f"robot${SECOND}", "2026-11-28T00:00:00Z")
    assert (fixture.login["username"], fixture.login["password"]) == (f"robot${SECOND}", "Generated-2")
    assert all(map(fixture.accepts, (before, fixture.login)))


async def test_a_request_is_handled_once(fixture: PullSecretsFixture) -> None:
    await rotated(fixture)
    fixture.restart()
    await fixture.step.reconcile(registry(rotate="now"))
    assert set(fixture.harbor.robots) == {FIRST, SECOND}
    await fixture.step.reconcile(registry(rotate="later"))
    assert fixture.login["username"] == "robot$intra-cr-pull-a222a995-3"


async def test_a_pass_after_a_rotation_writes_nothing(fixture: PullSecretsFixture) -> None:
    await rotated(fixture)
    await fixture.step.reconcile(registry(rotate="now"))
    writes = list(fixture.kube.writes)
    await fixture.step.reconcile(registry(rotate="now"))
    assert (fixture.kube.writes, fixture.harbor.writes) == (writes, [])


async def test_the_earlier_robot_is_disabled_and_later_deleted(fixture: PullSecretsFixture) -> None:
    await rotated(fixture)
    writes: list[str] = []
    for _ in range(6):
        fixture.harbor.now += GRACE / 2
        await fixture.step.reconcile(registry(rotate="now"))
        writes += [str(round((fixture.harbor.now - START) / GRACE * 2)), *fixture.harbor.writes]
        fixture.harbor.writes.clear()
    assert writes == ["1", "2", f"update robot {FIRST}", "3", "4", f"remove robot robot${FIRST}", "5", "6"]
    assert "retires" not in fixture.kube.values("intra", ROBOT_SECRET)
    assert set(fixture.harbor.robots) == {SECOND}
    assert fixture.accepts(fixture.login)


async def test_a_namespace_that_waits_for_the_new_login_keeps_the_earlier_robot(fixture: PullSecretsFixture) -> None:
    await fixture.step.reconcile(registry())
    fixture.injection.progress = replace(ALL_READY, ready=2)
    for _ in range(3):
        await fixture.step.reconcile(registry(rotate="now"))
        fixture.harbor.now += 2 * GRACE
    assert fixture.harbor.robots[FIRST].observed.is_enabled
    fixture.injection.progress = replace(ALL_READY, ready=2, failed=1)
    for _ in range(2):
        await fixture.step.reconcile(registry(rotate="now"))
        fixture.harbor.now += 2 * GRACE
    assert not fixture.harbor.robots[FIRST].observed.is_enabled


async def test_a_robot_that_still_pulls_stays_and_is_a_warning(fixture: PullSecretsFixture) -> None:
    await rotated(fixture)
    fixture.harbor.now += 2 * GRACE
    fixture.harbor.last_pulls[f"robot${FIRST}"] = fixture.harbor.now - GRACE / 2
    outcome = await fixture.step.reconcile(registry(rotate="now"))
    assert fixture.harbor.robots[FIRST].observed.is_enabled
    (warning,) = outcome.warnings
    assert warning.code is Reason.ROBOT_STILL_USED
    assert f"robot${FIRST}" in warning.message
    fixture.harbor.now += GRACE
    assert (await fixture.step.reconcile(registry(rotate="now"))).warnings == ()
    assert not fixture.harbor.robots[FIRST].observed.is_enabled


@pytest.mark.parametrize(("days", "due"), [(29, False), (30, True)])
async def test_an_old_robot_is_rotated(fixture: PullSecretsFixture, days: int, due: bool) -> None:
    await fixture.step.reconcile(registry(rotateAfterDays=30))
    fixture.harbor.now += timedelta(days=days)
    await fixture.step.reconcile(registry(rotateAfterDays=30))
    assert (SECOND in fixture.harbor.robots) is due


@pytest.mark.parametrize(("days", "due"), [(19, False), (20, True), (31, True)])
async def test_a_robot_is_rotated_before_it_expires(fixture: PullSecretsFixture, days: int, due: bool) -> None:
    outcome = await fixture.step.reconcile(registry(expireAfterDays=30))
    assert facts_of(outcome).credential.expires_at == START + timedelta(days=30)
    fixture.harbor.now += timedelta(days=days)
    await fixture.step.reconcile(registry(expireAfterDays=30))
    assert (SECOND in fixture.harbor.robots) is due
    assert fixture.accepts(fixture.login)


async def test_a_lifetime_is_given_to_a_new_robot_and_never_to_the_one_in_use(fixture: PullSecretsFixture) -> None:
    await fixture.step.reconcile(registry())
    fixture.harbor.now += timedelta(days=100)
    outcome = await fixture.step.reconcile(registry(expireAfterDays=30))
    assert facts_of(outcome).credential.expires_at == fixture.harbor.now + timedelta(days=30)
    assert fixture.harbor.robots[FIRST].observed.expires_at is None
    outcome = await fixture.step.reconcile(registry())
    assert facts_of(outcome).credential.expires_at is None
    assert fixture.harbor.robots[SECOND].observed.expires_at is None


@pytest.mark.parametrize("change", [{"is_enabled": False}, {"duration_days": 1, "expires_at": "now"}])
async def test_a_login_that_stops_working_works_again_at_once(
    fixture: PullSecretsFixture, change: dict[str, Any]
) -> None:
    await fixture.step.reconcile(registry())
    robot, before = fixture.harbor.robots[FIRST], fixture.login
    change = {**change, "expires_at": fixture.harbor.now} if "expires_at" in change else change
    robot.observed = replace(robot.observed, **change)
    assert not fixture.accepts(before)
    assert isinstance(await fixture.step.reconcile(registry()), Done)
    assert fixture.accepts(before)
    del fixture.harbor.robots[FIRST]
    assert isinstance(await fixture.step.reconcile(registry()), Done)
    assert fixture.accepts(before)


async def test_a_revoked_login_fails_at_once(fixture: PullSecretsFixture) -> None:
    await rotated(fixture)
    first = {"username": f"robot${FIRST}", "password": "Generated-1"}
    second = fixture.login
    assert fixture.accepts(first)
    outcome = await fixture.step.reconcile(registry(rotate="now", revoke="leaked"))
    assert facts_of(outcome).credential.revoke_request == "leaked"
    assert not fixture.accepts(first)
    assert not fixture.accepts(second)
    assert fixture.accepts(fixture.login)
    fixture.harbor.writes.clear()
    await fixture.step.reconcile(registry(rotate="now", revoke="leaked"))
    assert fixture.harbor.writes == []


async def test_a_login_is_revoked_although_harbor_is_not_healthy(fixture: PullSecretsFixture) -> None:
    await fixture.step.reconcile(registry())
    leaked = fixture.login
    await fixture.step.reconcile_degraded(registry(revoke="leaked"))
    assert not fixture.accepts(leaked)
    assert fixture.accepts(fixture.login)


async def test_a_rotation_that_fails_leaves_the_present_login(fixture: PullSecretsFixture) -> None:
    await fixture.step.reconcile(registry())
    before = fixture.login
    fixture.harbor.accepts_tokens = False
    outcome = await fixture.step.reconcile(registry(rotate="now"))
    assert isinstance(outcome, Done)
    assert [warning.code for warning in outcome.warnings] == [Reason.ROBOT_ROTATION_FAILED]
    assert fixture.login == before
    fixture.harbor.accepts_tokens = True
    assert (await fixture.step.reconcile(registry(rotate="now"))).warnings == ()
    assert fixture.login["username"] == f"robot${SECOND}"


async def test_a_successor_of_another_owner_is_reported(fixture: PullSecretsFixture) -> None:
    await fixture.step.reconcile(registry())
    theirs = replace(fixture.harbor.robots[FIRST].observed, description="theirs")
    fixture.harbor.robots[SECOND] = replace(fixture.harbor.robots[FIRST], observed=theirs)
    outcome = await fixture.step.reconcile(registry(rotate="now"))
    assert isinstance(outcome, Done)
    assert "'theirs'" not in outcome.warnings[0].message
    assert f"robot${SECOND}" in outcome.warnings[0].message
    assert fixture.harbor.robots[SECOND].observed.description == "theirs"


async def test_every_generation_is_removed_at_the_end(fixture: PullSecretsFixture) -> None:
    await rotated(fixture)
    assert isinstance(await fixture.step.teardown(registry(rotate="now")), Done)
    assert fixture.harbor.robots == {}


async def test_a_lost_secret_leads_to_another_password_of_the_newest_robot(fixture: PullSecretsFixture) -> None:
    await rotated(fixture)
    lost = fixture.login
    del fixture.kube.secrets["intra", ROBOT_SECRET]
    await fixture.step.reconcile(registry(rotate="now"))
    assert fixture.login["username"] == f"robot${SECOND}"
    assert not fixture.accepts(lost)
    for _ in range(3):
        fixture.harbor.now += 2 * GRACE
        await fixture.step.reconcile(registry(rotate="now"))
    assert set(fixture.harbor.robots) == {SECOND}


class Killed(BaseException):
    """Ends the process, as SIGKILL does: no handler of the operator sees it."""


class KillSwitch:
    """Ends the pass after a number of calls to Harbor and to the API server; `calls` counts them."""

    def __init__(self, target: Any, counter: list[int], after: int) -> None:
        self._target, self._counter, self._after = target, counter, after

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._target, name)

        async def call(*arguments: Any) -> Any:
            result = await method(*arguments)
            self._counter[0] += 1
            if self._counter[0] == self._after:
                raise Killed
            return result

        return call


@pytest.mark.parametrize("requests", [{}, {"rotate": "now"}, {"revoke": "leaked"}, {"rotate": "now", "revoke": "x"}])
async def test_a_kill_after_any_call_leaves_a_login_that_works(requests: dict[str, str]) -> None:
    """Each call of the first installation, of a rotation and of a revocation is the last one of its process once."""
    after, was_killed = 0, True
    while was_killed:
        after += 1
        fixture = PullSecretsFixture()
        if requests:
            await fixture.step.reconcile(registry())
        was_killed = False
        fixture.restart(partial(KillSwitch, counter=[0], after=after))
        try:
            await fixture.step.reconcile(registry(**requests))
        except Killed:
            was_killed = True
        if requests == {"rotate": "now"}:
            assert fixture.accepts(fixture.login), f"what the namespaces hold fails after call {after}"
        fixture.restart()
        outcome = await fixture.step.reconcile(registry(**requests))
        assert isinstance(outcome, Done), (after, outcome)
        assert fixture.accepts(fixture.login), after
        assert len(fixture.harbor.robots) <= 2
    assert after > 5


START = PullSecretsFixture().harbor.now
