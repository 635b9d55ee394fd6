"""Garbage collection and its runs: `/system/gc`.

What no manifest references leaves the database and, through the registry controller, the store. Unlike Harbor, a run
keeps untagged manifests, and removes layers without waiting two hours.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web
from redis import exceptions

from lab.harbor.core import core_of, sender_of
from lab.harbor.errors import not_found
from lab.harbor.reading import page, read_id
from lab.harbor.redis_client import connect
from lab.harbor.repositories import unreferenced_blobs
from lab.harbor.state import timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lab.harbor.core import Core
    from lab.harbor.state import Document

LOG = logging.getLogger(__name__)
RIGHT = "garbage-collection"
RUN_SECONDS = 2
"""The least time of a run, so that clients see it run."""
CACHED_LAYERS = ("blobs::*", "repository::*")
"""The keys of the registry's cache, which a run clears: a removed layer must not look as if it were there."""


async def start(core: Core, parameters: dict[str, Any]) -> int:
    """Starts a run and returns its number."""
    number, now = await core.state.next_id("gc"), timestamp()
    run = {
        "id": number,
        "job_name": "GARBAGE_COLLECTION",
        "job_kind": "MANUAL",
        "job_parameters": json.dumps(parameters),
        "schedule": {"type": "Manual"},
        "job_status": "Running",
        "deleted": False,
        "creation_time": now,
        "update_time": now,
    }
    await core.state.put("gc", number, run)
    core.start(_run(core, run, parameters))
    return number


async def history(request: web.Request) -> web.Response:
    """Returns all runs, newest first."""
    sender_of(request).require_system(RIGHT, "list")
    runs = await core_of(request).state.all("gc")
    return page(request, runs[::-1])


async def read(request: web.Request) -> web.Response:
    """Returns one run."""
    sender_of(request).require_system(RIGHT, "read")
    number = read_id(request, "run", "garbage collection")
    run = await core_of(request).state.get("gc", number)
    if run is None:
        raise not_found(f"gc history {number} not found")
    return web.json_response(run)


async def _run(core: Core, run: Document, parameters: dict[str, Any]) -> None:
    await asyncio.sleep(RUN_SECONDS)
    result: dict[str, int] = {"freed_space": 0, "purged_blobs": 0, "purged_manifests": 0}
    error = ""
    if not parameters.get("dry_run"):
        dead = await unreferenced_blobs(core)
        error = await _collect(core)
        if not error:
            result = await _forget(core, dead)
    status = "Error" if error else "Success"
    LOG.info("garbage collection %s: %s %s", run["id"], status, error)
    # Harbor reports the result in the parameters (`saveGCRes` in its job service).
    shown = json.dumps(parameters if error else {**parameters, **result})
    await core.state.put(
        "gc", run["id"], {**run, "job_status": status, "job_parameters": shown, "update_time": timestamp()}
    )


async def _collect(core: Core) -> str:
    """Removes unreferenced layers from the store; returns why that failed, or nothing."""
    if not core.settings.registry_controller_url:
        return ""
    try:
        url = f"{core.settings.registry_controller_url}/api/registry/gc"
        async with core.http.post(url, ssl=core.registry_ssl) as answer:
            answer.raise_for_status()
            body = await answer.json(content_type=None)
        if not body["status"]:
            return str(body["msg"])
        if core.settings.registry_redis_url:
            async with connect(core.settings.registry_redis_url, core.settings.ca_file) as cache:
                for pattern in CACHED_LAYERS:
                    async for key in cache.scan_iter(pattern):
                        await cache.delete(key)
    except (aiohttp.ClientError, exceptions.RedisError) as failure:
        return str(failure)
    return ""


async def _forget(core: Core, dead: Iterable[Document]) -> dict[str, int]:
    """Removes blobs from the database, and returns the result of the run."""
    result = {"freed_space": 0, "purged_blobs": 0, "purged_manifests": 0}
    for blob in dead:
        await core.state.remove("blob", blob["digest"])
        result["freed_space"] += blob["size"]
        result["purged_manifests" if blob["parts"] else "purged_blobs"] += 1
    return result
