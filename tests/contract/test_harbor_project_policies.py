"""The ports of the policies of projects: the same cases against the fakes and a Harbor over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
import pytest_asyncio
from pydantic import SecretStr

from harbor_operator.adapters.harbor_api import API
from harbor_operator.adapters.harbor_http import HarborHttp, HttpRequest
from harbor_operator.adapters.harbor_immutable_tags import HttpHarborImmutableTags
from harbor_operator.adapters.harbor_projects import HttpHarborProjects
from harbor_operator.model.harbor import HarborEndpoint, Login
from harbor_operator.model.project_policies import TagSelector
from harbor_operator.model.projects import DesiredProject
from harbor_operator.ports import Refused
from harbor_operator.ports.harbor_project_policies import HarborImmutableTags
from harbor_operator.reasons import Reason
from tests.fakes.harbor_project_policies import FakeHarborImmutableTags

HTTP = HarborHttp()


class PolicyFixture:
    """A project of a Harbor, and the ports of its policies."""

    def __init__(self, admin: HarborEndpoint, tags: HarborImmutableTags) -> None:
        self.admin = admin
        self.tags = tags
        self.project = f"contract-{uuid4().hex[:8]}"


@pytest_asyncio.fixture(params=["fake", pytest.param("http", marks=pytest.mark.lab)])
async def fixture(request: pytest.FixtureRequest) -> AsyncIterator[PolicyFixture]:
    if request.param == "fake":
        admin = HarborEndpoint("https://cr.example.com", login=Login("admin", SecretStr("Admin-pass-1")))
        yield PolicyFixture(admin, FakeHarborImmutableTags())
        return
    made = PolicyFixture(request.getfixturevalue("harbor_endpoint"), HttpHarborImmutableTags())
    await HttpHarborProjects().create_project(made.admin, DesiredProject(made.project, public=False))
    yield made
    await HTTP.send(made.admin, HttpRequest("DELETE", f"{API}/projects/{made.project}"))


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
