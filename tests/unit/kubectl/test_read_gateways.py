"""The route and the Gateways of a registry, with the rights of the user."""

from __future__ import annotations

from typing import cast

import pytest

from harbor_operator.kubectl.cluster import Cluster
from harbor_operator.kubectl.errors import RequestError
from harbor_operator.kubectl.read_gateways import ReadGateways
from harbor_operator.model.gateway import GatewayRef, ObservedRoute, RouteParent
from harbor_operator.ports import Refused
from tests.unit.kubectl.test_dry_run import ClusterWith


async def test_a_route_and_its_gateway_are_read_with_the_rights_of_the_user() -> None:
    base = "/apis/gateway.networking.k8s.io/v1/namespaces"
    condition = {"type": "Programmed", "status": "True", "reason": "Programmed"}
    route = {"metadata": {"name": "r", "namespace": "intra"}, "status": {"parents": [{"parentRef": {"name": "g"}}]}}
    objects = {
        f"{base}/intra/httproutes": {"items": [route]},
        f"{base}/networking/gateways/g": {"metadata": {"name": "g"}, "status": {"conditions": [condition]}},
        f"{base}/networking/gateways/denied": RequestError(403, "no"),
    }
    api = ReadGateways(cast("Cluster", ClusterWith(objects)))
    assert await api.read_routes("intra", "a=b") == [
        ObservedRoute("r", (RouteParent(GatewayRef("intra", "g"), "", {}),))
    ]
    assert await api.read_routes("other", "a=b") == []
    found = await api.read_gateway(GatewayRef("networking", "g"))
    assert found
    assert found.conditions["Programmed"].is_current
    assert await api.read_gateway(GatewayRef("networking", "absent")) is None
    with pytest.raises(Refused):
        await api.read_gateway(GatewayRef("networking", "denied"))
