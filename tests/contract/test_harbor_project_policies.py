"""The ports of the policies of projects: the same cases against the fakes and a Harbor over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from pydantic import SecretStr

from harbor_operator.adapters.harbor_api import API
from harbor_operator.adapters.harbor_http import HarborHttp, HttpRequest
from harbor_operator.adapters.harbor_immutable_tags import HttpHarborImmutableTags
from harbor_operator.adapters.harbor_projects import HttpHarborProjects
from harbor_operator.adapters.harbor_retention import HttpHarborRetention
from harbor_operator.adapters.harbor_webhooks import HttpHarborWebhooks
from harbor_operator.model.harbor import HarborEndpoint, Login
from harbor_operator.model.project_policies import DesiredRetention, RetentionRule, TagSelector
from harbor_operator.model.projects import DesiredProject, ObservedProject
from harbor_operator.model.webhooks import Webhook
from harbor_operator.ports import Refused
from harbor_operator.ports.harbor_project_policies import HarborImmutableTags, HarborRetention, HarborWebhooks
from harbor_operator.ports.harbor_projects import HarborProjects
from harbor_operator.reasons import Reason
from tests.fakes.harbor import FakeHarbor
from tests.fakes.harbor_project_policies import FakeHarborImmutableTags, FakeHarborRetention, FakeHarborWebhooks
from tests.fakes.harbor_projects import FakeHarborProjects

HTTP = HarborHttp()


@dataclass
class PolicyFixture:
    """A project of a Harbor, and the ports of its policies."""

    admin: HarborEndpoint
    projects: HarborProjects
    tags: HarborImmutableTags
    retention: HarborRetention
    webhooks: HarborWebhooks
    project: str = field(default_factory=lambda: f"contract-{uuid4().hex[:8]}")

    async def observed(self) -> ObservedProject:
        return (await self.projects.find_projects(self.admin, {self.project}))[self.project]


@pytest_asyncio.fixture(params=["fake", pytest.param("http", marks=pytest.mark.lab)])
async def fixture(request: pytest.FixtureRequest) -> AsyncIterator[PolicyFixture]:
    if request.param == "fake":
        harbor = FakeHarbor()
        admin = HarborEndpoint(harbor.url, login=Login("admin", SecretStr(harbor.accounts["admin"][0])))
        fake = FakeHarborProjects(harbor)
        made = PolicyFixture(admin, fake, FakeHarborImmutableTags(), FakeHarborRetention(harbor), FakeHarborWebhooks())
    else:
        admin = request.getfixturevalue("harbor_endpoint")
        made = PolicyFixture(
            admin, HttpHarborProjects(), HttpHarborImmutableTags(), HttpHarborRetention(), HttpHarborWebhooks()
        )
    await made.projects.create_project(admin, DesiredProject(made.project, public=False))
    yield made
    if request.param == "http":
        await HTTP.send(admin, HttpRequest("DELETE", f"{API}/projects/{made.project}"))


SELECTORS = [
    TagSelector(),
    TagSelector("app/**", "v*"),
    TagSelector("{cache,tmp}/**", "{dev,pr-*}", excludes_repositories=True, excludes_tags=True),
]


@pytest.mark.parametrize("selector", SELECTORS, ids=str)
async def test_an_immutable_rule_is_added_once_and_removed(fixture: PolicyFixture, selector: TagSelector) -> None:
    await fixture.tags.add_immutable_rule(fixture.admin, fixture.project, selector)
    (rule,) = await fixture.tags.read_immutable_rules(fixture.admin, fixture.project)
    assert (rule.selector, rule.is_disabled) == (selector, False)
    with pytest.raises(Refused) as refused:
        await fixture.tags.add_immutable_rule(fixture.admin, fixture.project, selector)
    assert refused.value.reason is Reason.PROJECT_REFUSED
    for _ in range(2):
        await fixture.tags.remove_immutable_rule(fixture.admin, fixture.project, rule)
    assert await fixture.tags.read_immutable_rules(fixture.admin, fixture.project) == []


async def test_a_disabled_immutable_rule_is_enabled(fixture: PolicyFixture) -> None:
    selector = TagSelector(tags="v*")
    await fixture.tags.add_immutable_rule(fixture.admin, fixture.project, selector)
    (rule,) = await fixture.tags.read_immutable_rules(fixture.admin, fixture.project)
    await disable(fixture, rule.number)
    (disabled,) = await fixture.tags.read_immutable_rules(fixture.admin, fixture.project)
    assert disabled.is_disabled
    await fixture.tags.enable_immutable_rule(fixture.admin, fixture.project, disabled, selector)
    assert await fixture.tags.read_immutable_rules(fixture.admin, fixture.project) == [rule]


async def disable(fixture: PolicyFixture, number: int) -> None:
    """Disables a rule as another client would."""
    if isinstance(fixture.tags, FakeHarborImmutableTags):
        fixture.tags.disable(fixture.project)
        return
    path = f"{API}/projects/{fixture.project}/immutabletagrules"
    (rule,) = (await HTTP.send(fixture.admin, HttpRequest("GET", path))).decode(list)
    body = {**rule, "disabled": True}
    await HTTP.send(fixture.admin, HttpRequest("PUT", f"{path}/{number}", body=body))


RULES = (
    RetentionRule("latestPushedK", TagSelector("app/**", "v*"), 10),
    RetentionRule("nDaysSinceLastPull", TagSelector(tags="dev", excludes_tags=True), 30, selects_untagged=False),
    RetentionRule("nDaysSinceLastPush", TagSelector(tags="dev", excludes_tags=True), 7),
    RetentionRule("always", TagSelector("tmp/**", excludes_repositories=True), selects_untagged=False),
)


async def test_a_retention_is_created_once_and_replaced(fixture: PolicyFixture) -> None:
    project = await fixture.observed()
    assert project.retention == 0
    first, second = DesiredRetention(RULES, "0 0 0 * * *"), DesiredRetention(RULES[:1], "")
    await fixture.retention.create_retention(fixture.admin, project, first)
    project = await fixture.observed()
    assert first.is_met_by(await fixture.retention.read_retention(fixture.admin, project.retention))
    with pytest.raises(Refused) as refused:
        await fixture.retention.create_retention(fixture.admin, project, second)
    assert refused.value.reason is Reason.PROJECT_REFUSED
    await fixture.retention.update_retention(fixture.admin, project, second)
    assert second.is_met_by(await fixture.retention.read_retention(fixture.admin, project.retention))


WEBHOOK = Webhook(
    "ci",
    "https://ci.example.com/hook",
    frozenset({"PUSH_ARTIFACT", "QUOTA_EXCEED"}),
    payload_format="CloudEvents",
    auth_header=SecretStr("Bearer x"),
    is_insecure=True,
)
CHANGES = [{}, {"type": "slack", "payload_format": "Default"}, {"auth_header": SecretStr("")}, {"is_enabled": False}]


@pytest.mark.parametrize("change", CHANGES, ids=str)
async def test_a_webhook_is_added_once_changed_and_removed(fixture: PolicyFixture, change: dict[str, Any]) -> None:
    admin, name, port = fixture.admin, fixture.project, fixture.webhooks
    await port.add_webhook(admin, name, WEBHOOK)
    (observed,) = await port.read_webhooks(admin, name)
    assert observed.webhook == WEBHOOK
    with pytest.raises(Refused) as refused:
        await port.add_webhook(admin, name, WEBHOOK)
    assert refused.value.reason is Reason.PROJECT_REFUSED
    await port.update_webhook(admin, name, observed, replace(WEBHOOK, **change))
    (observed,) = await port.read_webhooks(admin, name)
    assert observed.webhook == replace(WEBHOOK, **change)
    for _ in range(2):
        await port.remove_webhook(admin, name, observed)
    assert await port.read_webhooks(admin, name) == []
