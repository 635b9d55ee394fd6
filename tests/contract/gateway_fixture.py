"""The step in front of a release with a route, on a real API server with the Gateway API and under the shipped rights.

A test module imports the fixtures `prepared`, `networking` and `site` under the names of the functions here.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from harbor_operator.adapters.gateway import KubernetesGatewayApi
from harbor_operator.adapters.helm import HelmSettings, SubprocessHelm
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kube_resources import KubernetesNamespaceResources
from harbor_operator.adapters.kubeconfig import from_kubeconfig
from harbor_operator.adapters.service_account_tokens import KubernetesReleaseIdentity
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.chart_sources import ChartSources
from harbor_operator.model.gateway import GatewayRef
from harbor_operator.model.outcomes import Outcome
from harbor_operator.steps.gateway import GatewayCheckedReachabilityStep
from harbor_operator.steps.reachability import ReachabilityStep
from lab.controlplane import ControlPlane
from lab.crds import install_gateway_api, remove_gateway_api
from lab.gotools import program
from lab.operator import NAMESPACE as OPERATOR
from lab.registries import Registry
from lab.traefik import listener, put_gateway
from tests.contract.helm_fixture import ReleaseOnClusterFixture, ended, now, reset_secrets, write_chart
from tests.fakes.harbor import FakeHarbor
from tests.fakes.image_proof import FakeImageProof
from tests.fakes.kube import FakeKube
from tests.fakes.release import NAMESPACE, registry

ROOT = Path(__file__).parents[2]
COMPONENT = ROOT / "deploy" / "components" / "gateway-api" / "rbac.yaml"
PUBLIC = GatewayRef("t-networking", "public")
EXPOSE: dict[str, Any] = {
    "type": "route",
    "parentRefs": [{"name": PUBLIC.name, "namespace": PUBLIC.namespace, "sectionName": "https"}],
}
ROUTE_CHART = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: {{ .Release.Name }}-route
  labels: {{ toJson .Values.expose.route.labels }}
spec:
  parentRefs: {{ toJson .Values.expose.route.parentRefs }}
  hostnames: {{ toJson .Values.expose.route.hosts }}
"""
HARBOR_CHART = os.environ.get("HARBOR_CHART", "")
OPERATOR_ACCOUNT = f"{OPERATOR}:{OPERATOR}"
RELEASE_ACCOUNT = f"{NAMESPACE}:harbor-release"


