"""Each test is one row: projects before, an outcome, projects after."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.harbor import HarborEndpoint, Login
from harbor_operator.model.outcomes import Blocked, Done
from harbor_operator.model.projects import ObservedMember, ObservedRegistry
from harbor_operator.reasons import Reason
from harbor_operator.steps.members import Members
from harbor_operator.steps.project_policies import ProjectPolicies
from harbor_operator.steps.projects import ProjectSection
from tests.fakes.harbor import FakeHarbor, StoredProject
from tests.fakes.harbor_projects import FakeHarborProjects, FakeHarborRegistries

PROJECT_COUNT = 500


def registry(*projects: dict[str, Any]) -> HarborRegistry:
    metadata = {"name": "cr", "namespace": "intra", "uid": "uid-1"}
    spec = {"externalURL": "https://cr.example.com", "projects": list(projects)}
    return HarborRegistry.parse({"metadata": metadata, "spec": spec})


@dataclass
class ProjectFixture:
    harbor: FakeHarbor = field(default_factory=FakeHarbor)
    registries: FakeHarborRegistries = field(default_factory=FakeHarborRegistries)

    def __post_init__(self) -> None:
        self.projects = FakeHarborProjects(self.harbor)
        policies = ProjectPolicies(self.projects, [Members(self.projects)])
        self.section = ProjectSection(self.harbor, self.projects, self.registries, policies)
        self.admin = HarborEndpoint(self.harbor.url, login=Login("admin", SecretStr(self.harbor.accounts["admin"][0])))

    async def reconcile(self, *projects: dict[str, Any]) -> Done | Blocked:
        return await self.section.reconcile(registry(*projects), self.admin)


@pytest.fixture
def fixture() -> ProjectFixture:
    return ProjectFixture()


async def test_five_hundred_projects_cost_two_lists(fixture: ProjectFixture) -> None:
    names = [f"team-{number}" for number in range(PROJECT_COUNT)]
    fixture.harbor.projects |= {name: StoredProject(n + 10, public=False) for n, name in enumerate(names)}
    outcome = await fixture.reconcile(*({"name": name} for name in names))
    assert isinstance(outcome, Done)
    assert fixture.projects.requests == ["projects", "quotas"]
    assert fixture.harbor.writes == []


async def test_members_are_read_for_the_projects_that_list_some(fixture: ProjectFixture) -> None:
    fixture.harbor.projects["team"] = StoredProject(8, public=False, members=[ObservedMember(1, 2, "ana", entity=3)])
    member = {"user": "ana", "role": "Developer"}
    outcome = await fixture.reconcile({"name": "library", "public": True}, {"name": "team", "members": [member]})
    assert isinstance(outcome, Done)
    assert fixture.projects.requests == ["projects", "quotas", "members team"]
    assert fixture.harbor.writes == []


async def test_a_new_project_that_lists_the_administrator_is_done_in_one_pass(fixture: ProjectFixture) -> None:
    members = [{"user": "admin", "role": "ProjectAdmin"}, {"user": "ana", "role": "Maintainer"}]
    outcome = await fixture.reconcile({"name": "team", "members": members})
    assert isinstance(outcome, Done)
    assert [(one.name, one.role) for one in fixture.harbor.projects["team"].members] == [("admin", 1), ("ana", 4)]
    assert (await fixture.reconcile({"name": "team", "members": members})).changes == ()


async def test_a_new_project_gets_its_members_in_the_same_pass(fixture: ProjectFixture) -> None:
    spec = {"name": "team", "members": [{"user": "ana", "role": "Maintainer"}], "unlisted": "Delete"}
    outcome = await fixture.reconcile(spec)
    assert outcome.changes == ("created project 'team'", "set the members of project 'team'")
    assert [(one.name, one.role) for one in fixture.harbor.projects["team"].members] == [("admin", 1), ("ana", 4)]
    assert (await fixture.reconcile(spec)).changes == ()


async def test_settings_of_others_stay(fixture: ProjectFixture) -> None:
    fixture.harbor.projects["team"] = StoredProject(8, public=False, metadata={"auto_scan": "true"})
    await fixture.reconcile({"name": "team", "preventVulnerable": "High"})
    expected = {"auto_scan": "true", "prevent_vul": "true", "severity": "high"}
    assert fixture.harbor.projects["team"].metadata == expected


async def test_a_refused_project_stops_no_other(fixture: ProjectFixture) -> None:
    wrong = {"name": "a", "members": [{"user": "no-such", "role": "Guest"}]}
    outcome = await fixture.reconcile(wrong, {"name": "b"})
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.PROJECT_REFUSED
    assert "no-such" in outcome.message
    assert "created project 'b'" in outcome.changes


async def test_a_project_mirrors_the_registry_of_that_name(fixture: ProjectFixture) -> None:
    fixture.registries.registries["hub"] = ObservedRegistry(7, "hub", "docker-hub", "https://hub.example.com")
    spec = {"name": "mirror", "proxyCache": "hub"}
    assert isinstance(await fixture.reconcile(spec), Done)
    assert fixture.harbor.projects["mirror"].registry == 7
    assert (await fixture.reconcile(spec)).changes == ()


@pytest.mark.parametrize(
    ("mirrored", "words"), [("other", "which Harbor does not have"), ("hub", "cannot change that")]
)
async def test_a_mirror_that_is_not_possible_is_named(fixture: ProjectFixture, mirrored: str, words: str) -> None:
    fixture.registries.registries["hub"] = ObservedRegistry(7, "hub", "docker-hub", "https://hub.example.com")
    fixture.harbor.projects["team"] = StoredProject(8, public=False)
    outcome = await fixture.reconcile({"name": "team", "proxyCache": mirrored})
    assert isinstance(outcome, Blocked)
    assert words in outcome.message
    assert fixture.harbor.writes == []
