"""The port GatewayApi in memory, and Gateways and routes as controllers report them."""

from __future__ import annotations

from collections.abc import Mapping

from typing_extensions import override

from harbor_operator.model.gateway import GatewayCondition, GatewayRef, ObservedGateway, ObservedRoute, RouteParent
from harbor_operator.ports import Refused
from harbor_operator.ports.gateway import GatewayApi
from harbor_operator.reasons import Reason

OK = GatewayCondition("True", "OK", "", is_current=True)
GATEWAY = GatewayRef("networking", "public")


def refused(reason: str, message: str = "") -> GatewayCondition:
    return GatewayCondition("False", reason, message, is_current=True)


def outdated(condition: GatewayCondition) -> GatewayCondition:
    return GatewayCondition(condition.status, condition.reason, condition.message, is_current=False)


def parent(
    section: str = "", conditions: Mapping[str, GatewayCondition] | None = None, gateway: GatewayRef = GATEWAY
) -> RouteParent:
    return RouteParent(gateway, section, {"Accepted": OK, "ResolvedRefs": OK, **(conditions or {})})


class FakeGatewayApi(GatewayApi):
    """One route in each namespace, whatever its labels; reading a forbidden namespace fails as on the server."""

    def __init__(self) -> None:
        self.routes: dict[str, ObservedRoute] = {}
        self.gateways: dict[GatewayRef, ObservedGateway] = {}
        self.forbidden: set[str] = set()
        self.selectors: list[str] = []

    def serve(self, *parents: RouteParent, namespace: str = "intra") -> None:
        """Stores a route of these parents."""
        self.routes[namespace] = ObservedRoute("cr-harbor-route", parents)

    def program(
        self,
        ref: GatewayRef = GATEWAY,
        conditions: Mapping[str, GatewayCondition] | None = None,
        **listeners: Mapping[str, GatewayCondition],
    ) -> None:
        """Stores a Gateway with the conditions of its listeners; without conditions, one that is programmed."""
        found = {"Accepted": OK, "Programmed": OK} if conditions is None else conditions
        self.gateways[ref] = ObservedGateway(found, listeners)

    @override
    async def read_routes(self, namespace: str, label_selector: str) -> list[ObservedRoute]:
        self._answer(namespace)
        self.selectors.append(label_selector)
        return [self.routes[namespace]] if namespace in self.routes else []

    @override
    async def read_gateway(self, ref: GatewayRef) -> ObservedGateway | None:
        self._answer(ref.namespace)
        return self.gateways.get(ref)

    def _answer(self, namespace: str) -> None:
        if namespace in self.forbidden:
            raise Refused(Reason.RIGHTS_MISSING, f"must not read in {namespace}")
