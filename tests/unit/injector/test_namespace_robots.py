"""A robot for each namespace: what it may pull, when its login is written, and when it ends."""

from __future__ import annotations

import pytest
from pydantic import SecretStr
from typing_extensions import override

from harbor_operator.api.v1alpha1 import NamespaceSelection
from harbor_operator.injector.namespace_robots import PAUSE_SECONDS
from harbor_operator.model.harbor import DesiredRobot
from harbor_operator.model.robots import NamespaceRobotPolicy
from harbor_operator.ports.namespace_robots import DeclaredRobots
from tests.unit.injector.fixture import NAME
from tests.unit.injector.robots_fixture import OWNER, STEM, UID, RobotsFixture


@pytest.fixture
async def fixture() -> RobotsFixture:
    fixture = RobotsFixture()
    fixture.project("shop", "bank", "base", "team-a")
    await fixture.sync()
    return fixture


async def test_a_new_namespace_costs_two_requests_and_two_writes(fixture: RobotsFixture) -> None:
    fixture.namespace("shop")
    await fixture.settle_robots()
    assert fixture.harbor.writes == [f"create robot {STEM}.shop", f"set secret {STEM}.shop"]
    assert fixture.cluster.writes == [f"apply shop/{NAME}", "patch shop/default"]
    assert fixture.granted("shop") == {"shop"}
    assert fixture.accepts(fixture.login("shop"))
    assert (fixture.facts.namespaces, fixture.facts.ready) == (1, 1)


async def test_each_namespace_has_a_login_of_its_own(fixture: RobotsFixture) -> None:
    fixture.shared = ("base",)
    await fixture.sync()
    fixture.namespace("shop")
    fixture.namespace("bank")
    await fixture.settle_robots()
    assert fixture.granted("shop") == {"shop", "base"}
    assert fixture.granted("bank") == {"bank", "base"}
    assert fixture.login("shop")["password"] != fixture.login("bank")["password"]


@pytest.mark.parametrize(
    ("annotation", "granted"),
    [
        ("base", {"base"}),
        ("shop,team-a", {"shop", "team-a"}),
        (" team-a , base ", {"base", "team-a"}),
        ("bank,library,shop", {"shop"}),
        ("*,shop", {"shop"}),
        ("team-a,team-b", {"team-a"}),
    ],
)
async def test_an_annotation_chooses_only_what_the_spec_allows(
    fixture: RobotsFixture, annotation: str, granted: set[str]
) -> None:
    fixture.shared, fixture.selectable = ("base",), ("team-*",)
    await fixture.sync()
    fixture.namespace("shop", annotation)
    await fixture.settle_robots()
    assert fixture.granted("shop") == granted


@pytest.mark.parametrize(("name", "annotation"), [("other", None), ("shop", ""), ("shop", "bank"), ("shop", "*")])
async def test_a_namespace_without_a_project_gets_nothing(
    fixture: RobotsFixture, name: str, annotation: str | None
) -> None:
    fixture.namespace(name, annotation)
    await fixture.settle_robots()
    assert fixture.cluster.writes == []
    assert fixture.harbor.writes == []
    assert fixture.facts.namespaces == 0


async def test_a_new_project_gives_its_namespace_a_robot(fixture: RobotsFixture) -> None:
    fixture.namespace("late")
    await fixture.sync()
    fixture.project("late")
    await fixture.sync()
    assert fixture.accepts(fixture.login("late"))
    del fixture.harbor.projects["late"]
    await fixture.sync()
    await fixture.sync()
    assert fixture.harbor.robots == {}
    assert fixture.owner("late") is None


async def test_a_pass_over_what_is_right_writes_nothing_also_after_a_restart(fixture: RobotsFixture) -> None:
    for name in ("shop", "bank"):
        fixture.namespace(name)
    await fixture.settle_robots()
    fixture.harbor.writes.clear()
    fixture.cluster.writes.clear()
    await fixture.sync()
    fixture.start()
    await fixture.sync()
    assert (fixture.harbor.writes, fixture.cluster.writes) == ([], [])
    assert (fixture.facts.namespaces, fixture.facts.ready) == (2, 2)


async def test_the_robot_of_a_deleted_namespace_is_deleted(fixture: RobotsFixture) -> None:
    fixture.namespace("shop")
    await fixture.settle_robots()
    former = fixture.login("shop")
    theirs = fixture.harbor.robots[f"{STEM}.shop"]
    fixture.harbor.robots["theirs.shop"] = theirs
    fixture.cluster.delete_namespace("shop")
    await fixture.sync()
    assert set(fixture.harbor.robots) == {"theirs.shop"}
    fixture.namespace("shop")
    await fixture.sync()
    assert fixture.accepts(fixture.login("shop"))
    assert not fixture.accepts(former), "the login of a deleted namespace is that of a new one"


async def test_an_excluded_namespace_loses_its_secret_and_its_robot(fixture: RobotsFixture) -> None:
    fixture.namespace("shop")
    await fixture.settle_robots()
    await fixture.sync(selection=NamespaceSelection(exclude=["shop"]))
    await fixture.sync(selection=NamespaceSelection(exclude=["shop"]))
    assert fixture.owner("shop") is None
    assert fixture.harbor.robots == {}


