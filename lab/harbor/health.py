"""`/health`: always 200; errors are in the body.

Database, Redis and registry are checked on each request; Harbor checks every ten seconds. Portal, job service and
registry controller do not run here and are always reported healthy. As in Harbor, the check of the registry does not
access the storage.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import aiohttp
import psycopg
from aiohttp import web
from redis import asyncio as aioredis
from redis import exceptions
from redis.asyncio.sentinel import Sentinel

from lab.harbor.core import core_of

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from lab.harbor.core import Core

TIMEOUT_SECONDS = 10
NOT_RUN = ("jobservice", "portal", "registryctl")
FAILURES = (psycopg.Error, exceptions.RedisError, aiohttp.ClientError, OSError, TimeoutError)


async def health(request: web.Request) -> web.Response:
    """Returns the health of each component, and of the system."""
    core = core_of(request)
    checks = {
        "database": core.state.ping(),
        "redis": _ping_redis(core.settings.redis_url, core.settings.ca_file),
        "registry": _ping_registry(core),
    }
    found = await asyncio.gather(*(_component(name, check) for name, check in checks.items()))
    quiet = ("core", *NOT_RUN, *(["trivy"] if core.settings.with_trivy else []))
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
    async with core.http.get(f"{core.settings.registry_url}/") as answer:
        answer.raise_for_status()


async def _ping_redis(url: str, ca_file: str | None) -> None:
    if "+sentinel" in url:
        await _ping_sentinel_master(url)
        return
    plain = urlsplit(url)._replace(query="").geturl()  # redis-py does not support Harbor's query options
    trust: dict[str, Any] = {"ssl_ca_certs": ca_file} if plain.startswith("rediss") else {}
    async with aioredis.Redis.from_url(plain, **trust) as client:
        await client.ping()


async def _ping_sentinel_master(url: str) -> None:
    """`redis+sentinel://:PASSWORD@HOST:PORT,HOST:PORT/MASTER/DATABASE`."""
    _, _, rest = url.partition("://")
    place, _, path = rest.partition("?")[0].partition("/")
    credential, _, hosts = place.rpartition("@")
    master, _, database = path.partition("/")
    sentinels = [(host.rpartition(":")[0], int(host.rpartition(":")[2])) for host in hosts.split(",")]
    password = unquote(credential.partition(":")[2]) or None
    untyped: Any = Sentinel  # redis-py publishes no types for it
    finder = untyped(sentinels)
    try:
        async with finder.master_for(master, password=password, db=int(database or 0)) as client:
            await client.ping()
    finally:
        for sentinel in finder.sentinels:
            await sentinel.aclose()
