"""What happens to every request: session cookie, CSRF, login, read-only mode, and errors in Harbor's words."""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import TYPE_CHECKING

from aiohttp import web

from lab.harbor.access import Principal
from lab.harbor.core import PRINCIPAL, core_of
from lab.harbor.errors import INTERNAL, HarborError, denied, forbidden, not_found
from lab.harbor.tokens import bearer_principal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

LOG = logging.getLogger(__name__)
COOKIE = "sid"
SAFE = {"GET", "HEAD", "OPTIONS", "TRACE"}
READ_ONLY = "The system is in read only mode. Any modification is prohibited."
WITHOUT_LOGIN = {"/api/v2.0/ping", "/api/v2.0/health", "/api/version"}
"""Answered even when the database is gone."""
_WRITES = web.AppKey("writes", asyncio.Lock)


def install(app: web.Application) -> None:
    """Make every request of the app pass through here."""
    app[_WRITES] = asyncio.Lock()
    app.middlewares.extend([errors, csrf, login, read_only, one_write_at_a_time])
    app.on_response_prepare.append(give_cookie)


async def give_cookie(request: web.Request, response: web.StreamResponse) -> None:
    """A session for whoever has none: Harbor does so even for basic auth."""
    response.headers["X-Request-Id"] = request.headers.get("X-Request-Id", secrets.token_hex(16))
    if COOKIE not in request.cookies:
        response.headers.add("Set-Cookie", f"{COOKIE}={secrets.token_hex(16)}; Path=/; HttpOnly")


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Errors in the one shape they have; surprises tell nothing."""
    try:
        return await handler(request)
    except HarborError as error:
        return error.response()
    except web.HTTPNotFound:
        return not_found("path not found").response()
    except web.HTTPException:
        raise
    except Exception:
        LOG.exception("%s %s failed", request.method, request.path)
        return HarborError(500, "UNKNOWN", INTERNAL).response()


@web.middleware
async def csrf(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whoever sends a session cookie is taken for a browser and must show a token; we never give one."""
    if request.method not in SAFE and COOKIE in request.cookies:
        raise forbidden("CSRF token not found in request")
    return await handler(request)


@web.middleware
async def login(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Note who asks; wrong credentials are as good as none."""
    header = request.headers.get("Authorization", "")
    if not header or request.path in WITHOUT_LOGIN:
        request[PRINCIPAL] = Principal()
    elif header.startswith("Bearer ") and request.path.startswith("/v2/"):
        request[PRINCIPAL] = bearer_principal(core_of(request).settings.token_key, header.removeprefix("Bearer "))
    else:
        request[PRINCIPAL] = await core_of(request).login(header)
    return await handler(request)


@web.middleware
async def read_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """In read-only mode no project is made and nothing is pushed."""
    guarded = request.path == "/api/v2.0/projects" or request.path.startswith("/v2/")
    writes = request.method not in SAFE
    if guarded and writes and (await core_of(request).configuration())["read_only"]:
        raise denied(READ_ONLY)
    return await handler(request)


@web.middleware
async def one_write_at_a_time(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Changes through the API read a document, then write it: one at a time, so that none is lost."""
    if request.method in SAFE or not request.path.startswith("/api/"):
        return await handler(request)
    async with request.app[_WRITES]:
        return await handler(request)
