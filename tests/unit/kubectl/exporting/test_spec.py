"""An exported spec asks for exactly what Harbor has: the operator's sections find nothing to write."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.kubectl.exporting.reader import read_harbor
from harbor_operator.kubectl.exporting.spec import Export, as_yaml, export_spec
from harbor_operator.model.harbor import DesiredRobot, RobotLevel
from harbor_operator.model.outcomes import Done
from harbor_operator.model.project_policies import ObservedImmutableRule, ObservedRetention, TagSelector
from harbor_operator.model.projects import ObservedMember, ObservedQuota, ObservedRegistry
from harbor_operator.model.replications import ObservedReplication
from harbor_operator.model.schedules import ObservedSchedule, SystemJob
from harbor_operator.model.webhooks import ObservedWebhook, Webhook
from tests.fakes.harbor import StoredProject
from tests.unit.kubectl.planning.test_harbors import HarborPlan, sections_of

SPEC: dict[str, Any] = {
    "registries": [
        {"name": "hub", "type": "docker-hub", "url": "https://hub.docker.com"},
        {"name": "quay", "type": "quay", "url": "https://quay.io", "insecure": True},
    ],
    "projects": [
        {"name": "library", "public": True},
        {
            "name": "team",
            "quotaGiB": 3,
            "autoScan": True,
            "preventVulnerable": "High",
            "allowedCVEs": ["CVE-2024-1", "CVE-2024-2"],
            "members": [{"user": "ana", "role": "Maintainer"}, {"oidcGroup": "devs", "role": "Guest"}],
            "immutableTags": [{"tagMatching": "v*"}, {"repoExcluding": "tmp/**", "tagExcluding": "latest"}],
            "retention": {
                "rules": [
                    {"mostRecentlyPushed": 10, "tagMatching": "v*"},
                    {"nDaysSinceLastPull": 30, "untaggedArtifacts": False},
                    {"alwaysRetain": True, "repoMatching": "base/**"},
                ],
                "schedule": "Weekly",
            },
            "webhooks": [
                {
                    "name": "ci",
                    "address": "https://ci.example.com/hook",
                    "events": ["DELETE_ARTIFACT", "PUSH_ARTIFACT"],
                },
                {
                    "name": "chat",
                    "address": "https://chat.example.com",
                    "events": ["PUSH_ARTIFACT"],
                    "type": "slack",
                    "insecure": True,
                    "enabled": False,
                },
            ],
        },
        {"name": "mirror", "proxyCache": "hub"},
    ],
    "replications": [
        {
            "name": "in",
            "pullFrom": "hub",
            "repoMatching": "library/**",
            "tagMatching": "3.*",
            "schedule": "0 30 1 * * *",
        },
        {
            "name": "out",
            "pushTo": "quay",
            "tagExcluding": "dev-*",
            "destinationNamespace": "copy",
            "destinationReplaceCount": 1,
            "onEvent": True,
            "replicateDeletion": True,
            "override": False,
            "enabled": False,
        },
    ],
    "garbageCollection": {"schedule": "Daily", "deleteUntagged": True, "workers": 3},
    "purgeAudit": {"schedule": "0 0 2 * * *", "keepHours": 48, "eventTypes": ["pull_artifact"]},
    "scanAll": {"schedule": "Weekly"},
}


async def apply(harbor: HarborPlan, spec: dict[str, Any]) -> tuple[str, ...]:
    """Lets the operator's sections write a spec into Harbor, and returns what they have changed."""
    metadata = {"name": "cr", "namespace": "intra", "uid": "uid-1"}
    registry = HarborRegistry.parse({"metadata": metadata, "spec": {"externalURL": "https://cr.example.com", **spec}})
    changes: list[str] = []
    for section in sections_of(harbor, harbor.real):
        if section.is_requested(registry):
            outcome = await section.reconcile(registry, harbor.admin)
            assert isinstance(outcome, Done), outcome
            changes += outcome.changes
    return tuple(changes)


async def export(harbor: HarborPlan, **changes: Any) -> Export:
    found = await read_harbor(harbor.real, harbor.admin)
    return export_spec(replace(found, **changes), "https://cr.example.com", has_ca=False)


@pytest.fixture
def harbor() -> HarborPlan:
    return HarborPlan()


async def test_the_operator_has_nothing_to_change_for_an_exported_spec(harbor: HarborPlan) -> None:
    assert await apply(harbor, SPEC)
    found = await export(harbor)
    spec = found.manifest["spec"]
    assert found.left_out == []
    assert found.tasks[-1] == "Check `spec.garbageCollection.dryRun`: Harbor does not show it"
    assert {name: spec[name] for name in ("registries", "replications", "scanAll")} == {
        name: SPEC[name] for name in ("registries", "replications", "scanAll")
    }
    exported = {project["name"]: project for project in spec["projects"]}
    for project in SPEC["projects"]:
        assert project.items() <= exported[project["name"]].items()
    assert await apply(harbor, {key: value for key, value in spec.items() if key in SPEC}) == ()


