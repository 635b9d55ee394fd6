"""Connects to the Redis of Harbor, by the URLs of its components."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from redis import asyncio as aioredis
from redis.asyncio.sentinel import Sentinel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def connect(url: str, ca_file: str | None) -> AsyncIterator[aioredis.Redis]:
    """Yields a client of the server or of the master of the Sentinels; raises redis.RedisError."""
    if "+sentinel" in url:
        async with _sentinel_master(url) as client:
            yield client
        return
    plain = urlsplit(url)._replace(query="").geturl()  # redis-py does not support Harbor's query options
    trust: dict[str, Any] = {"ssl_ca_certs": ca_file} if plain.startswith("rediss") else {}
    async with aioredis.Redis.from_url(plain, **trust) as client:
        yield client


@asynccontextmanager
async def _sentinel_master(url: str) -> AsyncIterator[aioredis.Redis]:
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
            yield client
    finally:
        for sentinel in finder.sentinels:
            await sentinel.aclose()
