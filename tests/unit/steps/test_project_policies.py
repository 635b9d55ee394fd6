"""Each test is a list of projects, the policies in Harbor before, and what a pass reads and writes."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.harbor import HarborEndpoint, Login
from harbor_operator.model.outcomes import Blocked, Done
from harbor_operator.model.project_policies import ObservedImmutableRule, ObservedRetention, TagSelector
from harbor_operator.reasons import Reason
from harbor_operator.steps.immutable_tags import ImmutableTags
from harbor_operator.steps.members import Members
from harbor_operator.steps.project_policies import MAX_REPEATED_READS, ProjectPolicies
from harbor_operator.steps.projects import ProjectSection
from harbor_operator.steps.retention import Retention
from harbor_operator.steps.webhooks import Webhooks
from tests.fakes.harbor import FakeHarbor, StoredProject
from tests.fakes.harbor_project_policies import FakeHarborImmutableTags, FakeHarborRetention, FakeHarborWebhooks
from tests.fakes.harbor_projects import FakeHarborProjects, FakeHarborRegistries
from tests.fakes.kube import FakeKube

PROJECT_COUNT = 500
RELEASES = {"tagMatching": "v*"}
RETENTION = {"rules": [{"mostRecentlyPushed": 10}], "schedule": "Daily"}
RULE = ObservedImmutableRule(1, TagSelector(tags="v*"))


def registry(*projects: dict[str, Any]) -> HarborRegistry:
    metadata = {"name": "cr", "namespace": "intra", "uid": "uid-1"}
    spec = {"externalURL": "https://cr.example.com", "projects": list(projects)}
    return HarborRegistry.parse({"metadata": metadata, "spec": spec})


class PolicyFixture:
    """A Harbor with projects, their policies, and the section that keeps them."""

    def __init__(self) -> None:
        self.harbor = FakeHarbor()
        self.projects = FakeHarborProjects(self.harbor)
        self.tags = FakeHarborImmutableTags()
        self.retention = FakeHarborRetention(self.harbor)
        self.kube = FakeKube()
        self.webhooks = FakeHarborWebhooks()
        kinds = [
            Members(self.projects),
            ImmutableTags(self.tags),
            Retention(self.retention),
            Webhooks(self.kube, self.webhooks),
        ]
        self.section = ProjectSection(
            self.harbor, self.projects, FakeHarborRegistries(), ProjectPolicies(self.projects, kinds)
        )

    @property
    def reads(self) -> list[object]:
        return [*self.projects.requests, *self.tags.requests, *self.retention.requests, *self.webhooks.requests]

    @property
    def writes(self) -> list[str]:
        return [*self.harbor.writes, *self.tags.writes, *self.retention.writes, *self.webhooks.writes]

    def clear(self) -> None:
        """Forgets every request."""
        for port in (self.projects, self.tags, self.retention, self.webhooks):
            port.requests.clear()
        for writer in (self.harbor, self.tags, self.retention, self.webhooks):
            writer.writes.clear()

    def has(self, *names: str) -> None:
        for name in names:
            self.harbor.projects[name] = StoredProject(self.harbor.next_number(), public=False)

    async def reconcile(self, *projects: dict[str, Any]) -> Done | Blocked:
        login = Login("admin", SecretStr(self.harbor.accounts["admin"][0]))
        return await self.section.reconcile(registry(*projects), HarborEndpoint(self.harbor.url, login=login))


@pytest.fixture
def fixture() -> PolicyFixture:
    return PolicyFixture()


def spec(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "immutableTags": [RELEASES], **more}


async def test_a_project_without_policies_is_not_read(fixture: PolicyFixture) -> None:
    fixture.has("team", "plain")
    await fixture.reconcile(spec("team"), {"name": "plain"})
    assert fixture.tags.requests == ["team"]


async def test_a_difference_is_corrected_reported_and_read_again(fixture: PolicyFixture) -> None:
    fixture.has("team")
    outcome = await fixture.reconcile(spec("team"))
    assert isinstance(outcome, Done)
    assert outcome.changes == ("set the immutable tags of project 'team'",)
    assert fixture.tags.rules["team"] == [RULE]
    assert (await fixture.reconcile(spec("team"))).changes == ()
    assert fixture.tags.requests == ["team", "team"]
    assert fixture.tags.writes == ["add to team"]


MEMBERS = [{"user": "ana", "role": "Developer"}]


async def test_five_hundred_projects_are_read_in_turn(fixture: PolicyFixture) -> None:
    names = [f"team-{number}" for number in range(PROJECT_COUNT)]
    fixture.has(*names)
    fixture.kube.put("intra", "ci", {"authorization": "Bearer one"})
    projects = [spec(name, retention=RETENTION, members=MEMBERS, webhooks=[WEBHOOK]) for name in names]
    await fixture.reconcile(*projects)
    await fixture.reconcile(*projects)
    fixture.clear()
    await fixture.reconcile(*projects)
    assert fixture.reads[:2] == ["projects", "quotas"]
    assert MAX_REPEATED_READS - 4 < len(fixture.reads) - 2 <= MAX_REPEATED_READS
    while len(fixture.tags.requests) < PROJECT_COUNT:
        await fixture.reconcile(*projects)
    assert set(fixture.tags.requests) == set(names)
    assert fixture.writes == []


async def test_a_changed_member_is_corrected_in_its_turn(fixture: PolicyFixture) -> None:
    names = [f"team-{number}" for number in range(2 * MAX_REPEATED_READS)]
    fixture.has(*names)
    projects = [{"name": name, "members": MEMBERS} for name in names]
    for _ in range(2):
        await fixture.reconcile(*projects)
    fixture.harbor.projects[names[-1]].members.clear()
    fixture.clear()
    first, second = await fixture.reconcile(*projects), await fixture.reconcile(*projects)
    assert (first.changes, second.changes) == ((), (f"set the members of project '{names[-1]}'",))
    assert fixture.reads.count("members team-0") == 1


async def test_ldap_groups_are_read_once_in_a_pass(fixture: PolicyFixture) -> None:
    names = ["team-1", "team-2"]
    fixture.has(*names)
    fixture.projects.ldap_groups["cn=devs"] = 7
    await fixture.reconcile(*({"name": name, "members": [{"ldapGroup": "cn=devs", "role": "Guest"}]} for name in names))
    assert fixture.reads.count("groups") == 1


async def test_a_changed_entry_and_a_new_project_are_read_at_once(fixture: PolicyFixture) -> None:
    names = [f"team-{number}" for number in range(2 * MAX_REPEATED_READS)]
    fixture.has(*names)
    fixture.tags.rules |= {name: [RULE] for name in names}
    projects = [spec(name) for name in names]
    await fixture.reconcile(*projects)
    await fixture.reconcile(*projects)
    fixture.tags.rules["team-0"].clear()
    fixture.tags.rules["team-1"].clear()
    fixture.has("team-0")  # deleted in Harbor and created again
    projects[1] = spec("team-1", public=True)
    outcome = await fixture.reconcile(*projects)
    assert outcome.changes == (
        "set project 'team-1' as in `spec.projects`",
        "set the immutable tags of project 'team-0'",
        "set the immutable tags of project 'team-1'",
    )


async def test_a_registry_that_is_removed_is_forgotten(fixture: PolicyFixture) -> None:
    names = [f"team-{number}" for number in range(2 * MAX_REPEATED_READS)]
    fixture.has(*names)
    fixture.tags.rules |= {name: [RULE] for name in names}
    projects = [spec(name) for name in names]
    await fixture.reconcile(*projects)
    await fixture.section.remove(registry(*projects))
    fixture.tags.requests.clear()
    await fixture.reconcile(*projects)
    assert sorted(fixture.tags.requests) == sorted(names)


async def test_a_refused_project_stops_no_other_and_is_tried_again(fixture: PolicyFixture) -> None:
    fixture.has("a", "b")
    fixture.tags.refuses = {"a"}
    for _ in range(2):
        outcome = await fixture.reconcile(spec("a"), spec("b"))
        assert isinstance(outcome, Blocked)
        assert outcome.reason is Reason.PROJECT_REFUSED
    assert fixture.tags.rules["b"] == [RULE]
    fixture.tags.refuses.clear()
    assert isinstance(await fixture.reconcile(spec("a"), spec("b")), Done)
    assert fixture.tags.rules["a"]


async def test_a_new_project_gets_its_policies_in_the_same_pass(fixture: PolicyFixture) -> None:
    outcome = await fixture.reconcile(spec("team"))
    assert outcome.changes == ("created project 'team'", "set the immutable tags of project 'team'")
    assert fixture.projects.requests == ["projects", "quotas", "projects"]


async def test_a_project_that_is_refused_has_no_policies(fixture: PolicyFixture) -> None:
    outcome = await fixture.reconcile(spec("mirror", proxyCache="absent"), spec("team"))
    assert isinstance(outcome, Blocked)
    assert fixture.tags.requests == ["team"]


async def test_rules_that_leave_the_spec_stay_unless_it_says_otherwise(fixture: PolicyFixture) -> None:
    fixture.has("team")
    other = ObservedImmutableRule(7, TagSelector(tags="latest"))
    fixture.tags.rules["team"] = [ObservedImmutableRule(8, TagSelector(tags="v*"), is_disabled=True), other]
    await fixture.reconcile(spec("team"))
    assert other in fixture.tags.rules["team"]
    assert fixture.tags.writes == ["enable in team"]
    await fixture.reconcile(spec("team", unlisted="Delete"))
    assert other not in fixture.tags.rules["team"]


async def test_a_retention_is_created_once_and_a_changed_one_is_replaced(fixture: PolicyFixture) -> None:
    fixture.has("team")
    team = {"name": "team", "retention": RETENTION}
    assert (await fixture.reconcile(team)).changes == ("created the retention of project 'team'",)
    assert (await fixture.reconcile(team)).changes == ()
    ((number, created),) = fixture.retention.policies.items()
    fixture.retention.policies[number] = ObservedRetention((None,), "")
    assert (await fixture.reconcile(team)).changes == ("set the retention of project 'team'",)
    assert fixture.retention.policies == {number: created}
    await fixture.reconcile({"name": "team"})
    assert fixture.retention.policies == {number: created}
    assert fixture.retention.writes == ["create in team", "update in team"]


async def test_a_deleted_retention_is_noticed_in_the_list_of_projects(fixture: PolicyFixture) -> None:
    names = [f"team-{number}" for number in range(2 * MAX_REPEATED_READS)]
    fixture.has(*names)
    projects = [{"name": name, "retention": RETENTION} for name in names]
    for _ in range(3):
        await fixture.reconcile(*projects)
    for name in names[-3:]:
        del fixture.harbor.projects[name].metadata["retention_id"]
    outcome = await fixture.reconcile(*projects)
    assert outcome.changes == tuple(f"created the retention of project '{name}'" for name in names[-3:])


WEBHOOK = {
    "name": "ci",
    "address": "https://ci.example.com/hook",
    "events": ["PUSH_ARTIFACT"],
    "authHeaderSecretRef": {"name": "ci"},
}


def header(fixture: PolicyFixture, project: str) -> str:
    """The header of the only webhook of the project."""
    (observed,) = fixture.webhooks.webhooks[project]
    assert observed.webhook
    return observed.webhook.auth_header.get_secret_value()


async def test_a_new_header_is_set_at_once(fixture: PolicyFixture) -> None:
    names = [f"team-{number}" for number in range(2 * MAX_REPEATED_READS)]
    fixture.has(*names)
    fixture.kube.put("intra", "ci", {"authorization": "Bearer one"})
    projects = [{"name": name, "webhooks": [WEBHOOK]} for name in names]
    for _ in range(2):
        await fixture.reconcile(*projects)
    fixture.kube.put("intra", "ci", {"authorization": "Bearer two"})
    outcome = await fixture.reconcile(*projects)
    assert len(outcome.changes) == len(names)
    assert {header(fixture, name) for name in names} == {"Bearer two"}
    assert "Bearer" not in " ".join([outcome.message, *outcome.changes])


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (None, Reason.SECRET_MISSING),
        ({"other": "x"}, Reason.SECRET_KEY_MISSING),
        ({"authorization": "Bearer x\n"}, Reason.SECRET_INVALID),
    ],
    ids=str,
)
async def test_a_header_that_cannot_be_sent_stops_nothing_else(
    fixture: PolicyFixture, values: dict[str, str] | None, reason: Reason
) -> None:
    fixture.has("team")
    if values is not None:
        fixture.kube.put("intra", "ci", values)
    outcome = await fixture.reconcile(spec("team", webhooks=[WEBHOOK]))
    assert isinstance(outcome, Blocked)
    assert outcome.reason is reason
    assert "`spec.projects[].webhooks[].authHeaderSecretRef`" in outcome.message
    assert fixture.tags.rules["team"] == [RULE]
    assert fixture.webhooks.writes == []
