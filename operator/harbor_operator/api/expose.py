"""How the chart exposes Harbor to clients."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from harbor_operator.api.base import Model, ObjectName
from harbor_operator.api.rule import Rule

MAX_PARENTS = 32
"""The maximum of an HTTPRoute."""

INGRESS = "ingress"
ROUTE = "route"
ROUTE_MESSAGE = "type 'route' needs `parentRefs`, the Gateways that serve Harbor, and no other type takes them"
INGRESS_CLASS_MESSAGE = "`ingressClassName` is for type 'ingress' only"
ROUTE_CERTIFICATE_MESSAGE = "`tlsSecretName` is not for type 'route': the listener of the Gateway names the certificate"
_IS_ROUTE = f"has(self.type) && self.type == '{ROUTE}'"

RULES = (
    Rule(
        f"!has(self.ingressClassName) || self.ingressClassName == '' || !has(self.type) || self.type == '{INGRESS}'",
        INGRESS_CLASS_MESSAGE,
    ),
    Rule(f"({_IS_ROUTE}) == (has(self.parentRefs) && size(self.parentRefs) > 0)", ROUTE_MESSAGE),
    Rule(f"!({_IS_ROUTE}) || !has(self.tlsSecretName) || self.tlsSecretName == ''", ROUTE_CERTIFICATE_MESSAGE),
)


class ParentRef(Model):
    """Reference to a Gateway, or to one of its listeners."""

    name: ObjectName = Field(description="Name of the Gateway.")
    namespace: Annotated[str, Field(max_length=63, pattern=r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$")] = Field(
        default="", description="Namespace of the Gateway; empty = that of the HarborRegistry."
    )
    section_name: Annotated[str, Field(max_length=253, pattern=r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$")] = Field(
        default="", description="Name of the listener; empty = every listener that accepts the route."
    )


class Expose(Model):
    """How the chart exposes Harbor."""

    type: Literal["ingress", "clusterIP", "nodePort", "loadBalancer", "route"] = Field(
        default="ingress",
        description="Value of `expose.type` of the chart; `route` = HTTPRoute of the Gateway API, from chart 1.18 on.",
    )
    ingress_class_name: str = Field(default="", description="IngressClass, for type ingress only.")
    tls_secret_name: str = Field(
        default="",
        description="Secret with the certificate of `externalURL`; empty = TLS terminates in front of the cluster.",
    )
    parent_refs: Annotated[list[ParentRef], Field(max_length=MAX_PARENTS)] = Field(
        default_factory=list, description="Gateways that serve Harbor, for type route only."
    )

    @model_validator(mode="after")
    def _fields_fit_the_type(self) -> Expose:
        if (self.type == ROUTE) != bool(self.parent_refs):
            raise ValueError(ROUTE_MESSAGE)
        if self.ingress_class_name and self.type != INGRESS:
            raise ValueError(INGRESS_CLASS_MESSAGE)
        if self.type == ROUTE and self.tls_secret_name:
            raise ValueError(ROUTE_CERTIFICATE_MESSAGE)
        return self