async def test_nothing_is_deleted_before_the_namespaces_are_known(fixture: RobotsFixture) -> None:
    fixture.namespace("shop")
    await fixture.settle_robots()
    fixture.start()
    policy = NamespaceRobotPolicy(STEM, OWNER, SecretStr("Key-1"), (), (), frozenset({"shop"}))
    fixture.robots.declare(UID, DeclaredRobots(fixture.admin, policy, ("cr.example.com",), ()))
    fixture.robots.observe(UID, await fixture.harbor.read_robots(fixture.admin, "a222a995"))
    fixture.robots.reconcile(UID)
    await fixture.robots.work_through()
    assert set(fixture.harbor.robots) == {f"{STEM}.shop"}


async def test_a_robot_that_was_deleted_or_changed_in_harbor_is_put_right(fixture: RobotsFixture) -> None:
    fixture.namespace("shop")
    await fixture.settle_robots()
    before = fixture.login("shop")
    del fixture.harbor.robots[f"{STEM}.shop"]
    await fixture.sync()
    assert fixture.accepts(fixture.login("shop"))
    assert fixture.login("shop") != before
    fixture.shared = ("base",)
    await fixture.sync()
    assert fixture.granted("shop") == {"shop", "base"}


async def test_another_prefix_reaches_every_namespace(fixture: RobotsFixture) -> None:
    fixture.namespace("shop")
    await fixture.settle_robots()
    fixture.harbor.prefix = "bot-"
    await fixture.sync()
    assert fixture.login("shop")["username"] == f"bot-{STEM}.shop"
    assert fixture.accepts(fixture.login("shop"))


async def test_another_key_gives_every_robot_another_password(fixture: RobotsFixture) -> None:
    fixture.namespace("shop")
    await fixture.settle_robots()
    leaked = fixture.login("shop")
    fixture.key = "Key-2"
    await fixture.sync()
    assert fixture.accepts(fixture.login("shop"))
    assert not fixture.accepts(leaked)


async def test_a_secret_that_a_tenant_changed_is_written_again(fixture: RobotsFixture) -> None:
    fixture.namespace("shop")
    await fixture.settle_robots()
    fixture.start()
    fixture.cluster.put_secret("shop", NAME, owner=UID)
    await fixture.sync()
    assert fixture.accepts(fixture.login("shop"))
    assert fixture.facts.ready == 1


async def test_robots_are_created_after_harbor_was_away(fixture: RobotsFixture) -> None:
    fixture.harbor.down = True
    fixture.namespace("shop")
    await fixture.settle_robots()
    assert (fixture.facts.namespaces, fixture.facts.ready) == (1, 0)
    assert fixture.cluster.writes == []
    fixture.harbor.down = False
    fixture.clock.now += PAUSE_SECONDS
    await fixture.sync()
    assert fixture.accepts(fixture.login("shop"))


async def test_an_unavailable_harbor_gets_few_requests_for_many_robots() -> None:
    fixture, names = RobotsFixture(), [f"tenant-{number}" for number in range(50)]
    fixture.project(*names)
    await fixture.sync()
    for name in names:
        fixture.namespace(name)
    await fixture.settle()
    fixture.harbor.down, fixture.harbor.unanswered = True, 0
    for _ in range(3):
        await fixture.robots.work_through()
    assert fixture.harbor.unanswered == 2
    fixture.harbor.down = False
    fixture.clock.now += PAUSE_SECONDS
    await fixture.settle_robots()
    assert fixture.facts.ready == len(names)


async def test_a_robot_that_harbor_refuses_is_a_failure_of_its_namespace(fixture: RobotsFixture) -> None:
    await fixture.harbor.create_robot(fixture.admin, _foreign("shop"))
    fixture.namespace("shop")
    fixture.namespace("bank")
    await fixture.settle_robots()
    facts = fixture.facts
    assert (facts.namespaces, facts.ready, facts.failed) == (2, 1, 1)
    assert facts.failures[0].reason == "RobotRefused"
    assert "already exists" in facts.failures[0].message


async def test_a_robot_that_is_created_while_harbor_lists_is_not_forgotten(fixture: RobotsFixture) -> None:
    fixture.robots.begin_list(UID)
    listed = await fixture.harbor.read_robots(fixture.admin, "a222a995")
    fixture.namespace("shop")
    await fixture.settle_robots()
    fixture.robots.observe(UID, listed)
    fixture.robots.reconcile(UID)
    await fixture.settle_robots()
    fixture.injector.content_changed("shop")
    assert fixture.facts.failures == ()
    assert fixture.facts.ready == 1


def _foreign(namespace: str) -> DesiredRobot:
    return DesiredRobot(f"{STEM}.{namespace}", "theirs", ("library",))


class Killed(BaseException):
    """Ends the process, as SIGKILL does."""


async def test_a_kill_after_any_request_is_made_up_for(fixture: RobotsFixture) -> None:
    for requests in (1, 2):
        name = ("shop", "bank")[requests - 1]
        fixture.namespace(name)
        fixture.harbor.writes.clear()
        with pytest.raises(Killed):
            await _until_killed(fixture, requests)
        fixture.start()
        await fixture.sync()
        assert fixture.accepts(fixture.login(name))
        assert len(fixture.harbor.robots) == requests


async def _until_killed(fixture: RobotsFixture, requests: int) -> None:
    original = fixture.harbor.writes

    class Counting(list[str]):
        @override
        def append(self, write: str, /) -> None:
            super().append(write)
            if len(self) == requests:
                raise Killed

    fixture.harbor.writes = Counting()
    try:
        await fixture.settle_robots()
    finally:
        fixture.harbor.writes = original
