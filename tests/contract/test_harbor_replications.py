"""The port HarborReplications: the same cases against the fake and a Harbor over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from pydantic import SecretStr

from harbor_operator.adapters.harbor_api import API
from harbor_operator.adapters.harbor_http import HarborHttp, HttpRequest
from harbor_operator.adapters.harbor_registries import HttpHarborRegistries
from harbor_operator.adapters.harbor_replications import HttpHarborReplications
from harbor_operator.model.harbor import HarborEndpoint, Login
from harbor_operator.model.projects import DesiredRegistry
from harbor_operator.model.replications import Replication, ReplicationFilter
from harbor_operator.ports import Refused
from harbor_operator.ports.harbor_replications import HarborReplications
from harbor_operator.reasons import Reason
from tests.fakes.harbor_replications import FakeHarborReplications

HTTP = HarborHttp()


@dataclass
class ReplicationFixture:
    """A Harbor with an endpoint, and the port of its replication rules."""

    port: HarborReplications
    admin: HarborEndpoint
    endpoint: int
    name: str

    @property
    def rule(self) -> Replication:
        filters = frozenset({ReplicationFilter("name", "library/**"), ReplicationFilter("tag", "v*", "matches")})
        return Replication(
            self.name, source=self.endpoint, filters=filters, trigger="scheduled", cron="0 0 0 * * *", overrides=False
        )


@pytest_asyncio.fixture(params=["fake", pytest.param("http", marks=pytest.mark.lab)])
async def fixture(request: pytest.FixtureRequest) -> AsyncIterator[ReplicationFixture]:
    name = f"contract-{uuid4().hex[:8]}"
    if request.param == "fake":
        admin = HarborEndpoint("https://cr.example.com", login=Login("admin", SecretStr("Admin-pass-1")))
        yield ReplicationFixture(FakeHarborReplications(), admin, 7, name)
        return
    admin, registries = request.getfixturevalue("harbor_endpoint"), HttpHarborRegistries()
    # Harbor tests that a registry answers, so it is this Harbor itself.
    await registries.create_registry(admin, DesiredRegistry(name, "docker-registry", admin.url, is_insecure=True))
    endpoint = (await registries.read_registries(admin))[name].number
    made = ReplicationFixture(HttpHarborReplications(), admin, endpoint, name)
    yield made
    if rule := (await made.port.read_replications(admin)).get(name):
        await HTTP.send(admin, HttpRequest("DELETE", f"{API}/replication/policies/{rule.number}"))
    await HTTP.send(admin, HttpRequest("DELETE", f"{API}/registries/{endpoint}"))


async def test_a_rule_is_created_once(fixture: ReplicationFixture) -> None:
    await fixture.port.create_replication(fixture.admin, fixture.rule)
    assert (await fixture.port.read_replications(fixture.admin))[fixture.name].rule == fixture.rule
    with pytest.raises(Refused) as refused:
        await fixture.port.create_replication(fixture.admin, fixture.rule)
    assert refused.value.reason is Reason.REPLICATION_REFUSED


CHANGES: dict[str, dict[str, Any]] = {
    "by hand": {"trigger": "manual", "cron": "", "is_enabled": False},
    "another filter": {"filters": frozenset({ReplicationFilter("tag", "dev", "excludes")})},
    "no filter": {"filters": frozenset()},
    "namespace": {"destination_namespace": "mirror", "destination_replace_count": 1, "overrides": True},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
async def test_a_rule_is_changed(fixture: ReplicationFixture, change: dict[str, Any]) -> None:
    await fixture.port.create_replication(fixture.admin, fixture.rule)
    observed = (await fixture.port.read_replications(fixture.admin))[fixture.name]
    desired = replace(fixture.rule, **change)
    await fixture.port.update_replication(fixture.admin, observed, desired)
    changed = (await fixture.port.read_replications(fixture.admin))[fixture.name]
    assert (changed.number, changed.rule, changed.kept) == (observed.number, desired, observed.kept)


async def test_a_rule_pushes_when_something_happens(fixture: ReplicationFixture) -> None:
    desired = Replication(fixture.name, destination=fixture.endpoint, trigger="event_based", replicates_deletion=True)
    await fixture.port.create_replication(fixture.admin, desired)
    assert (await fixture.port.read_replications(fixture.admin))[fixture.name].rule == desired
