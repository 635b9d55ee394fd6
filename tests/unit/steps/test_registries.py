"""Each test is one row: endpoints before, an outcome, endpoints after."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.outcomes import Blocked, Done
from harbor_operator.model.projects import ObservedRegistry
from harbor_operator.reasons import Reason
from harbor_operator.steps.registries import RegistrySection
from tests.fakes.harbor_projects import FakeHarborRegistries
from tests.fakes.kube import FakeKube

ADMIN = HarborEndpoint("https://cr.example.com")
HUB = {"name": "hub", "type": "docker-hub", "url": "https://hub.example.com"}
WITH_LOGIN = HUB | {"credentialsSecretRef": {"name": "hub-login"}}


@dataclass
class RegistryFixture:
    kube: FakeKube = field(default_factory=FakeKube)
    harbor: FakeHarborRegistries = field(default_factory=FakeHarborRegistries)

    async def reconcile(self, *registries: dict[str, Any]) -> Done | Blocked:
        metadata = {"name": "cr", "namespace": "intra", "uid": "uid-1"}
        spec = {"externalURL": ADMIN.url, "registries": list(registries)}
        registry = HarborRegistry.parse({"metadata": metadata, "spec": spec})
        return await RegistrySection(self.kube, self.harbor).reconcile(registry, ADMIN)


@pytest.fixture
def fixture() -> RegistryFixture:
    made = RegistryFixture()
    made.kube.put("intra", "hub-login", {"username": "ana", "password": "Secret-1"})
    return made


async def test_an_endpoint_is_created_once_and_corrected(fixture: RegistryFixture) -> None:
    assert (await fixture.reconcile(HUB)).changes == ("created registry 'hub'",)
    assert (await fixture.reconcile(HUB)).changes == ()
    fixture.harbor.registries["hub"] = ObservedRegistry(1, "hub", "docker-hub", "https://other.example.com")
    assert (await fixture.reconcile(HUB)).changes == ("set registry 'hub' as in `spec.registries`",)
    assert fixture.harbor.writes == ["create hub", "update hub"]


async def test_a_changed_password_is_written_although_harbor_does_not_return_it(fixture: RegistryFixture) -> None:
    await fixture.reconcile(WITH_LOGIN)
    await fixture.reconcile(WITH_LOGIN)
    assert fixture.harbor.writes == ["create hub"]
    fixture.kube.put("intra", "hub-login", {"username": "ana", "password": "Secret-2"})
    await fixture.reconcile(WITH_LOGIN)
    assert fixture.harbor.secrets == {"hub": "Secret-2"}
    stored = fixture.kube.values("intra", "hreg-cr-endpoint-logins")
    assert stored.keys() == {"hub"}
    assert "Secret-2" not in stored["hub"]


async def test_an_endpoint_of_another_type_and_a_missing_secret_stop_no_other(fixture: RegistryFixture) -> None:
    fixture.harbor.registries["hub"] = ObservedRegistry(1, "hub", "harbor", HUB["url"])
    absent = {"name": "second", "type": "quay", "url": "https://q.example.com", "credentialsSecretRef": {"name": "no"}}
    third = {"name": "third", "type": "quay", "url": "https://q.example.com"}
    outcome = await fixture.reconcile(HUB, absent, third)
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.ENDPOINT_REFUSED
    assert "`spec.registries[1].credentialsSecretRef`" in outcome.message
    assert fixture.harbor.writes == ["create third"]


async def test_an_endpoint_that_leaves_the_spec_stays(fixture: RegistryFixture) -> None:
    await fixture.reconcile(HUB, {"name": "second", "type": "quay", "url": "https://q.example.com"})
    await fixture.reconcile(HUB)
    assert fixture.harbor.registries.keys() == {"hub", "second"}
