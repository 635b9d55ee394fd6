"""TLS between the processes of Harbor."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from harbor_operator.api.base import Model, ObjectName
from harbor_operator.api.rule import Rule

RELEASE_MESSAGE = "`internalTLS` needs `release`: the certificates are for the pods of the chart"
RELEASE_RULE = Rule("!has(self.internalTLS) || has(self.release)", RELEASE_MESSAGE)

CERT_MANAGER_GROUP = "cert-manager.io"
CERT_MANAGER_KINDS = ("Issuer", "ClusterIssuer")
ISSUER_KIND_MESSAGE = "`kind` is 'Issuer' or 'ClusterIssuer', unless `group` names another API group"
ISSUER_RULES = (
    Rule(
        f"!has(self.kind) || self.kind in {list(CERT_MANAGER_KINDS)}"
        f" || has(self.group) && self.group != '{CERT_MANAGER_GROUP}'",
        ISSUER_KIND_MESSAGE,
    ),
)


class IssuerRef(Model):
    """Reference to an issuer of cert-manager."""

    name: ObjectName = Field(description="Name of the issuer.")
    kind: Annotated[str, Field(max_length=63, pattern=r"^[A-Z][A-Za-z0-9]*$")] = Field(
        default="Issuer", description="Kind of the issuer; an Issuer is in the namespace of the HarborRegistry."
    )
    group: Annotated[str, Field(max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")] = Field(
        default=CERT_MANAGER_GROUP, description="API group of the issuer; another one for an external issuer."
    )

    @model_validator(mode="after")
    def _kind_fits_the_group(self) -> IssuerRef:
        if self.group == CERT_MANAGER_GROUP and self.kind not in CERT_MANAGER_KINDS:
            raise ValueError(ISSUER_KIND_MESSAGE)
        return self


class InternalTls(Model):
    """TLS between the pods of the release, with certificates that are renewed in time."""

    enabled: bool = Field(default=True, description="Whether Harbor's processes talk to each other over TLS.")
    issuer_ref: IssuerRef | None = Field(
        default=None, description="Issuer of cert-manager for the certificates; absent = the operator issues them."
    )
