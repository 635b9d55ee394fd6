"""The discovery document of an OpenID provider over HTTP."""

from __future__ import annotations

import json
import ssl
from http import HTTPStatus
from typing import Any

import aiohttp
from typing_extensions import override

from harbor_operator.adapters import tls
from harbor_operator.adapters.http_body import IDENTITY, UnacceptableBody, read_body
from harbor_operator.adapters.http_headers import retry_after_seconds
from harbor_operator.adapters.http_proxy import check_proxy_login, choose_proxy, describe_failure
from harbor_operator.checks.oidc import (
    DISCOVERY_PATH,
    explain_invalid_provider_ca,
    explain_no_provider,
    explain_no_provider_answer,
    explain_untrusted_provider,
)
from harbor_operator.model.authentication import DEFAULT_GRANT_TYPES, OidcEndpoint, ProviderMetadata
from harbor_operator.model.egress import UNRESTRICTED, Egress
from harbor_operator.ports import as_error
from harbor_operator.ports.oidc_provider import OidcProvider

DEADLINE_SECONDS = 10.0

_SOURCE = "`spec.authentication.oidc.endpoint`"
_BUSY = HTTPStatus.TOO_MANY_REQUESTS
_REQUIRED = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class HttpOidcProvider(OidcProvider):
    """The discovery document over HTTP; calls are rare, so each has its own connection."""

    def __init__(self, egress: Egress = UNRESTRICTED) -> None:
        self._egress = egress

    @override
    async def read_provider(self, endpoint: OidcEndpoint) -> ProviderMetadata:
        content = await self._get(endpoint, endpoint.url.rstrip("/") + DISCOVERY_PATH)
        try:
            return _metadata(json.loads(content))
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            detail = "with a body that is not a discovery document"
            raise as_error(explain_no_provider(endpoint.url, detail)) from None

    async def _get(self, endpoint: OidcEndpoint, url: str) -> bytes:
        """Returns the body of a success."""
        proxy = choose_proxy(self._egress, _SOURCE, url)
        try:
            async with (
                aiohttp.ClientSession(
                    timeout=aiohttp.ClientTimeout(total=DEADLINE_SECONDS),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    auto_decompress=False,
                ) as session,
                session.get(
                    url,
                    headers=IDENTITY,
                    ssl=_trust(endpoint),
                    allow_redirects=False,
                    proxy=proxy.url.get_secret_value() if proxy else None,
                ) as response,
            ):
                check_proxy_login(proxy, response.status)
                body = await read_body(response)
                _require_ok(endpoint, response)
                return body
        except UnacceptableBody as error:
            raise as_error(explain_no_provider(endpoint.url, f"with {error}")) from None
        except aiohttp.ClientConnectorCertificateError as error:
            raise as_error(explain_untrusted_provider(endpoint.url, str(error.certificate_error))) from None
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise as_error(explain_no_provider_answer(endpoint.url, describe_failure(error, proxy))) from None


def _trust(endpoint: OidcEndpoint) -> ssl.SSLContext | bool:
    if not endpoint.verify:
        return False
    try:
        return tls.ssl_context(endpoint.ca)
    except tls.InvalidCaBundle:
        raise as_error(explain_invalid_provider_ca()) from None


def _require_ok(endpoint: OidcEndpoint, response: aiohttp.ClientResponse) -> None:
    """Raises for anything but a success: Unavailable for an error that can pass, Refused for any other answer."""
    status = response.status
    if status == _BUSY or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        finding = explain_no_provider_answer(endpoint.url, f"HTTP {status}")
        raise as_error(finding, retry_after_seconds(response.headers.get("Retry-After")))
    if status != HTTPStatus.OK:
        raise as_error(explain_no_provider(endpoint.url, f"with HTTP {status}"))


def _metadata(document: dict[str, Any]) -> ProviderMetadata:
    missing = [name for name in _REQUIRED if not isinstance(document[name], str)]
    if missing or not isinstance(document["issuer"], str):
        raise ValueError(missing)
    return ProviderMetadata(
        issuer=document["issuer"],
        grant_types=_names(document, "grant_types_supported") or DEFAULT_GRANT_TYPES,
        scopes=_names(document, "scopes_supported"),
        claims=_names(document, "claims_supported"),
    )


def _names(document: dict[str, Any], field: str) -> frozenset[str] | None:
    """Returns a list of the document as a set, or None if the document lacks it."""
    return frozenset(str(name) for name in document[field]) if document.get(field) is not None else None
