"""Each test is one row: projects before, an outcome, projects after."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.outcomes import (
    NOT_REQUESTED,
    Blocked,
    CollectionFacts,
    Done,
    Facts,
    Pending,
    StorageMigrationFacts,
)
from harbor_operator.plan.projects import GIB
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from harbor_operator.steps.admin_password import AdminPassword
from harbor_operator.steps.configuration import ConfigurationStep
from harbor_operator.steps.members import Members
from harbor_operator.steps.project_policies import ProjectPolicies
from harbor_operator.steps.projects import ProjectSection
from harbor_operator.steps.registries import RegistrySection
from harbor_operator.steps.schedules import ScheduleSection
from tests.fakes.harbor import FakeHarbor, StoredProject
from tests.fakes.harbor_accounts import FakeHarborAccounts
from tests.fakes.harbor_projects import FakeHarborProjects, FakeHarborRegistries
from tests.fakes.harbor_schedules import FakeHarborSchedules, search_nothing
from tests.fakes.kube import FakeKube

PROJECTS = [{"name": "library", "public": True}, {"name": "team", "quotaGiB": 50}]


def _registry(projects: list[dict[str, Any]] | None = None, **spec: Any) -> HarborRegistry:
    metadata = {"name": "cr", "namespace": "intra", "uid": "uid-1"}
    desired = {"externalURL": "https://cr.example.com", "projects": PROJECTS if projects is None else projects, **spec}
    return HarborRegistry.parse({"metadata": metadata, "spec": desired})


async def unmeasured(_registry: HarborRegistry) -> None:
    """The store has no size."""


@dataclass
class ConfigurationFixture:
    kube: FakeKube = field(default_factory=FakeKube)
    harbor: FakeHarbor = field(default_factory=FakeHarbor)
    schedules: FakeHarborSchedules = field(default_factory=FakeHarborSchedules)

    def __post_init__(self) -> None:
        self.kube.put("intra", "hreg-cr-admin-password", {"password": self.harbor.accounts["admin"][0]})
        self.projects = FakeHarborProjects(self.harbor)
        policies = ProjectPolicies(self.projects, [Members(self.projects)])
        sections = (
            ProjectSection(self.harbor, self.projects, FakeHarborRegistries(), policies),
            ScheduleSection(self.schedules, unmeasured, search_nothing),
        )
        accounts = FakeHarborAccounts(self.harbor)
        self.password = AdminPassword(self.kube, self.harbor, accounts, lambda: SecretStr("New-1pass"))
        self.step = ConfigurationStep(self.kube, self.password, sections)


@pytest.fixture
def fixture() -> ConfigurationFixture:
    return ConfigurationFixture()


async def test_a_missing_project_is_made_and_a_second_pass_writes_nothing(fixture: ConfigurationFixture) -> None:
    first = await fixture.step.reconcile(_registry())
    assert isinstance(first, Done)
    assert first.message == "2 projects are as the spec says"
    assert first.changes == ("created project 'team'",)
    assert fixture.harbor.writes == ["create project team"]
    assert fixture.harbor.projects["team"].storage_limit == 50 * GIB
    assert not fixture.harbor.projects["team"].public
    fixture.harbor.writes.clear()
    second = await fixture.step.reconcile(_registry())
    assert isinstance(second, Done)
    assert (second.message, second.changes) == (first.message, ())
    assert fixture.harbor.writes == []


async def test_only_what_differs_is_written(fixture: ConfigurationFixture) -> None:
    fixture.harbor.projects["library"].public = False
    fixture.harbor.projects["team"] = StoredProject(8, public=False, storage_limit=GIB)
    await fixture.step.reconcile(_registry())
    assert fixture.harbor.writes == ["update project library", "set quota 8"]


async def test_a_quota_that_is_no_longer_in_the_spec_is_removed(fixture: ConfigurationFixture) -> None:
    fixture.harbor.projects["team"] = StoredProject(8, public=False, storage_limit=GIB)
    await fixture.step.reconcile(_registry([{"name": "team"}]))
    assert fixture.harbor.projects["team"].storage_limit == -1


async def test_projects_of_others_are_never_touched(fixture: ConfigurationFixture) -> None:
    fixture.harbor.projects["theirs"] = StoredProject(8, public=True, storage_limit=GIB)
    await fixture.step.reconcile(_registry())
    outcome = await fixture.step.teardown(_registry())
    assert isinstance(outcome, Done)
    assert {"theirs", "team", "library"} == set(fixture.harbor.projects)


async def test_a_deletion_leaves_no_secret_behind(fixture: ConfigurationFixture) -> None:
    registries = RegistrySection(fixture.kube, FakeHarborRegistries())
    step = ConfigurationStep(fixture.kube, fixture.password, [registries])
    hub = {"name": "hub", "type": "docker-hub", "url": "https://hub.example.com"}
    before = set(fixture.kube.secrets)
    await step.reconcile(_registry(registries=[hub]))
    assert set(fixture.kube.secrets) - before == {
        ("intra", "hreg-cr-admin-accepted"),
        ("intra", "hreg-cr-endpoint-logins"),
    }
    await step.teardown(_registry(registries=[hub]))
    assert set(fixture.kube.secrets) == before


async def test_no_projects_are_not_requested_and_send_no_request(fixture: ConfigurationFixture) -> None:
    fixture.harbor.down = True
    assert await fixture.step.reconcile(_registry([])) == NOT_REQUESTED


async def test_the_secret_is_missing(fixture: ConfigurationFixture) -> None:
    fixture.kube.secrets.clear()
    with pytest.raises(Refused) as refused:
        await fixture.step.reconcile(_registry(adminPasswordSecretRef={"name": "cr-admin"}))
    assert refused.value.reason is Reason.SECRET_MISSING
    assert "'cr-admin'" in str(refused.value)


async def test_a_wrong_password_says_why_it_may_be_wrong(fixture: ConfigurationFixture) -> None:
    fixture.kube.put("intra", "hreg-cr-admin-password", {"password": "Wrong-pass-1"})
    with pytest.raises(Refused) as refused:
        await fixture.step.reconcile(_registry())
    assert refused.value.reason is Reason.ADMIN_CREDENTIALS_REJECTED
    assert "at the first start only" in str(refused.value)
    assert "Wrong-pass-1" not in str(refused.value)


async def test_a_read_only_harbor_blocks_changes_only(fixture: ConfigurationFixture) -> None:
    fixture.harbor.read_only = True
    outcome = await fixture.step.reconcile(_registry())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.REGISTRY_READ_ONLY
    done = await fixture.step.reconcile(_registry(PROJECTS[:1]))
    assert isinstance(done, Done)
    assert [warning.code for warning in done.warnings] == [Reason.REGISTRY_READ_ONLY]
    assert fixture.harbor.writes == []


async def test_a_quota_where_none_are_kept_is_refused(fixture: ConfigurationFixture) -> None:
    fixture.harbor.keeps_quotas = False
    fixture.harbor.projects["team"] = StoredProject(8, public=False)
    outcome = await fixture.step.reconcile(_registry())
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.PROJECT_REFUSED


async def test_a_project_named_twice_is_refused_before_anything_is_written(fixture: ConfigurationFixture) -> None:
    outcome = await fixture.step.reconcile(_registry([{"name": "a"}, {"name": "a", "public": True}]))
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.PROJECT_REFUSED
    assert fixture.harbor.writes == []


async def test_a_blocked_section_does_not_stop_the_next(fixture: ConfigurationFixture) -> None:
    fixture.schedules.has_scanner = False
    fixture.harbor.read_only = True
    spec = _registry(scanAll={"schedule": "Daily"}, garbageCollection={"schedule": "Daily"})
    outcome = await fixture.step.reconcile(spec)
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.REGISTRY_READ_ONLY
    assert "1 projects must be created" in outcome.message
    assert "`spec.scanAll`" in outcome.message


async def test_a_status_without_the_section_loses_its_facts(fixture: ConfigurationFixture) -> None:
    outcome = await fixture.step.reconcile(_registry())
    assert outcome.facts.garbage_collection == CollectionFacts("")


async def test_a_harbor_that_is_down_is_unavailable(fixture: ConfigurationFixture) -> None:
    fixture.harbor.down = True
    with pytest.raises(Unavailable):
        await fixture.step.reconcile(_registry())


class Progress:
    """A section that is in progress."""

    def is_requested(self, registry: HarborRegistry) -> bool:
        return True

    async def reconcile(self, registry: HarborRegistry, admin: HarborEndpoint) -> Pending:
        return Pending(
            Reason.STORAGE_MIGRATING, "copies", 0.1, Facts(storage_migration=StorageMigrationFacts("Copying"))
        )


async def test_a_section_in_progress_asks_for_the_next_pass_although_another_is_blocked() -> None:
    fixture = ConfigurationFixture()
    twice = [{"name": "team"}, {"name": "team"}]
    policies = ProjectPolicies(fixture.projects, [])
    blocked = ProjectSection(fixture.harbor, fixture.projects, FakeHarborRegistries(), policies)
    step = ConfigurationStep(fixture.kube, fixture.password, [blocked, Progress()])

    outcome = await step.reconcile(_registry(twice))

    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.STORAGE_MIGRATING
    assert outcome.requeue_after == 0.1
    assert outcome.message.startswith("copies; ")
    assert "names 'team' more than once" in outcome.message
    assert outcome.facts.storage_migration == StorageMigrationFacts("Copying")
