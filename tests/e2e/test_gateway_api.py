"""A release behind a Gateway: a real controller of the Gateway API serves its route to the operator and to clients."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from lab.crds import install_gateway_api, remove_gateway_api
from lab.images import make_image
from lab.kubernetes_client import Manifest
from lab.lab import Lab
from lab.operator import NAMESPACE as OPERATOR
from lab.process import LabError, free_port, wait_until
from lab.registries import Registry
from lab.registry_fixture import RegistryFixture
from lab.traefik import Traefik, listener, put_class, put_gateway
from tests.e2e.dedicated import FAST_PROBES
from tests.e2e.queries import remove_namespace
from tests.e2e.running_operator import RunningOperator

pytestmark = pytest.mark.e2e

NAMESPACE, NETWORKING = "t-gateway-api", "t-networking"
GATEWAY = "public"
SECRET = "cr-tls"
PARENT = {"name": GATEWAY, "namespace": NETWORKING, "sectionName": "https"}
COMPONENT = Path(__file__).parents[2] / "deploy" / "components" / "gateway-api" / "rbac.yaml"
OPERATOR_ACCOUNT, RELEASE_ACCOUNT = f"{OPERATOR}:{OPERATOR}", f"{NAMESPACE}:harbor-release"
BINDINGS = (
    (NAMESPACE, "harbor-operator-gateway-api", RELEASE_ACCOUNT),
    (NAMESPACE, "harbor-operator-gateway-api-view", OPERATOR_ACCOUNT),
    (NAMESPACE, "harbor-operator-backend-tls", OPERATOR_ACCOUNT),
    (NETWORKING, "harbor-operator-gateway-view", OPERATOR_ACCOUNT),
)
"""The rights that docs/how-to/gateway-api.md adds."""
WARNINGS = {"GatewayNotProgrammed", "RouteNotAccepted", "BackendTlsMissing"}
FROM_REGISTRY = {
    "namespaces": {"from": "Selector", "selector": {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}}}
}


class RoutedFixture:
    """A registry with a route, and a controller for which there is no class yet."""

    def __init__(self, lab: Lab, traefik: Traefik, fixture: RegistryFixture) -> None:
        self.lab = lab
        self.fixture = fixture
        self.registry = fixture.registry
        self._traefik = traefik

    @property
    def spec(self) -> Manifest:
        kept = {key: value for key, value in self.fixture.spec.items() if key != "pullSecrets"}
        expose = {"type": "route", "parentRefs": [PARENT]}
        changes = {"externalURL": self._traefik.url, "expose": expose, "deletionPolicy": {"database": "Delete"}}
        return {**kept, **changes}

    def put_gateway(self, **fields: Manifest) -> None:
        put_gateway(
            self.lab.control_plane, NETWORKING, GATEWAY, listener("https", self._traefik.port, SECRET, **fields)
        )

    def put_certificate(self) -> None:
        issued = self.lab.authority.issue("gateway-api")
        values = {"tls.crt": issued.cert_path.read_text(), "tls.key": issued.key_path.read_text()}
        Registry(self.lab.control_plane, NETWORKING, "cr").put_secret(SECRET, values)

    def until(self, reason: str, text: str) -> str:
        """Waits until RegistryReachable is not True for this reason and says this, and returns its message."""
        seen: list[str] = []

        def is_said() -> bool:
            found = self.registry.condition("RegistryReachable")
            if found.get("reason") == reason and found["status"] != "True" and text in found["message"]:
                seen.append(found["message"])
            return bool(seen)

        try:
            wait_until(is_said, f"RegistryReachable says '{text}'", deadline=240)
        except LabError as error:
            raise LabError(f"{error}\n{self.registry.describe()}") from None
        return seen[0]

    def policies(self) -> dict[str, list[tuple[str, str]]]:
        """Returns the conditions that the controller reports about each BackendTLSPolicy, as type and status."""
        found = json.loads(self.lab.control_plane.kubectl("-n", NAMESPACE, "get", "backendtlspolicies", "-o", "json"))[
            "items"
        ]
        return {
            item["metadata"]["name"]: [
                (condition["type"], condition["status"])
                for ancestor in item.get("status", {}).get("ancestors", [])
                for condition in ancestor["conditions"]
            ]
            for item in found
        }

    def gateway_warnings(self) -> list[str]:
        """Returns the warnings about the Gateway, its route and its policies."""
        return [each["message"] for each in self.registry.status().get("warnings", []) if each["code"] in WARNINGS]

    def wait_ready(self) -> None:
        """Waits until the registry is ready and nothing is wrong with the Gateway."""
        self.registry.wait_ready()
        wait_until(lambda: not self.gateway_warnings(), "there is no warning about the Gateway", deadline=60)

    def push_and_pull(self, name: str) -> None:
        directory = self.lab.directory / f"gateway-{name}"
        make_image(directory)
        reference = f"{self._traefik.url.removeprefix('https://')}/library/{name}:1"
        login, ca_dir = self.fixture.admin_credential(self._traefik.url), self.lab.authority.ca_dir
        pushed = self.fixture.skopeo.copy_in(directory, reference, authfile=login, ca_dir=ca_dir)
        target = self.lab.directory / f"gateway-{name}-pulled"
        assert self.fixture.skopeo.copy_out(reference, target, authfile=login, ca_dir=ca_dir) == pushed


@pytest.fixture(scope="module")
def routed(lab: Lab, running_operator: RunningOperator) -> Iterator[RoutedFixture]:
    if lab.kubelet is None:
        pytest.skip("KWOK does not run pods; set `HARBOR_LAB_NODE=kubelet`")
    plane = lab.control_plane
    install_gateway_api(plane)
    plane.apply(*yaml.safe_load_all(COMPONENT.read_text()))
    plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NETWORKING}})
    traefik = lab.kubelet.gateway(free_port())
    fixture = RegistryFixture.set_up(lab, NAMESPACE, values=FAST_PROBES)
    for namespace, role, account in BINDINGS:
        arguments = (f"--clusterrole={role}", f"--serviceaccount={account}")
        plane.kubectl("-n", namespace, "create", "rolebinding", role, *arguments)
    yield RoutedFixture(lab, traefik, fixture)
    fixture.registry.delete()
    traefik.stop()
    for namespace in (NAMESPACE, NETWORKING):
        remove_namespace(lab, namespace)
    remove_gateway_api(plane)


def test_the_registry_waits_for_the_controller_and_becomes_ready(routed: RoutedFixture) -> None:
    routed.put_gateway()
    routed.registry.apply(routed.spec)
    waiting = routed.until("GatewayNotProgrammed", "no controller has programmed Gateway")
    assert "check its `gatewayClassName`" in waiting

    put_class(routed.lab.control_plane)
    missing = routed.until("GatewayNotProgrammed", "InvalidCertificateRef")
    assert "create the Secret of the certificate" in missing

    routed.put_certificate()
    refused = routed.until("RouteNotAccepted", "NotAllowedByListeners")
    assert "allow the namespace of the route in `allowedRoutes` of the listener" in refused

    routed.put_gateway(allowedRoutes=FROM_REGISTRY)
    routed.wait_ready()
    assert routed.registry.condition("RegistryReachable")["status"] == "True"


def test_images_pass_through_the_gateway(routed: RoutedFixture) -> None:
    routed.push_and_pull("plain")


def test_with_internal_tls_the_policies_of_the_operator_are_accepted_and_images_pass(routed: RoutedFixture) -> None:
    """Without them the controller would speak TLS to core without trusting its certificate."""
    routed.registry.patch({"internalTLS": {"enabled": True}})
    expected = {f"hreg-cr-backend-tls-{component}" for component in ("core", "portal")}

    def is_accepted() -> bool:
        found = routed.policies()
        return found.keys() == expected and all(("Accepted", "True") in each for each in found.values())

    wait_until(is_accepted, "the controller accepts the policies", deadline=240)
    routed.wait_ready()
    routed.push_and_pull("internal-tls")
