"""The robots of projects on a Harbor that answers over HTTP: a pipeline's login works after the end of any request.

That is the stand-in of the lab, or a real one if HARBOR_URL names it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from pydantic import SecretStr

from harbor_operator.adapters.harbor import HttpHarbor
from harbor_operator.adapters.harbor_api import API
from harbor_operator.adapters.harbor_http import HarborHttp, HttpRequest
from harbor_operator.adapters.harbor_ports import http_harbor_ports
from harbor_operator.adapters.harbor_probe import HttpRegistryProbe
from harbor_operator.adapters.harbor_projects import HttpHarborProjects
from harbor_operator.adapters.secrets import make_password
from harbor_operator.api.request_annotations import REVOKE_REQUESTED_AT, ROTATE_REQUESTED_AT
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.harbor import HarborEndpoint, Login, ObservedRobot
from harbor_operator.model.outcomes import Blocked, Done
from harbor_operator.model.projects import DesiredProject
from harbor_operator.reasons import Reason
from harbor_operator.steps.project_robots import ProjectRobotSection
from tests.contract.harbor_fixture import HarborFixture
from tests.contract.harbor_http import Killed, KillingHttp, RecordingHttp
from tests.fakes.kube import FakeKube

pytestmark = pytest.mark.lab

HTTP = HarborHttp()
ACCESS = [
    {"resource": "repository", "action": "pull"},
    {"resource": "repository", "action": "push"},
    {"resource": "tag", "action": "create"},
    {"resource": "artifact-label", "action": "create"},
]


@dataclass
class ProjectRobotsFixture:
    """Two projects in Harbor, of which the first has a robot in the spec, and the Secrets in memory."""

    admin: HarborEndpoint
    project: str = field(default_factory=lambda: f"contract-{uuid4().hex[:8]}")
    kube: FakeKube = field(default_factory=FakeKube)

    @property
    def other(self) -> str:
        return f"{self.project}-other"

    def section(self, http: HarborHttp | None = None) -> ProjectRobotSection:
        """The section of an operator that has just started."""
        ports = http_harbor_ports(http or HarborHttp())
        return ProjectRobotSection(self.kube, ports, (), lambda: make_password(32), lambda: datetime.now(UTC))

    def registry(self, annotation: str = "", value: str = "", **more: Any) -> HarborRegistry:
        metadata = {"name": self.project, "namespace": "intra", "uid": "uid-1", "annotations": {annotation: value}}
        secret = {"name": "login", "type": "Opaque"}
        robot = {"name": "ci", "access": ACCESS, "secret": secret, "retireAfterSeconds": 3600, **more}
        projects = [{"name": self.project, "robots": [robot]}, {"name": self.other}]
        spec = {"externalURL": self.admin.url, "projects": projects}
        return HarborRegistry.parse({"metadata": metadata, "spec": spec}, "cluster-1")

    async def reconcile(self, registry: HarborRegistry | None = None, http: HarborHttp | None = None) -> Done:
        outcome = await self.section(http).reconcile(registry or self.registry(), self.admin)
        assert isinstance(outcome, Done), outcome
        return outcome

    def login(self) -> Login:
        """What a pipeline reads."""
        values = self.kube.values("intra", "login")
        return Login(values["username"], SecretStr(values["password"]))

    async def accepts(self, login: Login) -> bool:
        return await HttpRegistryProbe().try_login(self.admin.with_login(login))

    async def robots(self) -> list[ObservedRobot]:
        observed = (await HttpHarborProjects().find_projects(self.admin, {self.project}))[self.project]
        return await HttpHarbor().read_project_robots(self.admin, observed)

    async def clean_up(self) -> None:
        for robot in await self.robots():
            await HttpHarbor().remove_robot(self.admin, robot)
        self.kube.secrets.clear()


@pytest_asyncio.fixture
async def fixture(harbor_endpoint: HarborEndpoint) -> AsyncIterator[ProjectRobotsFixture]:
    fixture = ProjectRobotsFixture(harbor_endpoint)
    for name in (fixture.project, fixture.other):
        await HttpHarborProjects().create_project(harbor_endpoint, DesiredProject(name, public=False))
    yield fixture
    await fixture.clean_up()
    for name in (fixture.project, fixture.other):
        await HTTP.send(harbor_endpoint, HttpRequest("DELETE", f"{API}/projects/{name}/repositories/app"))
        await HTTP.send(harbor_endpoint, HttpRequest("DELETE", f"{API}/projects/{name}"))


async def test_a_pipeline_can_push_to_its_project_only(fixture: ProjectRobotsFixture) -> None:
    await fixture.reconcile()
    login = fixture.login()
    assert login.username.endswith(f"{fixture.project}+ci")
    client = fixture.admin.with_login(login)
    assert await HttpRegistryProbe().read_pushable(client, [fixture.project, fixture.other]) == (fixture.project,)
    pipeline = HarborFixture(HttpHarbor(), HttpRegistryProbe(), client)
    image = await pipeline.push(f"{fixture.project}/app")
    await pipeline.pull(client, image)
    assert await HttpHarbor().read_last_use(fixture.admin, login.username) is not None


async def test_a_push_alone_is_a_use_of_the_login(fixture: ProjectRobotsFixture) -> None:
    await fixture.reconcile()
    login = fixture.login()
    assert await HttpHarbor().read_last_use(fixture.admin, login.username) is None
    await HarborFixture(HttpHarbor(), HttpRegistryProbe(), fixture.admin.with_login(login)).push(
        f"{fixture.project}/app"
    )
    assert await HttpHarbor().read_last_use(fixture.admin, login.username) is not None


async def test_a_pass_without_a_difference_lists_once_and_logs_in(fixture: ProjectRobotsFixture) -> None:
    await fixture.reconcile()
    http = RecordingHttp()
    section = fixture.section(http)
    await section.reconcile(fixture.registry(), fixture.admin)
    http.requests.clear()
    fixture.kube.writes.clear()
    await section.reconcile(fixture.registry(), fixture.admin)
    assert http.requests == [f"GET {API}/robots", "GET /v2/"]
    assert fixture.kube.writes == []


async def test_what_someone_changes_in_harbor_is_put_right(fixture: ProjectRobotsFixture) -> None:
    await fixture.reconcile()
    (made,) = await fixture.robots()
    path = f"{API}/robots/{made.number}"
    found = (await HTTP.send(fixture.admin, HttpRequest("GET", path))).decode(dict)
    access = [*found["permissions"][0]["access"], {"resource": "member", "action": "create"}]
    wider = {**found, "disable": True, "permissions": [{**found["permissions"][0], "access": access}]}
    assert (await HTTP.send(fixture.admin, HttpRequest("PUT", path, body=wider))).status == 200
    assert await fixture.robots() != [made]
    await fixture.reconcile()
    (corrected,) = await fixture.robots()
    assert (corrected.grants, corrected.is_enabled) == (made.grants, True)
    await HttpHarbor().set_robot_secret(fixture.admin, made, SecretStr("Refreshed-by-someone-1"))
    await fixture.reconcile()
    assert await fixture.accepts(fixture.login())
    await HttpHarbor().remove_robot(fixture.admin, made)
    await fixture.reconcile()
    assert await fixture.accepts(fixture.login())


@pytest.mark.parametrize("annotation", [ROTATE_REQUESTED_AT, REVOKE_REQUESTED_AT])
async def test_a_kill_after_any_request_leaves_a_login_that_works(
    fixture: ProjectRobotsFixture, annotation: str
) -> None:
    """After a revocation, only once the next pass has ended: the leaked login fails first."""
    await fixture.reconcile()
    for after in count(1):
        registry, before, was_killed = fixture.registry(annotation, f"request-{after}"), fixture.login(), False
        try:
            await fixture.reconcile(registry, KillingHttp(after))
        except Killed:
            was_killed = True
        if annotation == ROTATE_REQUESTED_AT:
            assert await fixture.accepts(fixture.login()), f"the Secret has a login that fails after request {after}"
        await fixture.reconcile(registry)
        assert fixture.login() != before
        assert await fixture.accepts(fixture.login())
        assert await fixture.accepts(before) is (annotation == ROTATE_REQUESTED_AT)
        if not was_killed:
            break
    assert after > 4


async def test_a_kill_after_any_request_of_the_creation_loses_nothing(fixture: ProjectRobotsFixture) -> None:
    for after in count(1):
        try:
            await fixture.reconcile(http=KillingHttp(after))
        except Killed:
            await fixture.reconcile()
            assert await fixture.accepts(fixture.login())
            assert len(await fixture.robots()) == 1
            await fixture.clean_up()
        else:
            break
    assert after > 4


async def test_a_robot_of_a_person_is_left_alone(fixture: ProjectRobotsFixture) -> None:
    await fixture.reconcile()
    theirs, login = (await fixture.robots())[0], fixture.login()
    fixture.kube.secrets.clear()
    stranger = fixture.registry()
    stranger = stranger.model_copy(update={"metadata": stranger.metadata.model_copy(update={"cluster": "cluster-2"})})
    outcome = await fixture.section().reconcile(stranger, fixture.admin)
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.ROBOT_REFUSED
    assert await fixture.robots() == [theirs]
    assert await fixture.accepts(login)
