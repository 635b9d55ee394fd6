"""The rotation of the robots of namespaces: no login fails that a namespace holds, and what is replaced ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from harbor_operator.injector.namespace_robots import MAX_ROTATIONS
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from tests.unit.injector.fixture import NAME
from tests.unit.injector.robots_fixture import STEM, UID, RobotsFixture

FIRST, SECOND, THIRD = f"{STEM}.shop", f"{STEM}.shop.2", f"{STEM}.shop.3"


@pytest.fixture
async def fixture() -> RobotsFixture:
    fixture = RobotsFixture()
    fixture.project("shop", "bank", "base")
    await fixture.sync()
    fixture.namespace("shop")
    await fixture.settle_robots()
    fixture.harbor.writes.clear()
    fixture.cluster.writes.clear()
    return fixture


def request(fixture: RobotsFixture) -> None:
    """Requests that every robot is replaced that exists now."""
    newest = max(robot.observed.number for robot in fixture.harbor.robots.values())
    fixture.rotation = replace(fixture.rotation, up_to=newest)


async def test_the_successor_works_before_it_is_distributed_and_the_earlier_one_ends_later(
    fixture: RobotsFixture,
) -> None:
    earlier = fixture.login("shop")
    request(fixture)
    await fixture.sync()
    assert fixture.harbor.writes == [f"create robot {SECOND}", f"set secret {SECOND}"]
    assert fixture.cluster.writes == [f"apply shop/{NAME}"], "the Secret keeps its uid, the account its reference"
    assert fixture.login("shop")["username"] == f"robot${SECOND}"
    assert fixture.accepts(fixture.login("shop"))
    await fixture.sync()
    assert fixture.accepts(earlier), "a pull that began with it can go on"
    fixture.harbor.now += timedelta(seconds=10)
    await fixture.sync()
    assert not fixture.accepts(earlier)
    assert set(fixture.harbor.robots) == {FIRST, SECOND}
    fixture.harbor.now += timedelta(seconds=10)
    await fixture.sync()
    assert set(fixture.harbor.robots) == {SECOND}
    fixture.harbor.writes.clear()
    await fixture.sync()
    assert fixture.harbor.writes == []
    assert fixture.robots.left_to_rotate(UID) == 0


async def test_the_earlier_robot_is_kept_until_its_namespace_has_the_new_login(fixture: RobotsFixture) -> None:
    earlier = fixture.login("shop")
    request(fixture)
    fixture.cluster.failure = Refused(Reason.NAMESPACE_WRITE_FORBIDDEN, "forbidden")
    for _ in range(3):
        await fixture.sync()
        fixture.harbor.now += timedelta(days=1)
    assert fixture.accepts(earlier)
    assert set(fixture.harbor.robots) == {FIRST, SECOND}, "no third robot for a namespace that cannot be written"


async def test_an_earlier_robot_that_still_pulls_stays_and_is_named(fixture: RobotsFixture) -> None:
    request(fixture)
    await fixture.sync()
    await fixture.sync()
    fixture.harbor.now += timedelta(seconds=10)
    fixture.harbor.last_pulls[f"robot${FIRST}"] = fixture.harbor.now
    await fixture.sync()
    assert fixture.harbor.robots[FIRST].observed.is_enabled
    assert fixture.robots.read(UID).in_use == ((f"robot${FIRST}", fixture.harbor.now),)
    fixture.harbor.now += timedelta(seconds=10)
    await fixture.sync()
    assert not fixture.harbor.robots[FIRST].observed.is_enabled
    assert fixture.robots.read(UID).in_use == ()


async def test_a_successor_that_harbor_rejects_changes_nothing_and_another_one_follows(fixture: RobotsFixture) -> None:
    used = fixture.login("shop")
    request(fixture)
    fixture.harbor.rejected.add(SECOND)
    await fixture.sync()
    assert fixture.login("shop") == used
    assert fixture.accepts(used)
    assert "rejects" in fixture.robots.read(UID).failures["shop"]
    assert fixture.facts.ready == 1
    fixture.harbor.rejected.clear()
    await fixture.sync()
    assert fixture.robots.read(UID).failures == {}
    assert fixture.login("shop") != used
    assert fixture.accepts(fixture.login("shop"))


async def test_a_rotation_ends_with_its_namespace(fixture: RobotsFixture) -> None:
    request(fixture)
    await fixture.sync()
    assert set(fixture.harbor.robots) == {FIRST, SECOND}
    fixture.cluster.delete_namespace("shop")
    await fixture.sync()
    assert fixture.harbor.robots == {}


async def test_the_rights_of_replaced_robots_follow_the_spec(fixture: RobotsFixture) -> None:
    request(fixture)
    await fixture.sync()
    fixture.shared = ("base",)
    await fixture.sync()
    grants = {frozenset(grant[0] for grant in robot.observed.grants) for robot in fixture.harbor.robots.values()}
    assert grants == {frozenset({"shop", "base"})}


async def test_robots_are_replaced_before_they_expire(fixture: RobotsFixture) -> None:
    fixture.rotation = replace(fixture.rotation, expire_after_days=30)
    await fixture.sync()
    assert fixture.harbor.robots[SECOND].observed.duration_days == 30, "one that lasts forever is replaced at once"
    for _ in range(25):
        fixture.harbor.now += timedelta(days=1)
        await fixture.sync()
        assert fixture.accepts(fixture.login("shop"))
    assert THIRD in fixture.harbor.robots
    assert fixture.robots.read(UID).expires_at == fixture.harbor.robots[THIRD].observed.expires_at


async def test_an_expired_robot_is_replaced(fixture: RobotsFixture) -> None:
    fixture.rotation = replace(fixture.rotation, expire_after_days=30)
    await fixture.sync()
    fixture.harbor.now += timedelta(days=31)
    assert not fixture.accepts(fixture.login("shop"))
    fixture.start()
    await fixture.sync()
    assert fixture.accepts(fixture.login("shop"))


async def test_robots_of_one_age_are_replaced_at_different_times() -> None:
    fixture, names = RobotsFixture(), [f"tenant-{number}" for number in range(40)]
    fixture.project(*names)
    fixture.rotation = replace(fixture.rotation, rotate_after_days=40)
    await fixture.sync()
    for name in names:
        fixture.namespace(name)
    await fixture.settle_robots()
    first = {name: fixture.login(name) for name in names}
    rotated = []
    for _ in range(40):
        fixture.harbor.now += timedelta(days=1)
        await fixture.sync()
        rotated.append(sum(fixture.login(name) != login for name, login in first.items()))
        assert all(fixture.accepts(fixture.login(name)) for name in names)
    assert rotated[28] == 0
    assert rotated[39] == len(names)
    steps = [later - earlier for earlier, later in pairwise(rotated)]
    assert max(steps) < len(names) / 3


async def test_one_list_starts_a_limited_number_of_rotations() -> None:
    count = MAX_ROTATIONS + 20
    fixture, names = RobotsFixture(), [f"tenant-{number}" for number in range(count)]
    fixture.project(*names)
    await fixture.sync()
    for name in names:
        fixture.namespace(name)
    await fixture.settle_robots()
    request(fixture)
    await fixture.sync()
    assert fixture.robots.left_to_rotate(UID) == 20
    fixture.robots.reconcile(UID)
    assert fixture.robots.left_to_rotate(UID) == 20, "a pass without a new list starts none"
    await fixture.sync()
    assert fixture.robots.left_to_rotate(UID) == 0


@pytest.mark.parametrize("damage", ["secret", "disabled", "deleted"])
async def test_a_login_that_another_client_breaks_works_again(fixture: RobotsFixture, damage: str) -> None:
    await fixture.sync()
    admin, robot = fixture.admin, fixture.harbor.robots[FIRST]
    fixture.harbor.now += timedelta(seconds=1)
    if damage == "deleted":
        await fixture.harbor.remove_robot(admin, replace(robot.observed, login=f"robot${FIRST}"))
    else:
        robot.secret = "Theirs-1" if damage == "secret" else robot.secret
        robot.observed = replace(robot.observed, is_enabled=damage != "disabled", updated_at=fixture.harbor.now)
    assert not fixture.accepts(fixture.login("shop"))
    await fixture.sync()
    assert fixture.accepts(fixture.login("shop"))


async def test_a_login_that_was_broken_before_a_restart_works_again_after_a_failed_pull(fixture: RobotsFixture) -> None:
    fixture.harbor.robots[FIRST].secret = "Theirs-1"
    fixture.start()
    await fixture.sync()
    assert not fixture.accepts(fixture.login("shop"))
    for _ in range(2):
        fixture.robots.repair(UID, frozenset({"shop"}))
        await fixture.sync()
    assert fixture.accepts(fixture.login("shop"))
    assert fixture.harbor.writes == [f"set secret {FIRST}"], "a problem of another kind does not repeat it"


async def test_a_disabled_robot_is_deleted_as_many_seconds_later_also_without_a_new_list(
    fixture: RobotsFixture,
) -> None:
    request(fixture)
    await fixture.sync()
    await fixture.sync()
    fixture.harbor.now += timedelta(seconds=10)
    await fixture.sync()
    assert not fixture.harbor.robots[FIRST].observed.is_enabled
    fixture.robots.reconcile(UID)
    await fixture.settle_robots()
    assert FIRST in fixture.harbor.robots
    fixture.harbor.now += timedelta(seconds=10)
    fixture.robots.reconcile(UID)
    await fixture.settle_robots()
    assert FIRST not in fixture.harbor.robots


@pytest.mark.parametrize("restart", [False, True], ids=["running", "restarted"])
async def test_another_key_ends_the_password_of_a_replaced_robot_too(fixture: RobotsFixture, *, restart: bool) -> None:
    earlier = fixture.login("shop")
    request(fixture)
    await fixture.sync()
    assert fixture.accepts(earlier)
    fixture.key = "Key-2"
    if restart:
        fixture.start()
    await fixture.sync()
    assert not fixture.accepts(earlier)
    assert fixture.accepts(fixture.login("shop"))


async def test_the_last_pull_is_read_again_only_after_the_time_without_one(fixture: RobotsFixture) -> None:
    request(fixture)
    await fixture.sync()
    await fixture.sync()
    fixture.harbor.now += timedelta(seconds=10)
    fixture.harbor.last_pulls[f"robot${FIRST}"] = fixture.harbor.now
    await fixture.sync()
    fixture.harbor.last_pulls.clear()
    await fixture.sync()
    assert fixture.harbor.robots[FIRST].observed.is_enabled, "the audit log was not read again"
    fixture.harbor.now += timedelta(seconds=10)
    await fixture.sync()
    assert not fixture.harbor.robots[FIRST].observed.is_enabled
