"""A robot for each namespace on a Harbor that answers over HTTP: the stand-in, or a real one if HARBOR_URL names it."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
import pytest_asyncio
from pydantic import SecretStr
from typing_extensions import override

from harbor_operator.adapters.harbor import HttpHarbor
from harbor_operator.adapters.harbor_api import API
from harbor_operator.adapters.harbor_http import HarborHttp, HttpRequest, HttpResponse
from harbor_operator.adapters.harbor_probe import HttpRegistryProbe
from harbor_operator.adapters.harbor_projects import HttpHarborProjects
from harbor_operator.model.harbor import HarborEndpoint, Login
from harbor_operator.model.projects import DesiredProject
from tests.unit.injector.robots_fixture import RobotsFixture

pytestmark = pytest.mark.lab

NAMESPACES_COUNT = 25


class CountingHttp(HarborHttp):
    """Counts the requests by method."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: Counter[str] = Counter()

    @override
    async def send(self, endpoint: HarborEndpoint, request: HttpRequest) -> HttpResponse:
        self.requests[request.method] += 1
        return await super().send(endpoint, request)


class HttpFixture(RobotsFixture):
    """Namespaces of unique names, with a project for each of them."""

    def __init__(self, admin: HarborEndpoint) -> None:
        self.http = CountingHttp()
        self.prefix = f"contract-{uuid4().hex[:8]}"
        super().__init__(HttpHarbor(self.http), admin, self.prefix)
        self.names = [f"{self.prefix}-{number}" for number in range(NAMESPACES_COUNT)]

    async def create_projects(self) -> None:
        for name in (*self.names, f"{self.prefix}-base"):
            await HttpHarborProjects().create_project(self.admin, DesiredProject(name, public=False))

    async def works(self, namespace: str) -> bool:
        login = self.login_of(namespace)
        return await HttpRegistryProbe().try_login(self.admin.with_login(login))

    def login_of(self, namespace: str) -> Login:
        entry = next(iter(self.hosts(namespace).values()))
        return Login(entry["username"], SecretStr(entry["password"]))

    async def clean_up(self) -> None:
        for robot in await self.port.read_robots(self.admin, self.stem):
            await self.port.remove_robot(self.admin, robot)
        for name in (*self.names, f"{self.prefix}-base"):
            await HarborHttp().send(self.admin, HttpRequest("DELETE", f"{API}/projects/{name}"))


@pytest_asyncio.fixture
async def fixture(harbor_endpoint: HarborEndpoint) -> AsyncIterator[HttpFixture]:
    fixture = HttpFixture(harbor_endpoint)
    await fixture.create_projects()
    fixture.shared = (f"{fixture.prefix}-base",)
    await fixture.sync()
    for name in fixture.names:
        fixture.namespace(name)
    fixture.http.requests.clear()
    await fixture.settle_robots()
    yield fixture
    await fixture.clean_up()


async def test_each_robot_costs_two_requests_and_pulls_from_its_own_projects(fixture: HttpFixture) -> None:
    assert fixture.http.requests == {"POST": NAMESPACES_COUNT, "PATCH": NAMESPACES_COUNT}
    assert all([await fixture.works(name) for name in fixture.names])
    robots = await fixture.port.read_robots(fixture.admin, fixture.stem)
    expected = [{(name, "repository", "pull"), (fixture.shared[0], "repository", "pull")} for name in fixture.names]
    assert sorted(map(sorted, (robot.grants for robot in robots))) == sorted(map(sorted, expected))


async def test_a_restart_only_reads(fixture: HttpFixture) -> None:
    fixture.http.requests.clear()
    fixture.start()
    await fixture.sync()
    assert set(fixture.http.requests) == {"GET"}
    assert (fixture.facts.namespaces, fixture.facts.ready) == (NAMESPACES_COUNT, NAMESPACES_COUNT)


async def test_rights_follow_the_annotation_and_a_deleted_namespace_takes_its_robot_along(fixture: HttpFixture) -> None:
    first, second = fixture.names[:2]
    fixture.cluster.add_namespace(first, projects=f"{second},{fixture.shared[0]}")
    former = fixture.login_of(second)
    fixture.cluster.delete_namespace(second)
    await fixture.sync()
    robots = await fixture.port.read_robots(fixture.admin, fixture.stem)
    assert len(robots) == NAMESPACES_COUNT - 1
    (robot,) = [robot for robot in robots if robot.login.endswith(f".{first}")]
    assert {grant[0] for grant in robot.grants} == {fixture.shared[0]}
    assert await fixture.works(first)
    fixture.namespace(second)
    await fixture.settle_robots()
    assert await fixture.works(second)
    assert not await HttpRegistryProbe().try_login(fixture.admin.with_login(former))
