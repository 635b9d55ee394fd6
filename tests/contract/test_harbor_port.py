"""The Harbor and RegistryProbe ports: the same cases against the fake and a Harbor that answers over HTTP.

The latter is the stand-in of the lab, or a real one if HARBOR_URL and HARBOR_ADMIN_PASSWORD name it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import pytest_asyncio
from pydantic import SecretStr

from harbor_operator.adapters.harbor import HttpHarbor
from harbor_operator.adapters.harbor_probe import HttpRegistryProbe
from harbor_operator.model.harbor import NEVER_EXPIRES_DAYS, DesiredRobot, HarborEndpoint, Identity, Login, RobotLevel
from harbor_operator.model.reachability import PullResult
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from lab.process import scaled
from tests.contract.harbor_fixture import HarborFixture
from tests.fakes.harbor import FakeHarbor

SECRET = SecretStr("Chosen-by-us-1")
OTHER_SECRET = SecretStr("Chosen-again-2")
KIB = 1 << 10


@pytest_asyncio.fixture(params=["fake", pytest.param("http", marks=pytest.mark.lab)])
async def fixture(request: pytest.FixtureRequest) -> AsyncIterator[HarborFixture]:
    if request.param == "fake":
        fake = FakeHarbor()
        made = HarborFixture(
            fake, fake, HarborEndpoint(fake.url, login=Login("admin", SecretStr(fake.accounts["admin"][0]))), fake
        )
    else:
        made = HarborFixture(HttpHarbor(), HttpRegistryProbe(), request.getfixturevalue("harbor_endpoint"))
    yield made
    await made.clean_up()


async def test_an_anonymous_client_is_sent_to_the_token_service(fixture: HarborFixture) -> None:
    v2_response = await fixture.probe.read_v2_response(fixture.admin)
    assert v2_response.status == 401
    assert f'Bearer realm="{fixture.admin.url}/service/token"' in v2_response.challenge


async def test_health_names_the_components(fixture: HarborFixture) -> None:
    health = await fixture.probe.read_health(fixture.admin)
    assert {"core", "redis"} <= {part.name for part in health}
    assert all(part.healthy for part in health)


async def test_an_identity_is_admin_or_anonymous(fixture: HarborFixture) -> None:
    assert await fixture.harbor.read_identity(fixture.admin) is Identity.ADMIN
    assert await fixture.harbor.read_identity(fixture.with_login("admin", "Wrong-pass-1")) is Identity.ANONYMOUS
    assert await fixture.harbor.read_identity(fixture.admin.with_login(None)) is Identity.ANONYMOUS


async def test_the_admin_reads_the_version_without_a_build_number(fixture: HarborFixture) -> None:
    system = await fixture.harbor.read_system(fixture.admin)
    assert system.version.split(".")[0] == "2"
    assert "-" not in system.version
    assert not system.read_only


async def test_everyone_can_create_projects_by_default(fixture: HarborFixture) -> None:
    """Finding H1."""
    assert (await fixture.harbor.read_account_settings(fixture.admin)).project_creation == "everyone"


@pytest.mark.parametrize("level", RobotLevel)
async def test_a_robot_is_found_by_its_login(fixture: HarborFixture, level: RobotLevel) -> None:
    project = (await fixture.project()).name
    desired = replace(fixture.robot(project), level=level, duration_days=30)
    made = await fixture.harbor.create_robot(fixture.admin, desired)
    prefix = (await fixture.harbor.read_account_settings(fixture.admin)).robot_prefix
    found = await fixture.harbor.find_robot(fixture.admin, made.login, prefix)
    assert found is not None
    assert (found.number, found.login, found.expires_at) == (made.number, made.login, made.expires_at)
    assert made.expires_at is not None
    for other in (f"{made.login}-2", made.login[:-1], f"{prefix}absent+{desired.name}", "admin"):
        assert await fixture.harbor.find_robot(fixture.admin, other, prefix) is None


async def test_every_project_is_named(fixture: HarborFixture) -> None:
    created = {(await fixture.project()).name for _ in range(101)}
    assert created <= set(await fixture.harbor.read_project_names(fixture.admin))


async def test_a_robot_is_created_found_and_given_a_secret(fixture: HarborFixture) -> None:
    desired = fixture.robot()
    assert await fixture.harbor.read_robots(fixture.admin, desired.name) == []
    made = await fixture.harbor.create_robot(fixture.admin, desired)
    (found,) = await fixture.harbor.read_robots(fixture.admin, desired.name[3:])
    assert found == made
    assert found.updated_at is not None
    assert found.login.endswith(desired.name)
    assert found.login != desired.name
    assert desired.is_met_by(found)
    robot = fixture.with_login(found.login, SECRET.get_secret_value())
    assert not await fixture.probe.try_login(robot)
    await fixture.harbor.set_robot_secret(fixture.admin, found, SECRET)
    assert await fixture.probe.try_login(robot)
    assert await fixture.harbor.read_identity(robot) is Identity.ROBOT


async def test_a_new_secret_invalidates_the_previous_one_at_once(fixture: HarborFixture) -> None:
    made = await fixture.harbor.create_robot(fixture.admin, fixture.robot())
    await fixture.harbor.set_robot_secret(fixture.admin, made, SECRET)
    await fixture.harbor.set_robot_secret(fixture.admin, made, OTHER_SECRET)
    assert not await fixture.probe.try_login(fixture.with_login(made.login, SECRET.get_secret_value()))
    assert await fixture.probe.try_login(fixture.with_login(made.login, OTHER_SECRET.get_secret_value()))


async def test_the_rights_of_a_robot_are_replaced(fixture: HarborFixture) -> None:
    first, second = await fixture.project(), await fixture.project()
    desired = fixture.robot(first.name)
    made = await fixture.harbor.create_robot(fixture.admin, desired)
    wider = DesiredRobot(desired.name, desired.description, (first.name, second.name))
    await fixture.harbor.update_robot(fixture.admin, made, wider)
    (found,) = await fixture.harbor.read_robots(fixture.admin, desired.name)
    assert wider.is_met_by(found)
    assert not desired.is_met_by(found)


async def test_a_robot_is_refused_twice_without_project_or_with_a_weak_secret(fixture: HarborFixture) -> None:
    desired = fixture.robot()
    made = await fixture.harbor.create_robot(fixture.admin, desired)
    for refused_robot in (desired, fixture.robot("not-created")):
        with pytest.raises(Refused) as refused:
            await fixture.harbor.create_robot(fixture.admin, refused_robot)
        assert refused.value.reason is Reason.ROBOT_REFUSED
    with pytest.raises(Refused):
        await fixture.harbor.set_robot_secret(fixture.admin, made, SecretStr("weak"))


async def test_a_robot_is_removed_and_removing_it_again_succeeds(fixture: HarborFixture) -> None:
    desired = fixture.robot()
    made = await fixture.harbor.create_robot(fixture.admin, desired)
    await fixture.harbor.remove_robot(fixture.admin, made)
    await fixture.harbor.remove_robot(fixture.admin, made)
    assert await fixture.harbor.read_robots(fixture.admin, desired.name) == []


async def test_a_robot_expires_is_disabled_and_lasts(fixture: HarborFixture) -> None:
    desired = replace(fixture.robot(), duration_days=30)
    made = await fixture.harbor.create_robot(fixture.admin, desired)
    await fixture.harbor.set_robot_secret(fixture.admin, made, SECRET)
    assert made.expires_at is not None
    robot = fixture.with_login(made.login, SECRET.get_secret_value())
    for change in ({"is_enabled": False}, {"duration_days": NEVER_EXPIRES_DAYS}):
        changed = replace(desired, **change)
        await fixture.harbor.update_robot(fixture.admin, made, changed)
        (found,) = await fixture.harbor.read_robots(fixture.admin, desired.name)
        assert changed.is_met_by(found)
        assert (found.expires_at is not None) is changed.expires
        assert await fixture.probe.try_login(robot) is changed.is_enabled


async def test_more_robots_than_one_page_are_listed(fixture: HarborFixture) -> None:
    stem = f"contract-{uuid4().hex[:8]}"
    names = [f"{stem}-{number}" for number in range(101)]
    fixture.robots.append(stem)
    for name in names:
        await fixture.harbor.create_robot(fixture.admin, DesiredRobot(name, "made by a test", ("*",)))
    listed = await fixture.harbor.read_robots(fixture.admin, stem)
    assert sorted(robot.login for robot in listed) == sorted(f"robot${name}" for name in names)


async def test_an_image_is_found_and_pulled_with_permission(fixture: HarborFixture) -> None:
    project, other = await fixture.project(), await fixture.project()
    assert await fixture.harbor.read_image(fixture.admin, project.name) is None
    image = await fixture.push(f"{project.name}/app")
    observed = await fixture.observed(project.name)
    assert observed is not None
    assert observed.repositories == 1
    assert await fixture.harbor.read_image(fixture.admin, project.name) == image
    made = await fixture.harbor.create_robot(fixture.admin, fixture.robot(project.name))
    await fixture.harbor.set_robot_secret(fixture.admin, made, SECRET)
    robot = fixture.with_login(made.login, SECRET.get_secret_value())
    assert await fixture.probe.try_pull(robot, image) == PullResult(200, 200, 200)
    both = (project.name, other.name)  # finding S9: a login that may push is found
    assert await fixture.probe.read_pushable(fixture.admin, both) == both
    assert await fixture.probe.read_pushable(robot, both) == ()
    assert await fixture.probe.try_pull(robot, None) == PullResult(200, 200)
    assert (await fixture.probe.try_pull(robot, f"{other.name}/app:one")).manifest == 401
    # A HEAD request is no pull. A real Harbor writes the log a moment later.
    assert await fixture.harbor.read_last_pull(fixture.admin, made.login) is None
    await fixture.pull(robot, image)
    at = None
    async with asyncio.timeout(scaled(20)):
        while at is None:
            at = await fixture.harbor.read_last_pull(fixture.admin, made.login)
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=10)


async def test_an_upload_is_tried_and_nothing_remains(fixture: HarborFixture) -> None:
    project = await fixture.project()
    observed = await fixture.probe.try_upload(fixture.admin, f"{project.name}/probe", 64 * KIB)
    assert (observed.started, observed.patched) == (202, 202)
    assert "/v2/" in observed.location
    found = await fixture.observed(project.name)
    assert found is not None
    assert found.repositories == 0


async def test_an_upload_that_is_not_allowed_does_not_start(fixture: HarborFixture) -> None:
    made = await fixture.harbor.create_robot(fixture.admin, fixture.robot())
    await fixture.harbor.set_robot_secret(fixture.admin, made, SECRET)
    robot = fixture.with_login(made.login, SECRET.get_secret_value())
    observed = await fixture.probe.try_upload(robot, "library/probe", KIB)
    assert (observed.started, observed.patched) == (401, None)


async def test_a_port_without_a_server_is_unavailable() -> None:
    with pytest.raises(Unavailable) as unavailable:
        await HttpRegistryProbe().read_v2_response(HarborEndpoint("http://127.0.0.1:1"))
    assert unavailable.value.reason is Reason.REGISTRY_UNREACHABLE
