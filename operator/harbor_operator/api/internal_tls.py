"""TLS between the processes of Harbor."""

from __future__ import annotations

from pydantic import Field

from harbor_operator.api.base import Model
from harbor_operator.api.rule import Rule

RELEASE_MESSAGE = "`internalTLS` needs `release`: the certificates are for the pods of the chart"
RELEASE_RULE = Rule("!has(self.internalTLS) || has(self.release)", RELEASE_MESSAGE)


class InternalTls(Model):
    """TLS between the pods of the release, with certificates that the operator issues and renews."""

    enabled: bool = Field(default=True, description="Whether Harbor's processes talk to each other over TLS.")
