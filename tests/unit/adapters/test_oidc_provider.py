"""What an OpenID provider can answer, and what cannot be one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harbor_operator.adapters.oidc_provider import HttpOidcProvider
from harbor_operator.model.authentication import DEFAULT_GRANT_TYPES, OidcEndpoint
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from tests.fakes.hostile import answering

DOCUMENT: dict[str, Any] = {
    "issuer": "https://id.example.com",
    "authorization_endpoint": "https://id.example.com/auth",
    "token_endpoint": "https://id.example.com/token",
    "jwks_uri": "https://id.example.com/keys",
}


async def test_what_a_document_does_not_say_is_none() -> None:
    async with answering(200, json.dumps(DOCUMENT)) as server:
        metadata = await HttpOidcProvider().read_provider(OidcEndpoint(f"{server.url}/"))
    assert metadata.issuer == DOCUMENT["issuer"]
    assert metadata.grant_types == DEFAULT_GRANT_TYPES
    assert (metadata.scopes, metadata.claims) == (None, None)
    assert server.requests[0].startswith(b"GET /.well-known/openid-configuration HTTP/1.1\r\n")


async def test_the_path_of_an_issuer_is_kept() -> None:
    async with answering(200, json.dumps({**DOCUMENT, "scopes_supported": ["openid"]})) as server:
        metadata = await HttpOidcProvider().read_provider(OidcEndpoint(f"{server.url}/realms/a"))
    assert metadata.scopes == frozenset({"openid"})
    assert server.requests[0].startswith(b"GET /realms/a/.well-known/openid-configuration ")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, "not found"),
        (401, ""),
        (302, ""),
        (200, "<html>"),
        (200, "[]"),
        (200, "{}"),
        (200, json.dumps({**DOCUMENT, "issuer": 7})),
        (200, json.dumps({**DOCUMENT, "token_endpoint": None})),
        (200, json.dumps({**DOCUMENT, "scopes_supported": 7})),
        (200, "[" * 100_000),
    ],
)
async def test_an_answer_that_no_provider_gives(status: int, body: str) -> None:
    async with answering(status, body, "Location: https://www.example.com/\r\n") as server:
        with pytest.raises(Refused) as refused:
            await HttpOidcProvider().read_provider(OidcEndpoint(server.url))
    assert refused.value.reason is Reason.OIDC_ENDPOINT_INVALID
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_an_error_that_can_pass_is_tried_again(status: int) -> None:
    async with answering(status, "busy", "Retry-After: 7\r\n") as server:
        with pytest.raises(Unavailable) as unavailable:
            await HttpOidcProvider().read_provider(OidcEndpoint(server.url))
    assert unavailable.value.reason is Reason.OIDC_UNREACHABLE
    assert unavailable.value.retry_after == 7


async def test_a_bundle_without_a_certificate_is_named() -> None:
    with pytest.raises(Refused) as refused:
        await HttpOidcProvider().read_provider(OidcEndpoint("https://127.0.0.1:1", "no certificate"))
    assert refused.value.reason is Reason.SECRET_INVALID


async def test_a_port_without_a_server_is_unavailable() -> None:
    with pytest.raises(Unavailable) as unavailable:
        await HttpOidcProvider().read_provider(OidcEndpoint("https://127.0.0.1:1"))
    assert unavailable.value.reason is Reason.OIDC_UNREACHABLE
