"""The API server assigns the operator's requests to the priority levels of deploy/components/flow-control."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from harbor_operator.settings import Settings
from lab.controlplane import ControlPlane
from lab.kubernetes_client import KubernetesClient
from lab.operator import NAMESPACE
from lab.process import wait_until
from lab.registry_fixture import ROOT

pytestmark = pytest.mark.lab

LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/{Settings().lease_name}"
LEVELS = "/apis/flowcontrol.apiserver.k8s.io/v1"


@pytest.fixture(scope="module")
def component(plane: ControlPlane) -> Iterator[None]:
    folder = str(ROOT / "deploy" / "components" / "flow-control")
    plane.kubectl("apply", "--server-side", "-k", folder)
    yield
    plane.kubectl("delete", "-k", folder)


def assigned(plane: ControlPlane, path: str, account: str) -> tuple[str, str]:
    """Returns the FlowSchema and the priority level by which the API server handles a GET of a service account."""
    token = KubernetesClient(plane.kubeconfig_for_service_account(NAMESPACE, account)).token
    request = urllib.request.Request(plane.url + path, headers={"Authorization": f"Bearer {token}"})  # noqa: S310 - always https
    trust = ssl.create_default_context(cafile=plane.ca_path)
    try:
        with urllib.request.urlopen(request, timeout=10, context=trust) as answer:  # noqa: S310 - always https
            headers = answer.headers
    except urllib.error.HTTPError as error:
        error.close()
        headers = error.headers  # the level is chosen before the authorization
    schema, level = (headers[f"X-Kubernetes-PF-{kind}-UID"] for kind in ("FlowSchema", "PriorityLevel"))
    return name_of(plane, "flowschemas", schema), name_of(plane, "prioritylevelconfigurations", level)


def name_of(plane: ControlPlane, kind: str, uid: str) -> str:
    found = [item["metadata"] for item in plane.client.items(f"{LEVELS}/{kind}")]
    return next((metadata["name"] for metadata in found if metadata["uid"] == uid), "unknown")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (LEASE, ("harbor-operator-leader-election", "leader-election")),
        ("/api/v1/namespaces", ("harbor-operator", "harbor-operator")),
        ("/api/v1/namespaces/default/secrets/harbor-pull", ("harbor-operator", "harbor-operator")),
    ],
)
def test_the_lease_uses_the_level_of_leader_election_and_all_else_an_own_level(
    plane: ControlPlane, component: None, path: str, expected: tuple[str, str]
) -> None:
    account = "harbor-operator"
    wait_until(lambda: assigned(plane, path, account) == expected, "the FlowSchemas are in use", deadline=30)


def test_other_accounts_of_the_namespace_keep_their_level(plane: ControlPlane, component: None) -> None:
    assert assigned(plane, LEASE, "default") == ("service-accounts", "workload-low")
