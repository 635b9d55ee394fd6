"""The step Configured with every section on a Harbor that answers over HTTP: written once, then only read."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from pydantic import SecretStr

from harbor_operator.adapters.harbor_api import API
from harbor_operator.adapters.harbor_configuration import HttpHarborConfiguration
from harbor_operator.adapters.harbor_http import HarborHttp, HttpRequest, HttpResponse
from harbor_operator.adapters.harbor_ports import http_harbor_ports
from harbor_operator.adapters.harbor_registries import HttpHarborRegistries
from harbor_operator.adapters.harbor_replications import HttpHarborReplications
from harbor_operator.adapters.secrets import make_password
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.outcomes import Done
from harbor_operator.reasons import Reason
from harbor_operator.steps.admin_password import AdminPassword
from harbor_operator.steps.configuration import ConfigurationStep
from harbor_operator.steps.configuration_sections import configuration_sections
from harbor_operator.steps.project_policies import MAX_REPEATED_READS
from harbor_operator.steps.project_robots import ProjectRobotSection
from tests.contract.harbor_http import RecordingHttp
from tests.fakes.harbor_schedules import search_nothing
from tests.fakes.kube import FakeKube

pytestmark = pytest.mark.lab

PATTERNS = {"repoMatching": "{cache,tmp}/**", "tagExcluding": "{dev,pr-*}"}
ANOTHER_PASSWORD = "Contract-password-1"
SETTINGS = {"robot_token_duration": 7, "banner_message": '{"message":"text"}', "skip_audit_log_database": False}


async def _measure_nothing(_registry: HarborRegistry) -> None:
    """Returns None: the test has no store."""


@dataclass
class StepFixture:
    """The step for one registry with unique names in Harbor."""

    admin: HarborEndpoint
    name: str = field(default_factory=lambda: f"contract-{uuid4().hex[:8]}")
    http: RecordingHttp = field(default_factory=RecordingHttp)
    kube: FakeKube = field(default_factory=FakeKube)

    def __post_init__(self) -> None:
        assert self.admin.login
        password = self.admin.login.password.get_secret_value()
        self.kube.put("intra", "hreg-cr-admin-password", {"password": password})
        self.kube.put("intra", "endpoint", {"username": "admin", "password": password})
        self.kube.put("intra", "hook", {"authorization": "Bearer t0ken"})
        self.kube.put("intra", "ca", {"ca.crt": self.admin.ca})

    @property
    def spec(self) -> dict[str, Any]:
        endpoint = {"type": "docker-registry", "url": self.admin.url, "insecure": True}
        ca = {"caSecretRef": {"name": "ca"}} if self.admin.ca else {}
        return {
            "externalURL": self.admin.url,
            **ca,
            "configuration": SETTINGS,
            "registries": [
                {"name": self.name, **endpoint, "credentialsSecretRef": {"name": "endpoint"}},
                {"name": f"{self.name}-anonymous", **endpoint, "insecure": False},
            ],
            "projects": [self._project(), {"name": f"{self.name}-plain", "public": True, "retention": RETENTION}],
            "replications": self._replications(),
            "garbageCollection": {"schedule": "Weekly", "deleteUntagged": True, "workers": 3},
            "purgeAudit": {
                "schedule": "0 30 2 * * 1-5",
                "keepHours": 24,
                "eventTypes": ["pull_artifact", "login_user"],
            },
        }

    def _project(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "quotaGiB": 5,
            "autoScan": True,
            "preventVulnerable": "Medium",
            "allowedCVEs": ["CVE-2026-2", "CVE-2026-1"],
            "members": [{"user": "admin", "role": "ProjectAdmin"}, {"user": f"{self.name}-user", "role": "Maintainer"}],
            "immutableTags": [{}, PATTERNS, {"repoExcluding": "app", "tagMatching": "v*"}],
            "retention": {**RETENTION, "schedule": "Daily"},
            "webhooks": [
                {
                    "name": "ci",
                    "address": "https://ci.example.com/hook",
                    "events": ["QUOTA_EXCEED", "PUSH_ARTIFACT"],
                    "authHeaderSecretRef": {"name": "hook"},
                    "payloadFormat": "CloudEvents",
                    "insecure": True,
                },
                {
                    "name": "chat room",
                    "address": "https://chat.example.com",
                    "events": ["PULL_ARTIFACT"],
                    "type": "slack",
                    "enabled": False,
                },
            ],
            "robots": [
                {
                    "name": "ci",
                    "access": [
                        {"resource": "repository", "action": "push"},
                        {"resource": "repository", "action": "pull"},
                        {"resource": "tag", "action": "create"},
                    ],
                    "secret": {"name": "ci-login"},
                    "expireAfterDays": 30,
                },
            ],
            "unlisted": "Delete",
        }

    def _replications(self) -> list[dict[str, Any]]:
        copied = {"repoMatching": "library/**", "tagExcluding": "{dev,pr-*}", "destinationNamespace": "mirror/base"}
        return [
            {"name": f"{self.name}-in", "pullFrom": self.name, **copied, "schedule": "Daily", "override": False},
            {"name": f"{self.name}-out", "pushTo": self.name, "onEvent": True, "replicateDeletion": True},
            {"name": f"{self.name}-hand", "pushTo": self.name, "destinationReplaceCount": 0, "enabled": False},
        ]

    async def reconcile(self, spec: dict[str, Any]) -> Done:
        """Reconciles with a new step, as after a restart of the operator."""
        return await self.reconcile_with(self.step(), spec)

    async def reconcile_with(self, step: ConfigurationStep, spec: dict[str, Any]) -> Done:
        """Reconciles with this step."""
        metadata = {"name": "cr", "namespace": "intra", "uid": "uid-1"}
        outcome = await step.reconcile(HarborRegistry.parse({"metadata": metadata, "spec": spec}))
        assert isinstance(outcome, Done), outcome.message
        return outcome

    def step(self) -> ConfigurationStep:
        ports = http_harbor_ports(self.http)
        password = AdminPassword(self.kube, ports.harbor, ports.accounts, lambda: SecretStr("Never-used-1"))
        robots = ProjectRobotSection(self.kube, ports, (), lambda: make_password(32), lambda: datetime.now(UTC))
        sections = configuration_sections(self.kube, ports, _measure_nothing, search_nothing, robots)
        return ConfigurationStep(self.kube, password, sections)

    async def call(self, method: str, path: str, body: Any = None) -> HttpResponse:
        return await HarborHttp().send(self.admin, HttpRequest(method, API + path, body=body))


RETENTION = {
    "rules": [
        {"mostRecentlyPushed": 10, **PATTERNS},
        {"mostRecentlyPulled": 3, "untaggedArtifacts": False},
        {"nDaysSinceLastPush": 7, "tagExcluding": "dev"},
        {"nDaysSinceLastPull": 30, "tagExcluding": "dev", "untaggedArtifacts": False},
        {"alwaysRetain": True, "repoExcluding": "tmp/**"},
    ],
}


@pytest_asyncio.fixture
async def fixture(harbor_endpoint: HarborEndpoint) -> AsyncIterator[StepFixture]:
    fixture = StepFixture(harbor_endpoint)
    observed = await HttpHarborConfiguration().read_configuration(fixture.admin)
    user = f"{fixture.name}-user"
    body = {"username": user, "realname": user, "email": f"{user}@example.com", "password": "Some-pass-1"}
    created = await fixture.call("POST", "/users", body)
    yield fixture
    await HttpHarborConfiguration().write_configuration(
        fixture.admin, {name: observed[name].value for name in SETTINGS}
    )
    none = {"type": "None"}
    await fixture.call("PUT", "/system/gc/schedule", {"schedule": none, "parameters": {}})
    purge = {"audit_retention_hour": 24, "include_event_types": "pull_artifact", "dry_run": True}
    await fixture.call("PUT", "/system/purgeaudit/schedule", {"schedule": none, "parameters": purge})
    for rule in (await HttpHarborReplications().read_replications(fixture.admin)).values():
        if rule.rule is None or rule.rule.name.startswith(fixture.name):
            await fixture.call("DELETE", f"/replication/policies/{rule.number}")
    for project in (fixture.name, f"{fixture.name}-plain"):
        await fixture.call("DELETE", f"/projects/{project}")
    for name, registry in (await HttpHarborRegistries().read_registries(fixture.admin)).items():
        if name.startswith(fixture.name):
            await fixture.call("DELETE", f"/registries/{registry.number}")
    await fixture.call("DELETE", created.headers["Location"].removeprefix(API))


async def test_a_second_pass_writes_nothing(fixture: StepFixture) -> None:
    first = await fixture.reconcile(fixture.spec)
    assert len(first.changes) > 5
    fixture.http.requests.clear()
    second = await fixture.reconcile(fixture.spec)
    assert (second.changes, fixture.http.writes) == ((), [])


async def test_a_changed_spec_is_written_once(fixture: StepFixture) -> None:
    await fixture.reconcile(fixture.spec)
    spec = copy.deepcopy(fixture.spec)
    project = spec["projects"][0]
    project |= {"quotaGiB": 6, "preventVulnerable": "Disabled", "allowedCVEs": [], "immutableTags": [PATTERNS]}
    project["members"] = [{"user": f"{fixture.name}-user", "role": "LimitedGuest"}]
    project["retention"] = {"rules": [{"alwaysRetain": True}]}
    project["webhooks"] = [{**project["webhooks"][0], "insecure": False, "payloadFormat": "Default"}]
    del project["webhooks"][0]["authHeaderSecretRef"]
    project["public"] = True
    del spec["registries"][0]["credentialsSecretRef"]
    spec["registries"][1]["credentialsSecretRef"] = {"name": "endpoint"}
    spec["replications"][0] |= {"schedule": "None", "destinationNamespace": "", "override": True}
    del spec["replications"][0]["repoMatching"]
    spec["replications"][1] |= {"onEvent": False, "replicateDeletion": False, "schedule": "0 30 2 * * 1"}
    spec["garbageCollection"] = {"schedule": "Hourly"}
    spec["purgeAudit"]["schedule"] = "None"
    assert (await fixture.reconcile(spec)).changes
    fixture.http.requests.clear()
    assert (await fixture.reconcile(spec)).changes == ()
    assert fixture.http.writes == []


PROJECT_COUNT = 60


async def test_many_projects_with_every_policy_cost_few_requests(fixture: StepFixture) -> None:
    """Two lists, and a bounded number of requests for members and policies; all of these would be 240."""
    policies = {
        "members": [{"user": "admin", "role": "ProjectAdmin"}],
        "immutableTags": [{"tagMatching": "v*"}],
        "retention": {"rules": [{"alwaysRetain": True}]},
        "webhooks": [{"name": "ci", "address": "https://ci.example.com/hook", "events": ["PUSH_ARTIFACT"]}],
    }
    names = [f"{fixture.name}-{number}" for number in range(PROJECT_COUNT)]
    spec = {"externalURL": fixture.admin.url, "projects": [{"name": name, **policies} for name in names]}
    try:
        step = fixture.step()
        await fixture.reconcile_with(step, spec)  # creates
        await fixture.reconcile_with(step, spec)  # verifies
        fixture.http.requests.clear()
        await fixture.reconcile_with(step, spec)
    finally:
        requests = list(fixture.http.requests)
        for name in names:
            await fixture.call("DELETE", f"/projects/{name}")
    assert [requests.count(f"GET {API}/{one}") for one in ("projects", "quotas")] == [1, 1]
    read = sum("/projects/" in one or "/retentions/" in one for one in requests)
    assert MAX_REPEATED_READS - 4 < read <= MAX_REPEATED_READS
    assert len(requests) <= 2 + read + 3


async def test_the_default_password_is_replaced_by_another_one(fixture: StepFixture) -> None:
    """The step warns about the default password, and stops after the Secret has another one."""
    spec = {"externalURL": fixture.admin.url, "adminPasswordSecretRef": {"name": "admin"}}
    spec |= {"caSecretRef": {"name": "ca"}} if fixture.admin.ca else {}
    assert fixture.admin.login
    before = fixture.admin.login.password.get_secret_value()
    fixture.kube.put("intra", "admin", {"password": before})
    await fixture.reconcile(spec)
    fixture.kube.put("intra", "admin", {"password": "Harbor12345"})
    try:
        warned = await fixture.reconcile(spec)
        assert [warning.code for warning in warned.warnings] == [Reason.ADMIN_PASSWORD_DEFAULT]
        assert "put another password into it" in warned.warnings[0].message
        fixture.kube.put("intra", "admin", {"password": ANOTHER_PASSWORD})
        assert (await fixture.reconcile(spec)).warnings == ()
    finally:
        fixture.kube.put("intra", "admin", {"password": before})
        await fixture.reconcile(spec)
