"""The identity of the cluster: the configured one, or else the uid of Namespace `kube-system`."""

from __future__ import annotations

from typing_extensions import override

from harbor_operator.adapters.kube_api import ApiError, ApiRequest, ResourceRef
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.ports import Unavailable
from harbor_operator.ports.cluster_identity import ClusterIdentity

# Every cluster has it, the API server does not let anyone delete it, and its uid is the customary cluster id.
_NAMESPACE = ResourceRef("v1", "namespaces", name="kube-system")


class KubernetesClusterIdentity(ClusterIdentity):
    """Reads the uid once and keeps it; a configured identity needs no request."""

    def __init__(self, client: KubernetesClient, configured: str = "") -> None:
        self._client = client
        self._identity = configured

    @override
    async def read_cluster_id(self) -> str:
        if not self._identity:
            answer = await self._client.send_plain(ApiRequest("get", _NAMESPACE))
            if isinstance(answer, ApiError):
                raise Unavailable(f"the API server does not return {_NAMESPACE.describe()}: {answer.message}")
            self._identity = str(answer["metadata"]["uid"])
        return self._identity
