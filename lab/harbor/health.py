"""`/health`: always 200; errors are in the body.

Database, Redis and registry are checked on each request; Harbor checks every ten seconds. Portal, job service and
registry controller are always reported healthy. As in Harbor, the check of the registry does not
access the storage.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp
import psycopg
from aiohttp import web
from redis import exceptions

from lab.harbor.core import core_of
from lab.harbor.redis_client import connect

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from lab.harbor.core import Core

TIMEOUT_SECONDS = 10
NOT_CHECKED = ("jobservice", "portal", "registryctl")
FAILURES = (psycopg.Error, exceptions.RedisError, aiohttp.ClientError, OSError, TimeoutError)


async def health(request: web.Request) -> web.Response:
    """Returns the health of each component, and of the system."""
    core = core_of(request)
    checks = {
        "database": core.state.ping(),
        "redis": _ping_redis(core),
        "registry": _ping_registry(core),
    }
    found = await asyncio.gather(*(_component(name, check) for name, check in checks.items()))
    quiet = ("core", *NOT_CHECKED, *(["trivy"] if core.settings.with_trivy else []))
    components = sorted([*found, *({"name": name, "status": "healthy"} for name in quiet)], key=lambda one: one["name"])
    well = all(one["status"] == "healthy" for one in components)
    return web.json_response({"status": "healthy" if well else "unhealthy", "components": components})


async def _component(name: str, check: Awaitable[None]) -> dict[str, str]:
    try:
        await asyncio.wait_for(check, TIMEOUT_SECONDS)
    except FAILURES as error:
        return {"name": name, "status": "unhealthy", "error": f"failed to check {name}: {error}"}
    return {"name": name, "status": "healthy"}


async def _ping_registry(core: Core) -> None:
    async with core.http.get(f"{core.settings.registry_url}/", ssl=core.registry_ssl) as answer:
        answer.raise_for_status()


async def _ping_redis(core: Core) -> None:
    async with connect(core.settings.redis_url, core.settings.ca_file) as client:
        await client.ping()
