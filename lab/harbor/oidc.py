"""Harbor's test of an OpenID provider: `/system/oidc/ping`."""

from __future__ import annotations

import ssl

import aiohttp
from aiohttp import web

from lab.harbor.core import core_of, sender_of
from lab.harbor.errors import bad_request
from lab.harbor.reading import read_json

TIMEOUT = aiohttp.ClientTimeout(total=10)


async def ping(request: web.Request) -> web.Response:
    """Succeeds if the provider answers and names itself exactly as in the request, like Harbor's library."""
    sender_of(request).require_system("configuration", "update")
    body = await read_json(request, {"url": str, "verify_cert": bool})
    url = body.get("url") or ""
    trust: ssl.SSLContext | bool = ssl.create_default_context() if body.get("verify_cert") else False
    address = url.rstrip("/") + "/.well-known/openid-configuration"
    try:
        async with core_of(request).http.get(address, ssl=trust, timeout=TIMEOUT) as answer:
            document = await answer.json()
        is_provider = answer.status == web.HTTPOk.status_code and document["issuer"] == url
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError, LookupError, TypeError):
        is_provider = False
    if not is_provider:
        raise bad_request("failed to verify connection")
    return web.Response()
