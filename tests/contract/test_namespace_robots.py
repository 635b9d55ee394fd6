"""A robot for each namespace on a Harbor that answers over HTTP: the stand-in, or a real one if HARBOR_URL names it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
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
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.harbor import HarborEndpoint, Login
from harbor_operator.model.projects import DesiredProject
from harbor_operator.plan import names
from harbor_operator.plan.pull_secrets import robot_owner
from harbor_operator.steps.pull_namespace_robots import PullNamespaceRobots
from tests.contract.harbor_http import Killed, KillingHttp
from tests.fakes.kube import FakeKube
from tests.unit.injector.robots_fixture import UID, RobotsFixture

pytestmark = pytest.mark.lab

NAMESPACES_COUNT = 25
LOOP_TURNS = 100


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
        self.admin = admin
        super().__init__(HttpHarbor(self.http), admin, names.robot(self.registry()), robot_owner(self.registry()))
        self.probe = HttpRegistryProbe(self.http)
        self.names = [f"{self.prefix}-{number}" for number in range(NAMESPACES_COUNT)]

    def registry(self) -> HarborRegistry:
        """The registry whose robots these are."""
        metadata = {"name": self.prefix, "namespace": "intra", "uid": UID}
        spec = {"externalURL": self.admin.url, **({"caSecretRef": {"name": "ca"}} if self.admin.ca else {})}
        return HarborRegistry.parse({"metadata": metadata, "spec": spec}, "cluster-1")

    async def create_projects(self) -> None:
        for name in (*self.names, f"{self.prefix}-base"):
            await HttpHarborProjects().create_project(self.admin, DesiredProject(name, public=False))

    def connect(self, http: HarborHttp) -> None:
        """Starts the operator again, with another connection to Harbor."""
        self.port, self.probe = HttpHarbor(http), HttpRegistryProbe(http)
        self.start()

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


class GatedHttp(HarborHttp):
    """Holds the creation of a robot until the gate opens, and records the order of the requests for robots."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.held = asyncio.Event(), asyncio.Event()
        self.order: list[str] = []

    @override
    async def send(self, endpoint: HarborEndpoint, request: HttpRequest) -> HttpResponse:
        if not request.path.endswith("/robots"):
            return await super().send(endpoint, request)
        if request.method != "POST":
            self.order.append(request.method)
            return await super().send(endpoint, request)
        self.held.set()
        await self.gate.wait()
        response = await super().send(endpoint, request)
        self.order.append("POST")
        return response


async def created_late(fixture: HttpFixture) -> tuple[GatedHttp, asyncio.Task[None]]:
    """Starts to create the robot of a new namespace, and holds the request."""
    http, name = GatedHttp(), fixture.names[0]
    fixture.cluster.delete_namespace(name)
    await fixture.sync()
    fixture.port = HttpHarbor(http)
    fixture.start()
    await fixture.sync()
    fixture.namespace(name)
    await fixture.settle()
    work = asyncio.create_task(fixture.robots.work_through())
    await http.held.wait()
    http.order.clear()
    return http, work


async def test_a_robot_that_is_created_while_its_registry_ends_is_removed(fixture: HttpFixture) -> None:
    http, work = await created_late(fixture)
    kube, registry = FakeKube(), fixture.registry()
    assert fixture.admin.login is not None
    kube.put("intra", names.admin_secret(registry), {"password": fixture.admin.login.password.get_secret_value()})
    kube.put("intra", "ca", {"ca.crt": fixture.admin.ca})
    kube.put("intra", names.robot_key_secret(registry), {"key": fixture.key})
    step = PullNamespaceRobots(kube, fixture.port, fixture.robots, lambda: SecretStr(fixture.key))
    removal = asyncio.create_task(step.remove(registry))
    for _ in range(LOOP_TURNS):  # what precedes the list needs no network
        await asyncio.sleep(0)
    http.gate.set()
    await asyncio.gather(work, removal)
    assert http.order[:2] == ["POST", "GET"], "the robots were listed before the last one existed"
    assert await fixture.port.read_robots(fixture.admin, fixture.stem) == []


async def test_a_robot_that_is_created_while_its_namespace_ends_is_removed(fixture: HttpFixture) -> None:
    http, work = await created_late(fixture)
    fixture.cluster.delete_namespace(fixture.names[0])
    fixture.feed()
    fixture.robots.reconcile(UID)
    http.gate.set()
    await work
    assert len(await fixture.port.read_robots(fixture.admin, fixture.stem)) == NAMESPACES_COUNT - 1


async def test_a_kill_after_any_request_of_a_rotation_fails_no_login(fixture: HttpFixture) -> None:
    """The first requests are lists; the last kills are between two namespaces."""
    for after in range(1, 10):
        held = {name: fixture.login_of(name) for name in fixture.names}
        newest = max(robot.number for robot in await fixture.port.read_robots(fixture.admin, fixture.stem))
        fixture.rotation = replace(fixture.rotation, up_to=newest)
        fixture.connect(KillingHttp(after))
        with pytest.raises(Killed):
            await fixture.sync()
        for login in held.values():
            assert await HttpRegistryProbe().try_login(fixture.admin.with_login(login)), f"after request {after}"
        fixture.connect(HarborHttp())
        await fixture.sync()
        assert all([await fixture.works(name) for name in fixture.names])
        for login in held.values():
            assert await HttpRegistryProbe().try_login(fixture.admin.with_login(login)), "it retires later"
