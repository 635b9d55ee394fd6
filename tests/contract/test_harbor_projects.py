"""The ports HarborProjects and HarborRegistries: the same cases against the fakes and a Harbor over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from uuid import uuid4

import pytest
import pytest_asyncio
from pydantic import SecretStr

from harbor_operator.adapters.harbor_api import API
from harbor_operator.adapters.harbor_http import HarborHttp, HttpRequest
from harbor_operator.adapters.harbor_projects import HttpHarborProjects
from harbor_operator.adapters.harbor_registries import HttpHarborRegistries
from harbor_operator.model.harbor import HarborEndpoint, Login
from harbor_operator.model.projects import UNLIMITED, DesiredMember, DesiredProject, DesiredRegistry, ObservedProject
from harbor_operator.plan.projects import GIB
from harbor_operator.ports import Refused
from harbor_operator.ports.harbor_projects import HarborProjects, HarborRegistries
from harbor_operator.reasons import Reason
from tests.fakes.harbor import FakeHarbor
from tests.fakes.harbor_projects import FakeHarborProjects, FakeHarborRegistries

HTTP = HarborHttp()


def fresh() -> str:
    return f"contract-{uuid4().hex[:8]}"


@dataclass
class ProjectFixture:
    """A Harbor behind both ports, and what the test must remove."""

    projects: HarborProjects
    registries: HarborRegistries
    admin: HarborEndpoint
    fake: FakeHarborProjects | None = None
    paths: list[str] = field(default_factory=list)

    async def project(self, desired: DesiredProject | None = None) -> DesiredProject:
        desired = desired or DesiredProject(fresh(), public=False)
        self.paths.insert(0, f"/projects/{desired.name}")
        await self.projects.create_project(self.admin, desired)
        return desired

    async def read(self, name: str) -> ObservedProject:
        return (await self.projects.find_projects(self.admin, {name}))[name]

    async def limit(self, name: str) -> int:
        project = await self.read(name)
        return (await self.projects.find_quotas(self.admin, [project]))[project.number].storage_limit

    async def user(self) -> str:
        name = fresh()
        if self.fake:
            self.fake.users.add(name)
            return name
        body = {"username": name, "realname": name, "email": f"{name}@example.com", "password": "Some-pass-1"}
        made = await HTTP.send(self.admin, HttpRequest("POST", f"{API}/users", body=body))
        self.paths.append(made.headers["Location"].removeprefix(API))
        return name

    async def registry(self) -> DesiredRegistry:
        url = self.admin.url  # Harbor tests that a registry answers
        desired = DesiredRegistry(fresh(), "docker-registry", url, is_insecure=True)
        await self.registries.create_registry(self.admin, desired)
        number = (await self.registries.read_registries(self.admin))[desired.name].number
        self.paths.append(f"/registries/{number}")
        return desired

    async def clean_up(self) -> None:
        for path in self.paths if self.fake is None else ():
            await HTTP.send(self.admin, HttpRequest("DELETE", f"{API}{path}"))


@pytest_asyncio.fixture(params=["fake", pytest.param("http", marks=pytest.mark.lab)])
async def fixture(request: pytest.FixtureRequest) -> AsyncIterator[ProjectFixture]:
    if request.param == "fake":
        harbor = FakeHarbor()
        admin = HarborEndpoint(harbor.url, login=Login("admin", SecretStr(harbor.accounts["admin"][0])))
        fake = FakeHarborProjects(harbor)
        yield ProjectFixture(fake, FakeHarborRegistries(), admin, fake)
        return
    made = ProjectFixture(HttpHarborProjects(), HttpHarborRegistries(), request.getfixturevalue("harbor_endpoint"))
    yield made
    await made.clean_up()


async def test_a_project_is_created_as_desired(fixture: ProjectFixture) -> None:
    settings, cves = {"auto_scan": "true"}, frozenset({"CVE-2026-1"})
    desired = DesiredProject(fresh(), public=True, storage_limit=5 * GIB, metadata=settings, allowed_cves=cves)
    await fixture.project(desired)
    assert desired.is_met_by(await fixture.read(desired.name))
    assert await fixture.limit(desired.name) == 5 * GIB


async def test_creating_a_project_twice_succeeds_and_changes_nothing(fixture: ProjectFixture) -> None:
    desired = await fixture.project()
    await fixture.projects.create_project(fixture.admin, replace(desired, public=True, storage_limit=GIB))
    assert not (await fixture.read(desired.name)).public
    assert await fixture.limit(desired.name) == UNLIMITED


async def test_an_update_keeps_what_it_does_not_name(fixture: ProjectFixture) -> None:
    first = DesiredProject(
        fresh(), public=False, metadata={"auto_scan": "true"}, allowed_cves=frozenset({"CVE-2026-1"})
    )
    await fixture.project(first)
    second = DesiredProject(first.name, public=True, metadata={"prevent_vul": "true", "severity": "high"})
    await fixture.projects.update_project(fixture.admin, second)
    observed = await fixture.read(first.name)
    assert second.is_met_by(observed)
    assert (observed.metadata["auto_scan"], observed.allowed_cves) == ("true", first.allowed_cves)
    emptied = replace(second, allowed_cves=frozenset[str]())
    await fixture.projects.update_project(fixture.admin, emptied)
    assert emptied.is_met_by(await fixture.read(first.name))


async def test_a_quota_is_changed(fixture: ProjectFixture) -> None:
    desired = await fixture.project()
    project = await fixture.read(desired.name)
    quota = (await fixture.projects.find_quotas(fixture.admin, [project]))[project.number]
    await fixture.projects.set_quota(fixture.admin, quota, GIB)
    assert await fixture.limit(desired.name) == GIB


async def test_an_absent_project_is_not_found_and_a_number_is_a_name(fixture: ProjectFixture) -> None:
    assert await fixture.projects.find_projects(fixture.admin, {"not-created", "1"}) == {}
    assert await fixture.projects.find_quotas(fixture.admin, []) == {}


async def test_a_bad_project_name_and_a_wrong_password_are_refused(fixture: ProjectFixture) -> None:
    with pytest.raises(Refused) as bad:
        await fixture.projects.create_project(fixture.admin, DesiredProject("Upper", public=False))
    assert bad.value.reason is Reason.PROJECT_REFUSED
    wrong = fixture.admin.with_login(Login("admin", SecretStr("Wrong-pass-1")))
    with pytest.raises(Refused) as rejected:
        await fixture.projects.create_project(wrong, DesiredProject("some", public=False))
    assert rejected.value.reason is Reason.ADMIN_CREDENTIALS_REJECTED


async def test_a_user_becomes_a_member_with_another_role_and_leaves(fixture: ProjectFixture) -> None:
    project, user = (await fixture.project()).name, await fixture.user()
    assert [member.name for member in await fixture.projects.read_members(fixture.admin, project)] == ["admin"]
    await fixture.projects.add_member(fixture.admin, project, DesiredMember(2, user))

    async def found() -> list[int]:
        members = await fixture.projects.read_members(fixture.admin, project)
        return [member.role for member in members if (member.name, member.is_group) == (user, False)]

    assert await found() == [2]
    with pytest.raises(Refused):
        await fixture.projects.add_member(fixture.admin, project, DesiredMember(3, user))
    (member,) = [one for one in await fixture.projects.read_members(fixture.admin, project) if one.name == user]
    await fixture.projects.set_role(fixture.admin, project, member, 5)
    assert await found() == [5]
    (member,) = [one for one in await fixture.projects.read_members(fixture.admin, project) if one.name == user]
    for _ in range(2):
        await fixture.projects.remove_member(fixture.admin, project, member)
    assert await found() == []


async def test_an_unknown_user_is_refused(fixture: ProjectFixture) -> None:
    project = (await fixture.project()).name
    with pytest.raises(Refused) as refused:
        await fixture.projects.add_member(fixture.admin, project, DesiredMember(2, "no-such-user"))
    assert refused.value.reason is Reason.PROJECT_REFUSED


async def test_an_endpoint_is_created_and_changed(fixture: ProjectFixture) -> None:
    desired = await fixture.registry()
    observed = (await fixture.registries.read_registries(fixture.admin))[desired.name]
    assert desired.is_met_by(observed)
    assert observed.type == desired.type
    secured = replace(desired, is_insecure=False)
    await fixture.registries.update_registry(fixture.admin, observed, secured)
    assert secured.is_met_by((await fixture.registries.read_registries(fixture.admin))[desired.name])
    with pytest.raises(Refused) as refused:
        await fixture.registries.create_registry(fixture.admin, desired)
    assert refused.value.reason is Reason.ENDPOINT_REFUSED


async def test_a_project_mirrors_a_registry(fixture: ProjectFixture) -> None:
    mirrored = await fixture.registry()
    number = (await fixture.registries.read_registries(fixture.admin))[mirrored.name].number
    try:
        project = await fixture.project(DesiredProject(fresh(), public=False, registry=number))
    except Refused:
        pytest.skip("this Harbor does not permit a proxy cache of that type")
    assert (await fixture.read(project.name)).registry == number
