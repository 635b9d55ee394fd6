"""Robots of projects through the Harbor port: the same cases against the fake and a Harbor over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio
from pydantic import SecretStr

from harbor_operator.adapters.harbor import HttpHarbor
from harbor_operator.adapters.harbor_probe import HttpRegistryProbe
from harbor_operator.model.harbor import DesiredRobot, HarborEndpoint, Login, RobotLevel
from harbor_operator.model.projects import ObservedProject
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from tests.contract.harbor_fixture import HarborFixture
from tests.fakes.harbor import FakeHarbor

SECRET = SecretStr("Chosen-by-us-1")
PUSH = frozenset({("repository", "pull"), ("repository", "push")})


@pytest_asyncio.fixture(params=["fake", pytest.param("http", marks=pytest.mark.lab)])
async def fixture(request: pytest.FixtureRequest) -> AsyncIterator[HarborFixture]:
    if request.param == "fake":
        fake = FakeHarbor()
        admin = HarborEndpoint(fake.url, login=Login("admin", SecretStr(fake.accounts["admin"][0])))
        made = HarborFixture(fake, fake, admin, fake)
    else:
        made = HarborFixture(HttpHarbor(), HttpRegistryProbe(), request.getfixturevalue("harbor_endpoint"))
    yield made
    for name in made.projects:
        if observed := await made.observed(name):
            for robot in await made.harbor.read_project_robots(made.admin, observed):
                await made.harbor.remove_robot(made.admin, robot)
    await made.clean_up()


async def project_of(fixture: HarborFixture) -> ObservedProject:
    observed = await fixture.observed((await fixture.project()).name)
    assert observed is not None
    return observed


def ci(project: ObservedProject) -> DesiredRobot:
    return DesiredRobot("ci", "made by a test", (project.name,), access=PUSH, level=RobotLevel.PROJECT)


async def test_a_robot_of_a_project_is_listed_there_only(fixture: HarborFixture) -> None:
    project, other = await project_of(fixture), await project_of(fixture)
    created = await fixture.harbor.create_robot(fixture.admin, ci(project))
    assert created.login.endswith(f"{project.name}+ci")
    assert created.grants == {(project.name, *access) for access in PUSH}
    (found,) = await fixture.harbor.read_project_robots(fixture.admin, project)
    assert ci(project).is_met_by(found)
    assert (found.number, found.login) == (created.number, created.login)
    assert await fixture.harbor.read_project_robots(fixture.admin, other) == []
    assert await fixture.harbor.read_robots(fixture.admin, project.name) == []


async def test_each_project_can_have_a_robot_of_that_name_once(fixture: HarborFixture) -> None:
    project, other = await project_of(fixture), await project_of(fixture)
    await fixture.harbor.create_robot(fixture.admin, ci(project))
    await fixture.harbor.create_robot(fixture.admin, ci(other))
    with pytest.raises(Refused) as refused:
        await fixture.harbor.create_robot(fixture.admin, ci(project))
    assert refused.value.reason is Reason.ROBOT_REFUSED


async def test_rights_state_and_secret_of_a_robot_of_a_project_are_set(fixture: HarborFixture) -> None:
    project = await project_of(fixture)
    created = await fixture.harbor.create_robot(fixture.admin, ci(project))
    await fixture.harbor.set_robot_secret(fixture.admin, created, SECRET)
    client = fixture.admin.with_login(Login(created.login, SECRET))
    assert await fixture.probe.try_login(client)
    assert await fixture.probe.read_pushable(client, [project.name]) == (project.name,)
    smaller = replace(ci(project), access=frozenset({("repository", "pull")}), description="changed")
    await fixture.harbor.update_robot(fixture.admin, created, smaller)
    assert await fixture.probe.read_pushable(client, [project.name]) == ()
    await fixture.harbor.update_robot(fixture.admin, created, replace(smaller, is_enabled=False))
    assert not await fixture.probe.try_login(client)
    (found,) = await fixture.harbor.read_project_robots(fixture.admin, project)
    assert replace(smaller, is_enabled=False).is_met_by(found)


async def test_a_project_that_does_not_exist_has_no_robots(fixture: HarborFixture) -> None:
    absent = ObservedProject(1_000_000, "contract-absent", public=False)
    assert await fixture.harbor.read_project_robots(fixture.admin, absent) == []
