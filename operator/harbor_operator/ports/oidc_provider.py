"""An OpenID provider as a client observes it before it logs anyone in."""

from __future__ import annotations

from typing import Protocol

from harbor_operator.model.authentication import OidcEndpoint, ProviderMetadata


class OidcProvider(Protocol):
    """The discovery document of a provider (OpenID Connect Discovery 1.0, section 4)."""

    async def read_provider(self, endpoint: OidcEndpoint) -> ProviderMetadata:
        """Returns what the provider says of itself; sends no credential.

        The call has a deadline and follows no redirect. Raises Unavailable(OIDC_UNREACHABLE) when no answer or a server
        error arrives, and Refused with OIDC_ENDPOINT_INVALID (an answer that no provider gives), CERTIFICATE_UNTRUSTED,
        SECRET_INVALID (no usable CA bundle) or HOST_NOT_ALLOWED.
        """
        ...