@pytest.mark.parametrize("severity", [{}, {"severity": "none"}, {"severity": "negligible"}])
async def test_a_severity_that_the_spec_does_not_have_is_named(harbor: HarborPlan, severity: dict[str, str]) -> None:
    await apply(harbor, {"projects": [{"name": "team", "quotaGiB": 3}]})
    project = harbor.harbor.projects["team"]
    project.metadata.clear()
    project.metadata |= {"prevent_vul": "true", **severity}
    found = await export(harbor)
    (team,) = [one for one in found.manifest["spec"]["projects"] if one["name"] == "team"]
    assert (team["quotaGiB"], team.get("preventVulnerable")) == (3, None)
    (text,) = found.left_out
    assert text.startswith("that project 'team' prevents pulls of images with any vulnerability")


async def test_the_yaml_is_a_registry_with_its_tasks_as_comments(harbor: HarborPlan) -> None:
    read = await read_harbor(harbor.real, harbor.admin)
    schedule = ObservedSchedule("0 0 3 * * *", {"delete_untagged": True})
    read = replace(read, schedules={SystemJob.GARBAGE_COLLECTION: schedule})
    found = export_spec(read, harbor.admin.url, has_ca=False)
    found.left_out.append("a rule")
    text = as_yaml(found)
    assert text.startswith("# Create Secret 'harbor-admin'")
    assert "# Not exported: a rule." in text
    manifest = yaml.safe_load(text)
    assert manifest == found.manifest
    HarborRegistry.parse({**manifest, "metadata": {"name": "harbor", "namespace": "intra", "uid": ""}})


async def test_a_login_is_a_reference_and_not_in_the_spec(harbor: HarborPlan) -> None:
    registry = ObservedRegistry(1, "my_hub", "docker-hub", "https://hub.docker.com", access_key="robot")
    webhook = Webhook(
        "ci", "https://ci.example.com", frozenset({"PUSH_ARTIFACT"}), auth_header=SecretStr("Bearer secret")
    )
    harbor.harbor.projects["team"] = StoredProject(8, public=False)
    harbor.fakes["webhooks"].webhooks["team"] = [ObservedWebhook(7, "ci", webhook)]
    found = await export(harbor, registries={"my_hub": registry})
    spec = found.manifest["spec"]
    assert spec["registries"][0]["credentialsSecretRef"] == {"name": "registry-my-hub"}
    team = next(project for project in spec["projects"] if project["name"] == "team")
    assert team["webhooks"][0]["authHeaderSecretRef"] == {"name": "webhook-7"}
    assert "Bearer secret" not in as_yaml(found)
    assert [text.split("'")[1] for text in found.tasks] == ["harbor-admin", "registry-my-hub", "webhook-7"]


async def test_a_robot_of_a_project_is_named_and_not_in_its_entry(harbor: HarborPlan) -> None:
    harbor.harbor.projects["team"] = StoredProject(8, public=False)
    robot = DesiredRobot("ci", "of a person", ("team",), level=RobotLevel.PROJECT)
    await harbor.harbor.create_robot(harbor.admin, robot)
    found = await export(harbor)
    assert all("robots" not in project for project in found.manifest["spec"]["projects"])
    assert "Robot 'robot$team+ci' of project 'team' is not in `robots`" in found.tasks[-1]
    assert found.left_out == []


async def test_what_has_no_place_in_the_spec_is_named(harbor: HarborPlan) -> None:
    harbor.harbor.projects["team"] = StoredProject(8, public=False)
    found = await read_harbor(harbor.real, harbor.admin)
    team = replace(
        next(one for one in found.projects if one.project.name == "team"),
        quota=ObservedQuota(1, 8, 1000),
        members=[ObservedMember(1, 99, "eve")],
        immutable_rules=[ObservedImmutableRule(3, None), ObservedImmutableRule(4, TagSelector(), is_disabled=True)],
        retention=ObservedRetention((None,), ""),
        webhooks=[ObservedWebhook(5, "many", None)],
    )
    odd = ObservedRegistry(1, "odd", "docker-registry", "ftp://odd")
    changed = replace(found, projects=[team], registries={"odd": odd}, replications={"r": ObservedReplication(1, None)})
    left_out = export_spec(changed, "https://cr.example.com", has_ca=True).left_out
    for text in (
        "quota",
        "member 'eve'",
        "rule 3",
        "rule 4",
        "retention",
        "webhook 'many'",
        "'odd'",
        "replication 'r'",
    ):
        assert sum(text in one for one in left_out) == 1, (text, left_out)
