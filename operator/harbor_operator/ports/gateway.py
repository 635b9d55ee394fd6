"""HTTPRoutes and Gateways of the Gateway API, read only."""

from __future__ import annotations

from typing import Protocol

from harbor_operator.model.gateway import GatewayRef, ObservedGateway, ObservedRoute


class GatewayApi(Protocol):
    """The resources of gateway.networking.k8s.io in its version 1.

    Every call has a deadline. Raises Unavailable when the server does not answer, and Refused(RIGHTS_MISSING) on 403.
    """

    async def read_routes(self, namespace: str, label_selector: str) -> list[ObservedRoute]:
        """Returns the HTTPRoutes that match the label selector (`key=value`); none if the API is not installed."""
        ...

    async def read_gateway(self, ref: GatewayRef) -> ObservedGateway | None:
        """Returns the Gateway, or None if there is none."""
        ...
