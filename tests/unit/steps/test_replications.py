"""Each test is one row: replication rules before, an outcome, rules after."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.harbor import HarborEndpoint, Login
from harbor_operator.model.outcomes import Blocked, Done
from harbor_operator.model.projects import ObservedRegistry
from harbor_operator.model.replications import ObservedReplication
from harbor_operator.reasons import Reason
from harbor_operator.steps.replications import ReplicationSection
from tests.fakes.harbor_projects import FakeHarborRegistries
from tests.fakes.harbor_replications import FakeHarborReplications

ADMIN = HarborEndpoint("https://cr.example.com", login=Login("admin", SecretStr("Admin-pass-1")))
RULE = {"name": "base", "pullFrom": "hub", "repoMatching": "library/**", "schedule": "Daily"}


@dataclass
class ReplicationFixture:
    harbor: FakeHarborReplications = field(default_factory=FakeHarborReplications)
    registries: FakeHarborRegistries = field(default_factory=FakeHarborRegistries)

    async def reconcile(self, *replications: dict[str, Any]) -> Done | Blocked:
        metadata = {"name": "cr", "namespace": "intra", "uid": "uid-1"}
        spec = {"externalURL": ADMIN.url, "replications": list(replications)}
        section = ReplicationSection(self.harbor, self.registries)
        return await section.reconcile(HarborRegistry.parse({"metadata": metadata, "spec": spec}), ADMIN)


@pytest.fixture
def fixture() -> ReplicationFixture:
    made = ReplicationFixture()
    made.registries.registries["hub"] = ObservedRegistry(7, "hub", "docker-hub", "https://hub.example.com")
    return made


async def test_a_rule_is_created_once_and_corrected(fixture: ReplicationFixture) -> None:
    assert (await fixture.reconcile(RULE)).changes == ("created replication 'base'",)
    assert (await fixture.reconcile(RULE)).changes == ()
    assert fixture.harbor.reads == 2
    created = fixture.harbor.rules["base"]
    fixture.harbor.rules["base"] = replace(created, rule=None)
    assert (await fixture.reconcile(RULE)).changes == ("set replication 'base' as in `spec.replications`",)
    assert fixture.harbor.rules["base"] == created
    assert fixture.harbor.writes == ["create base", "update base"]


async def test_rules_that_the_spec_does_not_name_stay(fixture: ReplicationFixture) -> None:
    theirs = ObservedReplication(9, None)
    fixture.harbor.rules["theirs"] = theirs
    await fixture.reconcile(RULE)
    assert fixture.harbor.rules["theirs"] == theirs


async def test_a_rule_with_an_unknown_registry_stops_no_other(fixture: ReplicationFixture) -> None:
    outcome = await fixture.reconcile({"name": "wrong", "pushTo": "absent"}, RULE)
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.REPLICATION_REFUSED
    assert "`spec.replications[].pushTo`" in outcome.message
    assert fixture.harbor.writes == ["create base"]
