"""GatewayApi on the Kubernetes API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from typing_extensions import override

from harbor_operator.adapters.kube_api import ApiError, ApiRequest, Manifest, NotFound, ResourceRef
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.model.gateway import GatewayCondition, GatewayRef, ObservedGateway, ObservedRoute, RouteParent
from harbor_operator.ports import Unavailable
from harbor_operator.ports.gateway import GatewayApi

API_VERSION = "gateway.networking.k8s.io/v1"
MAX_ROUTES = 20
"""A release has one; more of them would have been labelled by another client."""


class KubernetesGatewayApi(GatewayApi):
    """Reads through one client of the Kubernetes API."""

    def __init__(self, client: KubernetesClient) -> None:
        self._client = client

    @override
    async def read_routes(self, namespace: str, label_selector: str) -> list[ObservedRoute]:
        ref = ResourceRef(API_VERSION, "httproutes", namespace)
        params = {"labelSelector": label_selector, "limit": str(MAX_ROUTES)}
        found = await self._read(ApiRequest("list", ref, params))
        return [observed_route(item) for item in (found or {}).get("items") or []]

    @override
    async def read_gateway(self, ref: GatewayRef) -> ObservedGateway | None:
        resource = ResourceRef(API_VERSION, "gateways", ref.namespace, ref.name)
        found = await self._read(ApiRequest("get", resource))
        return observed_gateway(found) if found else None

    async def _read(self, request: ApiRequest) -> Manifest | None:
        answer = await self._client.send_plain(request)
        if isinstance(answer, NotFound):
            return None
        if isinstance(answer, ApiError):
            raise Unavailable(f"the API server does not return {request.ref.describe()}: {answer.message}")
        return answer


def observed_gateway(item: Manifest) -> ObservedGateway:
    """Returns the part of a Gateway that the operator uses."""
    listeners = {
        listener["name"]: _conditions(item, listener.get("conditions") or ())
        for listener in _status(item).get("listeners") or ()
    }
    return ObservedGateway(_conditions(item, _status(item).get("conditions") or ()), listeners)


def observed_route(item: Manifest) -> ObservedRoute:
    """Returns the part of an HTTPRoute that the operator uses; a parent without a namespace is in the route's."""
    namespace = item["metadata"]["namespace"]
    parents = []
    for parent in _status(item).get("parents") or ():
        ref = parent["parentRef"]
        gateway = GatewayRef(ref.get("namespace") or namespace, ref["name"])
        conditions = _conditions(item, parent.get("conditions") or ())
        parents.append(RouteParent(gateway, ref.get("sectionName") or "", conditions))
    return ObservedRoute(item["metadata"]["name"], tuple(parents))


def _status(item: Manifest) -> Mapping[str, Any]:
    return item.get("status") or {}


def _conditions(item: Manifest, conditions: Iterable[Mapping[str, Any]]) -> dict[str, GatewayCondition]:
    generation = item["metadata"].get("generation", 0)
    return {
        condition["type"]: GatewayCondition(
            condition["status"],
            condition.get("reason") or "",
            condition.get("message") or "",
            condition.get("observedGeneration", generation) >= generation,
        )
        for condition in conditions
    }
