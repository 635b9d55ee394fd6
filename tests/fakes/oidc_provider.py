"""An OpenID provider in memory."""

from __future__ import annotations

from typing_extensions import override

from harbor_operator.checks.oidc import explain_no_provider, explain_untrusted_provider
from harbor_operator.model.authentication import DEFAULT_GRANT_TYPES, OidcEndpoint, ProviderMetadata
from harbor_operator.ports import as_error
from harbor_operator.ports.oidc_provider import OidcProvider

ISSUER = "https://id.example.com"
CA = "-----BEGIN CERTIFICATE-----"
SCOPES = frozenset({"openid", "profile", "email", "offline_access", "groups"})
CLAIMS = frozenset({"sub", "name", "email"})
REFRESHING = DEFAULT_GRANT_TYPES | {"refresh_token"}


class FakeOidcProvider(OidcProvider):
    """One provider at ISSUER; with `needs_ca`, only clients that have a CA trust it."""

    def __init__(self) -> None:
        self.metadata = ProviderMetadata(ISSUER, REFRESHING, SCOPES, CLAIMS)
        self.needs_ca = False
        self.reads: list[OidcEndpoint] = []

    @override
    async def read_provider(self, endpoint: OidcEndpoint) -> ProviderMetadata:
        self.reads.append(endpoint)
        if endpoint.url.rstrip("/") != ISSUER:
            raise as_error(explain_no_provider(endpoint.url, "with HTTP 404"))
        if self.needs_ca and endpoint.verify and not endpoint.ca:
            raise as_error(explain_untrusted_provider(endpoint.url, "self-signed certificate"))
        return self.metadata
