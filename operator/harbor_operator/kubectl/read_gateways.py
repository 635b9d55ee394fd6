"""The route and the Gateways of a registry as `doctor` reads them."""

from __future__ import annotations

from typing_extensions import override

from harbor_operator.adapters.gateway import API_VERSION, observed_gateway, observed_route
from harbor_operator.kubectl.cluster import Cluster
from harbor_operator.kubectl.dry_run import find_object
from harbor_operator.model.gateway import GatewayRef, ObservedGateway, ObservedRoute
from harbor_operator.ports.gateway import GatewayApi


class ReadGateways(GatewayApi):
    """HTTPRoutes and Gateways with the rights of the user."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    @override
    async def read_routes(self, namespace: str, label_selector: str) -> list[ObservedRoute]:
        path = f"/apis/{API_VERSION}/namespaces/{namespace}/httproutes"
        found = await find_object(self._cluster, path, labelSelector=label_selector)
        return [observed_route(item) for item in (found or {}).get("items") or []]

    @override
    async def read_gateway(self, ref: GatewayRef) -> ObservedGateway | None:
        found = await find_object(self._cluster, f"/apis/{API_VERSION}/namespaces/{ref.namespace}/gateways/{ref.name}")
        return observed_gateway(found) if found else None
