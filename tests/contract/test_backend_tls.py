"""BackendTLSPolicies on a real API server with the CRD of the Gateway API, under the shipped rights."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import yaml

from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kube_resources import KubernetesNamespaceResources
from harbor_operator.adapters.kubeconfig import from_kubeconfig
from harbor_operator.adapters.owned_objects import KubernetesOwnedObjects
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.outcomes import ConditionType, Done, Outcome
from harbor_operator.plan import names
from harbor_operator.plan.backend_tls import POLICIES
from harbor_operator.reasons import Reason
from harbor_operator.steps.backend_tls import BackendTlsReleaseStep
from lab.controlplane import ControlPlane
from lab.crds import GATEWAY_MODULE, GATEWAY_PINS, install_crds
from lab.operator import NAMESPACE as OPERATOR
from lab.process import wait_until
from lab.registries import Registry
from tests.fakes.release import NAMESPACE, registry

pytestmark = pytest.mark.lab

COMPONENT = Path(__file__).parents[2] / "deploy" / "components" / "gateway-api" / "rbac.yaml"
ROLE = "harbor-operator-backend-tls"
CRD = "config/crd/experimental/gateway.networking.k8s.io_backendtlspolicies.yaml"
"""The experimental channel serves `v1` and `v1alpha3`; the fields that the operator sets are the same in both."""
CRD_NAME = "backendtlspolicies.gateway.networking.k8s.io"
CREATED = {"hreg-cr-backend-tls-core", "hreg-cr-backend-tls-portal", "hreg-cr-backend-tls-ca"}


class DeployedRelease:
    """A release step whose release is deployed, and which removes nothing."""

    condition_type = ConditionType.RELEASE
    depends_on: tuple[ConditionType, ...] = ()

    async def reconcile(self, registry: HarborRegistry) -> Outcome:
        return Done(f"release of {registry.key}")

    async def teardown(self, registry: HarborRegistry) -> Outcome:
        return Done(f"release of {registry.key} is gone")


class PolicyFixture:
    """A registry with a route and internal TLS, whose certificates exist."""

    def __init__(self, plane: ControlPlane, client: KubernetesClient) -> None:
        self.plane = plane
        kube, objects = KubernetesNamespaceResources(client), KubernetesOwnedObjects(client)
        self.step = BackendTlsReleaseStep(DeployedRelease(), kube, objects)
        self.objects = objects
        self.registry = registry(expose={"type": "route", "parentRefs": [{"name": "public"}]}, internalTLS={})

    def versions(self, api: str = "v1") -> dict[str, str]:
        """The versions of the operator's ConfigMap and policies, by name.

        Without kubectl, which remembers for hours which versions are served.
        """
        policies = f"/apis/gateway.networking.k8s.io/{api}/namespaces/{NAMESPACE}/backendtlspolicies"
        found = [f"/api/v1/namespaces/{NAMESPACE}/configmaps", policies]
        listed = [self.plane.client.read(f"{path}?labelSelector={names.REGISTRY_NAME}%3Dcr") for path in found]
        items = [item for each in listed for item in (each or {})["items"]]
        return {item["metadata"]["name"]: item["metadata"]["resourceVersion"] for item in items}

    def serve(self, version: str, *, served: bool) -> None:
        """Has the API server serve a version of the policy, or not."""
        crd = json.loads(self.plane.kubectl("get", "crd", CRD_NAME, "-o", "json"))
        versions = [{**each, "served": served} if each["name"] == version else each for each in crd["spec"]["versions"]]
        patch = json.dumps({"spec": {"versions": versions}})
        self.plane.kubectl("patch", "crd", CRD_NAME, "--type=merge", "-p", patch)
        path = f"/apis/gateway.networking.k8s.io/{version}"

        def is_as_desired() -> bool:
            found = self.plane.client.read(path) or {"resources": []}
            return ("backendtlspolicies" in [each["name"] for each in found["resources"]]) is served

        wait_until(is_as_desired, f"version {version} is served: {served}", deadline=30)


@pytest.fixture
def prepared(plane: ControlPlane) -> Iterator[ControlPlane]:
    Registry(plane, NAMESPACE, "cr").prepare()
    install_crds(plane, GATEWAY_PINS, GATEWAY_MODULE, CRD)
    for role in yaml.safe_load_all(COMPONENT.read_text()):
        plane.apply(role)
    labels = names.owner_labels(registry())
    metadata = {"name": "hreg-cr-internal-tls-core", "namespace": NAMESPACE, "labels": labels}
    data = {"tls.crt": "CERTIFICATE", "tls.key": "KEY", "ca.crt": "AUTHORITY"}
    plane.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data})
    yield plane
    plane.kubectl("-n", NAMESPACE, "delete", "rolebinding", ROLE, "--ignore-not-found")
    plane.kubectl("-n", NAMESPACE, "delete", "secret,configmap", "-l", f"{names.REGISTRY_NAME}=cr")
    plane.kubectl("delete", "crd", CRD_NAME, "--ignore-not-found")


@pytest.fixture
async def cr(prepared: ControlPlane) -> AsyncIterator[PolicyFixture]:
    connection = from_kubeconfig(prepared.kubeconfig_for_service_account(OPERATOR, OPERATOR))
    async with KubernetesClient(connection) as client:
        yield PolicyFixture(prepared, client)


def bind(cr: PolicyFixture) -> None:
    arguments = (f"--clusterrole={ROLE}", f"--serviceaccount={OPERATOR}:{OPERATOR}")
    cr.plane.kubectl("-n", NAMESPACE, "create", "rolebinding", ROLE, *arguments)


async def test_the_policies_are_created_once_and_removed_with_the_registry(cr: PolicyFixture) -> None:
    bind(cr)
    assert (await cr.step.reconcile(cr.registry)).warnings == ()
    before = cr.versions()
    assert before.keys() == CREATED
    policy = await cr.objects.read(POLICIES[0], NAMESPACE, "hreg-cr-backend-tls-core")
    assert policy
    assert policy["spec"]["validation"]["hostname"] == f"cr-harbor-core.{NAMESPACE}.svc"
    await cr.step.reconcile(cr.registry)
    assert cr.versions() == before

    cr.plane.kubectl(
        *("-n", NAMESPACE, "patch", "backendtlspolicy", "hreg-cr-backend-tls-core", "--type=merge"),
        *("-p", json.dumps({"spec": {"validation": {"hostname": "other.example.com"}}})),
    )
    await cr.step.reconcile(cr.registry)
    repaired = await cr.objects.read(POLICIES[0], NAMESPACE, "hreg-cr-backend-tls-core")
    assert repaired
    assert repaired["spec"] == policy["spec"]

    assert isinstance(await cr.step.teardown(cr.registry), Done)
    assert cr.versions() == {}


async def test_an_earlier_gateway_api_serves_the_alpha_version(cr: PolicyFixture) -> None:
    bind(cr)
    cr.serve("v1", served=False)
    assert (await cr.step.reconcile(cr.registry)).warnings == ()
    assert cr.versions("v1alpha3").keys() == CREATED
    cr.serve("v1", served=True)


async def test_without_the_policy_in_the_cluster_a_warning_says_so(cr: PolicyFixture) -> None:
    bind(cr)
    cr.plane.kubectl("delete", "crd", CRD_NAME)
    outcome = await cr.step.reconcile(cr.registry)
    assert isinstance(outcome, Done)
    assert [each.code for each in outcome.warnings] == [Reason.BACKEND_TLS_MISSING]
    assert "has no BackendTLSPolicy" in outcome.warnings[0].message


async def test_without_the_optional_role_a_warning_names_it(cr: PolicyFixture) -> None:
    outcome = await cr.step.reconcile(cr.registry)
    assert isinstance(outcome, Done)
    assert f"--clusterrole={ROLE} --serviceaccount={OPERATOR}:{OPERATOR}`" in outcome.warnings[0].message
    assert isinstance(await cr.step.teardown(cr.registry), Done)
