"""The Gateway API on a real API server, under the shipped rights."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
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
from harbor_operator.model.outcomes import Blocked, Done, Outcome, Pending
from harbor_operator.plan.gateway import route_selector
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from harbor_operator.steps.gateway import GatewayCheckedReachabilityStep
from harbor_operator.steps.reachability import ReachabilityStep
from lab.controlplane import ControlPlane
from lab.gotools import program
from lab.operator import NAMESPACE as OPERATOR
from lab.registries import Registry
from tests.contract.gateway_crds import install_gateway_api, remove_gateway_api
from tests.contract.helm_fixture import ReleaseOnClusterFixture, ended, now, reset_secrets, write_chart
from tests.fakes.harbor import FakeHarbor
from tests.fakes.image_proof import FakeImageProof
from tests.fakes.kube import FakeKube
from tests.fakes.release import NAMESPACE, registry

pytestmark = pytest.mark.lab

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


def condition(kind: str, *, status: str = "True", reason: str = "OK", generation: int = 1) -> dict[str, Any]:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": "as the controller says",
        "observedGeneration": generation,
        "lastTransitionTime": "2026-11-01T12:00:00Z",
    }


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

    def put_gateway(self, *conditions: dict[str, Any]) -> None:
        listener = {"name": "https", "port": 443, "protocol": "HTTPS"}
        spec = {"gatewayClassName": "lab", "listeners": [listener]}
        metadata = {"name": PUBLIC.name, "namespace": PUBLIC.namespace}
        kind = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway"}
        self.plane.apply({**kind, "metadata": metadata, "spec": spec})
        self.report("gateway", PUBLIC.namespace, PUBLIC.name, {"conditions": list(conditions)})

    def report_route(self, *conditions: dict[str, Any]) -> None:
        """Writes what the controller of the Gateway reports about the route of the release."""
        (name,) = self.plane.kubectl("-n", NAMESPACE, "get", "httproutes", "-o", "name").split()
        parent = {"parentRef": EXPOSE["parentRefs"][0], "controllerName": "lab", "conditions": list(conditions)}
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


@pytest.fixture(scope="module", autouse=True)
def networking(plane: ControlPlane) -> Iterator[None]:
    """The namespace of the Gateway, for all tests: a deleted one accepts nothing until it is gone."""
    plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": PUBLIC.namespace}})
    yield
    plane.kubectl("delete", "namespace", PUBLIC.namespace, "--wait=false")


@pytest.fixture
def prepared(plane: ControlPlane) -> Iterator[ControlPlane]:
    Registry(plane, NAMESPACE, "cr").prepare()
    reset_secrets(plane)
    install_gateway_api(plane)
    for role in yaml.safe_load_all(COMPONENT.read_text()):
        plane.apply(role)
    yield plane
    for namespace in (NAMESPACE, PUBLIC.namespace):
        roles = ("gateway-api", "gateway-api-view", "gateway-view")
        names = [f"harbor-operator-{role}" for role in roles]
        plane.kubectl("-n", namespace, "delete", "rolebinding", *names, "--ignore-not-found")
    remove_gateway_api(plane)


@pytest.fixture
async def site(prepared: ControlPlane, tmp_path: Path) -> AsyncIterator[GatewayFixture]:
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


async def test_what_the_operator_has_no_right_to_read_is_refused(site: GatewayFixture) -> None:
    site.put_gateway()
    for reading in (site.api.read_gateway(PUBLIC), site.api.read_routes(NAMESPACE, "a=b")):
        with pytest.raises(Refused) as refused:
            await reading
        assert refused.value.reason is Reason.RIGHTS_MISSING


async def test_a_gateway_is_read_with_the_generation_of_its_conditions(site: GatewayFixture) -> None:
    site.bind_gateway_view()
    assert await site.api.read_gateway(PUBLIC) is None
    site.put_gateway(condition("Programmed"), condition("Accepted", generation=0, status="False", reason="Invalid"))
    observed = await site.api.read_gateway(PUBLIC)
    assert observed
    assert observed.conditions["Programmed"].is_current
    accepted = observed.conditions["Accepted"]
    assert (accepted.status, accepted.reason, accepted.is_current) == ("False", "Invalid", False)
    with pytest.raises(Refused):
        await site.api.read_routes(PUBLIC.namespace, "")


async def test_without_the_gateway_api_there_is_no_route(site: GatewayFixture) -> None:
    site.bind_view()
    remove_gateway_api(site.plane)
    assert await site.api.read_routes(NAMESPACE, route_selector(site.registry())) == []
    assert await site.api.read_gateway(PUBLIC) is None


async def test_helm_needs_the_optional_role_and_the_condition_follows_the_controller(site: GatewayFixture) -> None:
    await site.release()
    failed = await site.release()
    assert failed.reason is Reason.RIGHTS_MISSING, failed
    assert "--clusterrole=harbor-operator-gateway-api --serviceaccount=" in failed.message
    site.bind("harbor-operator-gateway-api", RELEASE_ACCOUNT, NAMESPACE)
    site.site.late += timedelta(hours=1)
    await site.release()
    assert (await site.site.statuses())[-1] == "deployed"

    unreadable = await site.reach()
    assert isinstance(unreadable, Done), unreadable
    assert "the HTTPRoute in namespace 'intra' could not be checked" in unreadable.message

    site.bind_view()
    missing = await site.reach(down=True)
    assert isinstance(missing, Blocked), missing
    assert "does not exist" in missing.message
    site.put_gateway(condition("Programmed"))
    assert isinstance(await site.reach(down=True), Pending)
    site.report_route(
        condition("Accepted", status="False", reason="NoMatchingListenerHostname"), condition("ResolvedRefs")
    )
    refused = await site.reach(down=True)
    assert isinstance(refused, Blocked), refused
    assert refused.reason is Reason.ROUTE_NOT_ACCEPTED
    assert [warning.code for warning in (await site.reach()).warnings] == [Reason.ROUTE_NOT_ACCEPTED]
    site.report_route(condition("Accepted"), condition("ResolvedRefs"))
    accepted = await site.reach()
    assert isinstance(accepted, Done), accepted
    assert accepted.warnings == ()
    assert "could not be checked" not in accepted.message


@pytest.mark.skipif(not HARBOR_CHART, reason="the official chart is not here (HARBOR_CHART)")
async def test_the_route_of_the_official_chart_is_accepted_and_found(site: GatewayFixture) -> None:
    """A strict write: the API server refuses a field that the Gateway API does not have."""
    site.chart = HARBOR_CHART
    site.bind("harbor-operator-gateway-api", RELEASE_ACCOUNT, NAMESPACE)
    site.bind_view()
    await site.release()
    assert (await site.site.statuses())[-1] == "deployed"
    (route,) = await site.api.read_routes(NAMESPACE, route_selector(site.registry()))
    live = json.loads(site.plane.kubectl("-n", NAMESPACE, "get", "httproute", route.name, "-o", "json"))
    assert live["spec"]["hostnames"] == ["cr.example.com"]
    assert live["spec"]["parentRefs"] == EXPOSE["parentRefs"]
    paths = {match["path"]["value"] for rule in live["spec"]["rules"] for match in rule["matches"]}
    assert {"/v2/", "/service/", "/api/", "/"} <= paths
    written = {"apiVersion": live["apiVersion"], "kind": "HTTPRoute", "spec": live["spec"]}
    metadata = {"name": "strict", "namespace": NAMESPACE}
    site.plane.kubectl(
        *("create", "--dry-run=server", "--validate=strict", "-f", "-"),
        input=json.dumps({**written, "metadata": metadata}),
    )
