"""A plan of Harbor: the operator's sections record what they would write, with the fields that differ."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.kubectl.plan import Action
from harbor_operator.kubectl.planning.harbor_steps import planned_ports
from harbor_operator.kubectl.planning.harbors import (
    PlannedAccounts,
    PlannedConfiguration,
    PlannedHarbor,
    PlannedProbe,
    PlannedProjects,
    PlannedRegistries,
    PlannedReplications,
    PlannedSchedules,
)
from harbor_operator.kubectl.planning.policies import PlannedImmutableTags, PlannedRetention, PlannedWebhooks
from harbor_operator.kubectl.planning.recorder import PlanEnds, Recorder
from harbor_operator.model.harbor import HarborEndpoint, Login
from harbor_operator.model.outcomes import Done
from harbor_operator.model.projects import ObservedMember
from harbor_operator.model.schedules import DesiredSchedule, SystemJob
from harbor_operator.ports import Unavailable
from harbor_operator.ports.harbor_ports import HarborPorts
from harbor_operator.steps.configuration import ConfigurationSection
from harbor_operator.steps.configuration_sections import configuration_sections
from harbor_operator.steps.project_robots import ProjectRobotSection
from harbor_operator.steps.pull_robot import PullRobot
from tests.fakes.harbor import FakeHarbor, StoredProject
from tests.fakes.harbor_accounts import FakeHarborAccounts
from tests.fakes.harbor_configuration import FakeHarborConfiguration
from tests.fakes.harbor_project_policies import FakeHarborImmutableTags, FakeHarborRetention, FakeHarborWebhooks
from tests.fakes.harbor_projects import FakeHarborProjects, FakeHarborRegistries
from tests.fakes.harbor_replications import FakeHarborReplications
from tests.fakes.harbor_schedules import FakeHarborSchedules, search_nothing
from tests.fakes.kube import FakeKube
from tests.unit.steps.pull_secrets_fixture import CLUSTER

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
Lines = list[tuple[Action, str, tuple[str, ...]]]


class HarborPlan:
    """A Harbor in memory, and the sections of a spec with ports that record."""

    def __init__(self) -> None:
        self.kube, self.harbor = FakeKube(), FakeHarbor()
        self.recorder = Recorder(lambda: SecretStr("Planned-pass-1"))
        self.fakes: dict[str, Any] = {
            "projects": FakeHarborProjects(self.harbor),
            "registries": FakeHarborRegistries(),
            "configuration": FakeHarborConfiguration(),
            "immutable_tags": FakeHarborImmutableTags(),
            "retention": FakeHarborRetention(self.harbor),
            "webhooks": FakeHarborWebhooks(),
            "replications": FakeHarborReplications(),
            "schedules": FakeHarborSchedules(),
        }
        self.admin = HarborEndpoint(self.harbor.url, login=Login("admin", SecretStr(self.harbor.accounts["admin"][0])))

    @property
    def real(self) -> HarborPorts:
        """The ports that write."""
        return replace(planned_ports(self.recorder, installs=True), harbor=cast("Any", self.harbor), **self.fakes)

    @property
    def ports(self) -> HarborPorts:
        recorder, fakes = self.recorder, self.fakes
        harbor, projects = PlannedHarbor(self.harbor, recorder), PlannedProjects(fakes["projects"], recorder)
        planned: dict[str, Any] = {
            "harbor": harbor,
            "probe": PlannedProbe(self.harbor, harbor, recorder),
            "projects": projects,
            "registries": PlannedRegistries(fakes["registries"], recorder),
            "configuration": PlannedConfiguration(fakes["configuration"], recorder),
            "immutable_tags": PlannedImmutableTags(fakes["immutable_tags"], projects, recorder),
            "retention": PlannedRetention(fakes["retention"], projects, recorder),
            "webhooks": PlannedWebhooks(fakes["webhooks"], projects, recorder),
            "replications": PlannedReplications(fakes["replications"], recorder),
            "schedules": PlannedSchedules(fakes["schedules"], recorder),
        }
        return replace(planned_ports(recorder, installs=True), **planned)

    async def lines(self, **spec: Any) -> Lines:
        """Returns the lines of the sections; nothing is written."""
        registry = HarborRegistry.parse(
            {
                "metadata": {"name": "cr", "namespace": "intra", "uid": "uid-1"},
                "spec": {"externalURL": "https://cr.example.com", **spec},
            }
        )
        for section in sections_of(self, self.ports):
            if section.is_requested(registry):
                assert isinstance(await section.reconcile(registry, self.admin), Done)
        assert [
            *self.harbor.writes,
            *(write for fake in self.fakes.values() for write in getattr(fake, "writes", ())),
        ] == []
        return [(line.action, line.subject, line.details) for line in self.recorder.lines]


def sections_of(plan: HarborPlan, ports: HarborPorts) -> tuple[ConfigurationSection, ...]:
    robots = ProjectRobotSection(plan.kube, ports, (), plan.recorder.make_password, lambda: NOW)
    return configuration_sections(plan.kube, ports, measured, search_nothing, robots)


async def measured(_registry: HarborRegistry) -> None:
    return None


@pytest.fixture
def plan() -> HarborPlan:
    return HarborPlan()


async def test_a_new_project_with_policies_that_mirrors_a_new_registry(plan: HarborPlan) -> None:
    project = {
        "name": "mirror",
        "proxyCache": "hub",
        "quotaGiB": 2,
        "immutableTags": [{"tagMatching": "v*"}],
        "retention": {"rules": [{"mostRecentlyPushed": 10}], "schedule": "Daily"},
        "webhooks": [{"name": "ci", "address": "https://ci.example.com", "events": ["PUSH_ARTIFACT"]}],
    }
    registry = {"name": "hub", "type": "docker-hub", "url": "https://hub.docker.com"}
    created, changed = await plan.lines(registries=[registry], projects=[project])
    assert created == (
        Action.CREATE, "registry 'hub'", ("type: 'docker-hub'", "url: 'https://hub.docker.com'"),
    )  # fmt: skip
    action, subject, details = changed
    assert (action, subject) == (Action.CREATE, "project 'mirror'")
    assert details[:3] == ("public: false", "quota: 2 GiB", "mirrors a registry")
    assert [detail.split(":")[0] for detail in details[3:]] == [
        "immutable tags", "retention", "retention", "webhook 'ci'",
    ]  # fmt: skip


async def test_a_robot_of_a_new_project(plan: HarborPlan) -> None:
    access = [{"resource": "repository", "action": action} for action in ("pull", "push")]
    robot = {"name": "ci", "access": access, "secret": {"name": "login"}}
    _, created = await plan.lines(projects=[{"name": "new", "robots": [robot]}])
    action, subject, details = created
    assert (action, subject) == (Action.CREATE, "robot 'new+ci'")
    assert "access: [['repository', 'pull'], ['repository', 'push']]" in details
    assert details[-1] == "password set to the one in its Secret"


async def test_a_project_that_differs(plan: HarborPlan) -> None:
    plan.harbor.projects["team"] = StoredProject(8, public=True, members=[ObservedMember(1, 2, "ana", entity=3)])
    members = [{"user": "ana", "role": "Guest"}, {"user": "bob", "role": "Developer"}]
    spec = {"name": "team", "public": False, "quotaGiB": 1, "autoScan": True, "members": members}
    assert await plan.lines(projects=[spec]) == [
        (
            Action.CHANGE,
            "project 'team'",
            (
                "public: true -> false",
                "auto_scan: none -> 'true'",
                "quota: unlimited -> 1 GiB",
                "member 'bob': added as Developer",
                "member 'ana': Developer -> Guest",
            ),
        )
    ]


async def test_settings_and_schedules(plan: HarborPlan) -> None:
    lines = await plan.lines(configuration={"robot_token_duration": 31}, scanAll={"schedule": "Daily"})
    assert [line[1] for line in lines] == ["setting 'robot_token_duration'", "schedule 'scanAll'"]
    assert lines[0][2][0].endswith(" -> 31")


async def test_only_the_parameters_that_differ_are_shown(plan: HarborPlan) -> None:
    purge = DesiredSchedule(SystemJob.PURGE_AUDIT, "Daily", "0 0 0 * * *", {"audit_retention_hour": 48})
    await plan.fakes["schedules"].set_schedule(plan.admin, purge)
    collection = DesiredSchedule(SystemJob.GARBAGE_COLLECTION, "Daily", "0 0 0 * * *", {"workers": 2, "dry_run": False})
    await plan.fakes["schedules"].set_schedule(plan.admin, collection)
    plan.fakes["schedules"].writes.clear()
    spec = {"garbageCollection": {"schedule": "Daily", "workers": 3}, "purgeAudit": {"schedule": "None"}}
    assert await plan.lines(**spec) == [
        (Action.CHANGE, "schedule 'garbageCollection'", ("workers: 2 -> 3",)),
        (Action.REMOVE, "schedule 'purgeAudit'", ()),
    ]


async def test_a_changed_password_ends_the_plan(plan: HarborPlan) -> None:
    accounts = PlannedAccounts(FakeHarborAccounts(plan.harbor), plan.recorder)
    with pytest.raises(PlanEnds, match="password of user 'admin' is changed first"):
        await accounts.change_password(plan.admin, SecretStr("Another-pass-1"))
    (line,) = plan.recorder.lines
    assert (line.subject, line.details) == ("user 'admin' of Harbor", ("password set to the one in its Secret",))


async def test_a_harbor_that_is_not_installed_is_not_asked(plan: HarborPlan) -> None:
    ports = planned_ports(plan.recorder, installs=True)
    with pytest.raises(Unavailable, match="not installed yet"):
        await ports.projects.find_projects(plan.admin, {"library"})
    with pytest.raises(Unavailable, match="not installed yet"):
        await ports.probe.try_login(plan.admin)


async def test_the_robot_of_the_pull_secrets(plan: HarborPlan) -> None:
    section = {"credential": {"robot": {"projects": ["library"]}}}
    registry = HarborRegistry.parse(
        {
            "metadata": {"name": "cr", "namespace": "intra", "uid": "uid-1"},
            "spec": {"externalURL": "https://cr.example.com", "pullSecrets": section},
        },
        CLUSTER,
    )
    plan.kube.put("intra", "hreg-cr-admin-password", {"password": plan.harbor.accounts["admin"][0]})
    harbor = PlannedHarbor(plan.harbor, plan.recorder)
    probe = PlannedProbe(plan.harbor, harbor, plan.recorder)
    step = PullRobot(plan.kube, cast("Any", probe), cast("Any", harbor), plan.recorder.make_password, lambda: NOW)
    assert registry.spec.pull_secrets
    assert registry.spec.pull_secrets.credential.cluster_robot
    login = await step.ensure(registry, registry.spec.pull_secrets.credential.cluster_robot)
    (line,) = plan.recorder.lines
    assert (line.action, line.subject) == (Action.CREATE, f"robot '{login.username}'")
    assert "projects: ['library']" in line.details
    assert line.details[-1] == "password set to the one in its Secret"
    assert plan.harbor.writes == []
