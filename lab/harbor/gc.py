"""The runs of garbage collection: `/system/gc`. Nothing is collected; a run succeeds after a short time."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from aiohttp import web

from lab.harbor.core import core_of, sender_of
from lab.harbor.errors import not_found
from lab.harbor.reading import page, read_id
from lab.harbor.state import timestamp

if TYPE_CHECKING:
    from lab.harbor.core import Core
    from lab.harbor.state import Document

RIGHT = "garbage-collection"
RUN_SECONDS = 2
RESULT = {"freed_space": 0, "purged_blobs": 0, "purged_manifests": 0}
"""What a run reports at its end (`saveGCRes` in Harbor's job service)."""


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
    await core.state.put("gc", number, {**run, "started": time.time()})
    return number


async def history(request: web.Request) -> web.Response:
    """Returns all runs, newest first."""
    sender_of(request).require_system(RIGHT, "list")
    runs = await core_of(request).state.all("gc")
    return page(request, [_shown(run) for run in reversed(runs)])


async def read(request: web.Request) -> web.Response:
    """Returns one run."""
    sender_of(request).require_system(RIGHT, "read")
    number = read_id(request, "run", "garbage collection")
    run = await core_of(request).state.get("gc", number)
    if run is None:
        raise not_found(f"gc history {number} not found")
    return web.json_response(_shown(run))


def _shown(run: Document) -> Document:
    shown = {name: value for name, value in run.items() if name != "started"}
    if time.time() - run["started"] <= RUN_SECONDS:
        return shown
    parameters = {**json.loads(run["job_parameters"]), **RESULT}
    return {**shown, "job_status": "Success", "job_parameters": json.dumps(parameters)}
