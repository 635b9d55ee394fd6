"""The identity of the cluster from a real API server, under the shipped rights."""

from __future__ import annotations

import pytest

from harbor_operator.adapters.cluster_identity import KubernetesClusterIdentity
from harbor_operator.adapters.kube_client import ClientOptions, KubernetesClient
from harbor_operator.adapters.kubeconfig import from_kubeconfig
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from lab.controlplane import ControlPlane
from lab.operator import NAMESPACE


async def test_the_identity_is_the_uid_of_kube_system_and_is_read_once(
    plane: ControlPlane, http: KubernetesClient
) -> None:
    """Findings D4, D6, F1."""
    namespace = await http.request("GET", "/api/v1/namespaces/kube-system")
    assert isinstance(namespace, dict)
    requests: list[str] = []
    connection = from_kubeconfig(plane.kubeconfig_for_service_account(NAMESPACE, NAMESPACE))
    options = ClientOptions(count=lambda verb, resource, code: requests.append(f"{verb} {resource} {code}"))
    async with KubernetesClient(connection, options) as shipped:
        identity = KubernetesClusterIdentity(shipped)
        assert [await identity.read_cluster_id(), await identity.read_cluster_id()] == [
            namespace["metadata"]["uid"]
        ] * 2
    assert len(requests) == 1


async def test_a_configured_identity_needs_no_request(http: KubernetesClient) -> None:
    assert await KubernetesClusterIdentity(http, "west").read_cluster_id() == "west"


async def test_the_right_covers_no_other_namespace(plane: ControlPlane) -> None:
    connection = from_kubeconfig(plane.kubeconfig_for_service_account(NAMESPACE, NAMESPACE))
    async with KubernetesClient(connection) as shipped:
        with pytest.raises(Refused) as refused:
            await shipped.request("GET", "/api/v1/namespaces/default")
    assert refused.value.reason is Reason.RIGHTS_MISSING