class GatewayFixture:
    """A cluster with the Gateway API, in which the test is the controller; nothing is bound to the operator yet."""

    def __init__(
        self, plane: ControlPlane, client: KubernetesClient, site: ReleaseOnClusterFixture, chart: str
    ) -> None:
        self.plane = plane
        self.site = site
        self.chart = chart
        self.api = KubernetesGatewayApi(client)

    def registry(self) -> HarborRegistry:
        return registry(expose=EXPOSE, release={"version": "1.19.1", "chart": self.chart})

    def bind(self, role: str, account: str, *namespaces: str) -> None:
        for namespace in namespaces:
            arguments = ("-n", namespace, f"--clusterrole={role}", f"--serviceaccount={account}")
            self.plane.kubectl("create", "rolebinding", role, *arguments)

    def bind_view(self) -> None:
        """Lets the operator read the route, and the Gateway in its namespace."""
        self.bind("harbor-operator-gateway-api-view", OPERATOR_ACCOUNT, NAMESPACE)
        self.bind_gateway_view()

    def bind_gateway_view(self) -> None:
        self.bind("harbor-operator-gateway-view", OPERATOR_ACCOUNT, PUBLIC.namespace)

    def unbind_gateway_view(self) -> None:
        self.plane.kubectl("-n", PUBLIC.namespace, "delete", "rolebinding", "harbor-operator-gateway-view")

    def put_gateway(self, *conditions: dict[str, Any]) -> None:
        """Creates the Gateway with what the test reports about it."""
        put_gateway(self.plane, PUBLIC.namespace, PUBLIC.name, listener("https", 443, "cr-tls"))
        self.report("gateway", PUBLIC.namespace, PUBLIC.name, {"conditions": list(conditions)})

    def report_route(self, *conditions: dict[str, Any]) -> None:
        """Writes what the controller of the Gateway reports about the route of the release."""
        (name,) = self.plane.kubectl("-n", NAMESPACE, "get", "httproutes", "-o", "name").split()
        parent = {
            "parentRef": EXPOSE["parentRefs"][0],
            "controllerName": "example.com/lab",
            "conditions": list(conditions),
        }
        self.report("httproute", NAMESPACE, name.partition("/")[2], {"parents": [parent]})

    def report(self, kind: str, namespace: str, name: str, status: dict[str, Any]) -> None:
        patch = json.dumps({"status": status})
        self.plane.kubectl("-n", namespace, "patch", kind, name, "--subresource=status", "--type=merge", "-p", patch)

    async def release(self) -> Outcome:
        """One pass of the release step, and the end of the Helm run that it started."""
        outcome = await self.site.step.reconcile(self.registry())
        await ended(self.site.helm, "cr")
        return outcome

    async def reach(self, *, down: bool = False) -> Outcome:
        """One pass of the Reachability step in front of a Harbor that answers, or does not."""
        kube, harbor = FakeKube(), FakeHarbor()
        harbor.down = down
        kube.put(NAMESPACE, "cr-ca", {"ca.crt": "-----BEGIN CERTIFICATE-----\nCR\n-----END CERTIFICATE-----\n"})
        step = ReachabilityStep(kube, harbor, harbor, FakeImageProof(), now)
        return await GatewayCheckedReachabilityStep(step, self.api, now).reconcile(self.registry())


@pytest.fixture(scope="module", autouse=True, name="networking")
def namespace_of_the_gateway(plane: ControlPlane) -> Iterator[None]:
    """The namespace of the Gateway, for all tests: a deleted one accepts nothing until it is gone."""
    plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": PUBLIC.namespace}})
    yield
    remove_gateway_api(plane)
    plane.kubectl("delete", "namespace", PUBLIC.namespace)  # the next module creates it again


@pytest.fixture(name="prepared")
def prepared_cluster(plane: ControlPlane) -> Iterator[ControlPlane]:
    Registry(plane, NAMESPACE, "cr").prepare()
    reset_secrets(plane)
    install_gateway_api(plane)
    plane.kubectl("delete", "gateways,httproutes,gatewayclasses", "--all", "--all-namespaces")
    for role in yaml.safe_load_all(COMPONENT.read_text()):
        plane.apply(role)
    yield plane
    for namespace in (NAMESPACE, PUBLIC.namespace):
        roles = ("gateway-api", "gateway-api-view", "gateway-view")
        names = [f"harbor-operator-{role}" for role in roles]
        plane.kubectl("-n", namespace, "delete", "rolebinding", *names, "--ignore-not-found")


@pytest.fixture(name="site")
async def gateway_site(prepared: ControlPlane, tmp_path: Path) -> AsyncIterator[GatewayFixture]:
    chart = write_chart(tmp_path / "harbor")
    (tmp_path / "harbor" / "templates" / "route.yaml").write_text(ROUTE_CHART)
    connection = from_kubeconfig(prepared.kubeconfig_for_service_account(OPERATOR, OPERATOR))
    sources = ChartSources((), (str(tmp_path), str(Path(HARBOR_CHART).parent)))
    async with KubernetesClient(connection) as client:
        settings = HelmSettings(str(program("helm")), tmp_path / "helm", connection, sources)
        helm = SubprocessHelm(settings, KubernetesReleaseIdentity(client), now)
        made = GatewayFixture(
            prepared, client, ReleaseOnClusterFixture(KubernetesNamespaceResources(client), helm), chart
        )
        yield made
        await made.site.torn_down(made.registry())
        await helm.aclose()
