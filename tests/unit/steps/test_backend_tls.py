"""BackendTLSPolicies for a route with internal TLS: when they exist, and what is said where they cannot."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from harbor_operator.model.outcomes import Done, Outcome, Pending
from harbor_operator.plan import names
from harbor_operator.plan.backend_tls import CONFIG_MAP, POLICIES
from harbor_operator.reasons import Reason
from harbor_operator.steps.backend_tls import BackendTlsReleaseStep
from tests.fakes.owned_objects import FakeOwnedObjects
from tests.fakes.release import NAMESPACE
from tests.fakes.release_fixture import READY, ReleaseFixture

ROUTE = {"type": "route", "parentRefs": [{"name": "public"}]}
SERVED, ALPHA = POLICIES
MESSAGE = "Referenced ConfigMap is not found"


class PolicyFixture(ReleaseFixture):
    """A release that is exposed by a route, with internal TLS."""

    def __init__(self) -> None:
        super().__init__()
        self.objects = FakeOwnedObjects(SERVED, CONFIG_MAP)
        self.checked = BackendTlsReleaseStep(self.step, self.kube, self.objects)
        self.spec(expose=ROUTE, internalTLS={})

    async def run(self) -> Outcome:
        return await self.checked.reconcile(self.registry)

    async def settled(self) -> Outcome:
        await self.run()
        self.finish()
        self.workloads(*READY)
        return await self.run()

    def names(self) -> set[str]:
        return {name for _, _, name in self.objects.objects}


@pytest.fixture
def cr() -> PolicyFixture:
    return PolicyFixture()


def warnings(outcome: Outcome) -> list[str]:
    return [each.message for each in outcome.warnings if each.code is Reason.BACKEND_TLS_MISSING]


async def test_core_and_the_portal_have_a_policy_with_the_operators_authority(cr: PolicyFixture) -> None:
    assert isinstance(await cr.settled(), Done)
    authority = cr.objects.objects["ConfigMap", NAMESPACE, "hreg-cr-backend-tls-ca"]
    stored = cr.kube.values(NAMESPACE, names.internal_tls_secret(cr.registry, "core"))
    assert authority["data"] == {"ca.crt": stored["ca.crt"]}
    for component in ("core", "portal"):
        spec = cr.objects.objects["BackendTLSPolicy", NAMESPACE, f"hreg-cr-backend-tls-{component}"]["spec"]
        assert [each["name"] for each in spec["targetRefs"]] == [f"cr-harbor-{component}"]
        assert spec["validation"]["hostname"] == f"cr-harbor-{component}.{NAMESPACE}.svc"
        assert spec["validation"]["caCertificateRefs"][0]["name"] == "hreg-cr-backend-tls-ca"
    cr.objects.writes.clear()
    outcome = await cr.run()
    assert warnings(outcome) == []
    assert cr.objects.writes == []


async def test_the_policy_follows_the_names_of_the_services(cr: PolicyFixture) -> None:
    values = {"fullnameOverride": "images"}
    cr.spec(expose=ROUTE, internalTLS={}, release={"version": "1.19.1", "values": values})
    await cr.settled()
    spec = cr.objects.objects["BackendTLSPolicy", NAMESPACE, "hreg-cr-backend-tls-core"]["spec"]
    assert spec["targetRefs"][0]["name"] == "images-core"


async def test_a_new_authority_reaches_the_gateway(cr: PolicyFixture) -> None:
    await cr.settled()
    core = names.internal_tls_secret(cr.registry, "core")
    del cr.kube.secrets[NAMESPACE, names.internal_tls_authority(cr.registry)]
    await cr.run()
    authority = cr.objects.objects["ConfigMap", NAMESPACE, "hreg-cr-backend-tls-ca"]
    assert authority["data"]["ca.crt"] == cr.kube.values(NAMESPACE, core)["ca.crt"]


async def test_an_earlier_gateway_api_has_the_alpha_version(cr: PolicyFixture) -> None:
    cr.objects.served = {ALPHA, CONFIG_MAP}
    assert warnings(await cr.settled()) == []
    assert len(cr.names()) == 3


async def test_without_the_policy_in_the_cluster_a_warning_says_so(cr: PolicyFixture) -> None:
    cr.objects.served = {CONFIG_MAP}
    outcome = await cr.settled()
    assert isinstance(outcome, Done)
    assert "has no BackendTLSPolicy in version v1 or v1alpha3" in warnings(outcome)[0]
    assert cr.names() == set()


async def test_without_the_right_a_warning_names_the_role(cr: PolicyFixture) -> None:
    cr.objects.forbidden = {SERVED}
    (warning,) = warnings(await cr.settled())
    assert "--clusterrole=harbor-operator-backend-tls" in warning
    assert isinstance(await torn_down(cr), Done)


async def test_what_a_controller_objects_to_is_a_warning(cr: PolicyFixture) -> None:
    await cr.settled()
    condition = {"type": "ResolvedRefs", "status": "False", "reason": "InvalidCACertificateRef", "message": MESSAGE}
    key = ("BackendTLSPolicy", NAMESPACE, "hreg-cr-backend-tls-core")
    policy = copy.deepcopy(cr.objects.objects[key])
    cr.objects.put(SERVED, {**policy, "status": {"ancestors": [{"conditions": [condition]}]}})
    (warning,) = warnings(await cr.run())
    assert f"`ResolvedRefs` is False (InvalidCACertificateRef: {MESSAGE})" in warning


async def test_what_a_controller_reported_about_an_earlier_policy_is_no_warning(cr: PolicyFixture) -> None:
    await cr.settled()
    condition = {"type": "Accepted", "status": "False", "reason": "Conflicted", "message": "", "observedGeneration": 1}
    policy = copy.deepcopy(cr.objects.objects["BackendTLSPolicy", NAMESPACE, "hreg-cr-backend-tls-core"])
    policy["metadata"]["generation"] = 2
    cr.objects.put(SERVED, {**policy, "status": {"ancestors": [{"conditions": [condition]}]}})
    assert warnings(await cr.run()) == []


@pytest.mark.parametrize(
    "spec", [{"expose": ROUTE}, {"expose": ROUTE, "internalTLS": {"enabled": False}}], ids=["absent", "disabled"]
)
async def test_without_internal_tls_the_policies_are_removed(cr: PolicyFixture, spec: dict[str, Any]) -> None:
    await cr.settled()
    assert len(cr.names()) == 3
    cr.spec(**spec)
    await cr.run()
    assert cr.names() == set()


async def test_another_way_to_expose_harbor_needs_none(cr: PolicyFixture) -> None:
    cr.spec(expose={"type": "ingress"}, internalTLS={})
    cr.objects.forbidden = {SERVED, CONFIG_MAP}
    assert warnings(await cr.settled()) == []


async def test_a_policy_of_another_owner_is_left_alone(cr: PolicyFixture) -> None:
    metadata = {"name": "hreg-cr-backend-tls-core", "namespace": NAMESPACE}
    cr.objects.put(SERVED, {"metadata": metadata, "spec": {"targetRefs": []}})
    (warning,) = warnings(await cr.settled())
    assert "exists but was not created for this registry" in warning
    await torn_down(cr)
    assert cr.names() == {"hreg-cr-backend-tls-core"}


@pytest.mark.parametrize("policy", ["Delete", "Retain"])
async def test_a_deletion_removes_the_policies_unless_the_release_stays(cr: PolicyFixture, policy: str) -> None:
    await cr.settled()
    cr.spec(expose=ROUTE, internalTLS={}, deletionPolicy={"release": policy})
    await torn_down(cr)
    assert bool(cr.names()) is (policy == "Retain")


async def torn_down(cr: PolicyFixture) -> Outcome:
    for _ in range(5):
        outcome = await cr.checked.teardown(cr.registry)
        if not isinstance(outcome, Pending):
            return outcome
        if cr.helm.running(NAMESPACE, "cr"):
            cr.finish()
            cr.workloads()
    raise AssertionError("the release is still there")
