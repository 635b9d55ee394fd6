"""The hosts of a pull Secret beside that of `spec.externalURL`: other names of this Harbor, and other registries."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from harbor_operator.api.addresses import ImageHost, each_host_rule, url_rule
from harbor_operator.api.base import CredentialsRef, Model
from harbor_operator.api.rule import Rule

MAX_HOSTS = 20

DISTINCT_MESSAGE = "each host may occur once in `extraHosts` and `additionalCredentials`, in upper or lower case"
_EXTRA = "!has(self.extraHosts)"
_OTHERS = "!has(self.additionalCredentials)"
# Each list has a maximum length in the schema; of a list that is joined here, the API server cannot estimate the cost.
_DISTINCT = (
    f"({_EXTRA} || self.extraHosts.all(host,"
    " self.extraHosts.exists_one(one, one.lowerAscii() == host.lowerAscii())))"
    f" && ({_OTHERS} || self.additionalCredentials.all(other,"
    " self.additionalCredentials.exists_one(one, one.host.lowerAscii() == other.host.lowerAscii())))"
    f" && ({_EXTRA} || {_OTHERS} || self.additionalCredentials.all(other,"
    " !self.extraHosts.exists(host, host.lowerAscii() == other.host.lowerAscii())))"
)
RULES = (
    Rule(_DISTINCT, DISTINCT_MESSAGE),
    each_host_rule("extraHosts"),
)
CREDENTIAL_RULES = (url_rule("host", "self.host"),)


class RegistryCredential(Model):
    """The credential of another registry."""

    host: ImageHost = Field(description="Host and optional port as in image references; docker.io = Docker Hub.")
    secret_ref: CredentialsRef = Field(description="Secret with `username` and `password` for this registry.")


class ImageHosts(Model):
    """More hosts in the pull Secret."""

    extra_hosts: Annotated[list[ImageHost], Field(max_length=MAX_HOSTS)] = Field(
        default_factory=list,
        description="Other host names of this Harbor, as in image references; they get the same credential.",
    )
    additional_credentials: Annotated[list[RegistryCredential], Field(max_length=MAX_HOSTS)] = Field(
        default_factory=list,
        description="Credentials of other registries in the same Secret.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["host"]},
    )

    @model_validator(mode="after")
    def _hosts_are_distinct(self) -> ImageHosts:
        hosts = [*self.extra_hosts, *(other.host for other in self.additional_credentials)]
        if len(hosts) != len(set(hosts)):
            raise ValueError(DISTINCT_MESSAGE)
        return self
