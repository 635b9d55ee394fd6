"""Middlewares of every request: session cookie, CSRF, login, read-only mode, and error format."""

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
"""Answered even without the database."""
_WRITES = web.AppKey("writes", asyncio.Lock)


def install(app: web.Application) -> None:
    """Adds the middlewares to the application."""
    app[_WRITES] = asyncio.Lock()
    app.middlewares.extend([errors, csrf, login, read_only, one_write_at_a_time])
    app.on_response_prepare.append(set_cookie)


async def set_cookie(request: web.Request, response: web.StreamResponse) -> None:
    """Sets a session cookie if the request has none; Harbor does so even with basic auth."""
    response.headers["X-Request-Id"] = request.headers.get("X-Request-Id", secrets.token_hex(16))
    if COOKIE not in request.cookies:
        response.headers.add("Set-Cookie", f"{COOKIE}={secrets.token_hex(16)}; Path=/; HttpOnly")


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Converts errors to Harbor's format; unexpected errors have no details."""
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
    """Rejects a write with a session cookie: it would need a CSRF token, which the stand-in never issues."""
    if request.method not in SAFE and COOKIE in request.cookies:
        raise forbidden("CSRF token not found in request")
    return await handler(request)


@web.middleware
async def login(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Stores the sender in the request; wrong credentials mean anonymous."""
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
    """Rejects every write in read-only mode, except for one of the settings."""
    is_write = request.method not in SAFE and request.path != "/api/v2.0/configurations"
    if is_write and (await core_of(request).configuration())["read_only"]:
        raise denied(READ_ONLY)
    return await handler(request)


@web.middleware
async def one_write_at_a_time(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Serialises API writes, because they read and then write a document."""
    if request.method in SAFE or not request.path.startswith("/api/"):
        return await handler(request)
    async with request.app[_WRITES]:
        return await handler(request)
