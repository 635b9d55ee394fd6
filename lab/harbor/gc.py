"""Garbage collection: `/system/gc`. Nothing is collected; a manual run succeeds after a short time."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from aiohttp import web

from lab.harbor.core import core_of, sender_of
from lab.harbor.errors import INTERNAL, HarborError, bad_request, not_found
from lab.harbor.reading import page, read_id, read_json
from lab.harbor.state import timestamp

if TYPE_CHECKING:
    from lab.harbor.core import Core
    from lab.harbor.state import Document

RIGHT = "garbage-collection"
CRON_FIELDS = 6
WORKERS = range(1, 11)
RUN_SECONDS = 2
RECURRING = {"Hourly", "Daily", "Weekly", "Custom", "Schedule"}


async def read_schedule(request: web.Request) -> web.Response:
    """Returns the schedule, or an empty 200 if there is none."""
    sender_of(request).require_system(RIGHT, "read")
    schedule = await core_of(request).state.get("schedule", "gc")
    return web.json_response(schedule) if schedule else web.Response()


async def create_schedule(request: web.Request) -> web.Response:
    """Sets the schedule, or starts a run; an existing schedule is replaced."""
    core = core_of(request)
    sender_of(request).require_system(RIGHT, "create")
    number = await _set(core, await read_json(request, {"schedule": dict, "parameters": dict}))
    return web.Response(status=201, headers={"Location": f"/api/v2.0/system/gc/{number}"})


async def update_schedule(request: web.Request) -> web.Response:
    """Sets the schedule, whether or not there is one."""
    sender_of(request).require_system(RIGHT, "update")
    await _set(core_of(request), await read_json(request, {"schedule": dict, "parameters": dict}))
    return web.Response()


async def _set(core: Core, body: dict[str, Any]) -> int:
    """Returns the number of the started run, or 0."""
    schedule, parameters = body.get("schedule"), body.get("parameters") or {}
    if not schedule:
        raise HarborError(500, "UNKNOWN", INTERNAL)
    kind = schedule.get("type", "")
    _check(kind, schedule.get("cron") or "", parameters)
    if kind == "Manual":
        return await _start(core, parameters)
    await core.state.remove("schedule", "gc")
    if kind in RECURRING:
        shown = {"type": kind, "cron": schedule["cron"], "next_scheduled_time": timestamp()}
        await core.state.put("schedule", "gc", _run(0, shown, parameters))
    return 0


def _check(kind: str, cron: str, parameters: dict[str, Any]) -> None:
    if kind not in RECURRING | {"Manual", "None"}:
        raise bad_request(f"unknown schedule type: {kind}")
    if kind in RECURRING and len(cron.split()) != CRON_FIELDS:
        raise bad_request(f"invalid cron string for scheduled job: {cron}, error: expected exactly 6 fields")
    if parameters.get("workers", 1) not in WORKERS:
        raise bad_request(f"Error: Invalid number of workers:{parameters['workers']}")


def _run(number: int, schedule: dict[str, Any], parameters: dict[str, Any]) -> Document:
    now = timestamp()
    return {
        "id": number,
        "job_name": "GARBAGE_COLLECTION",
        "job_kind": "SCHEDULE" if schedule.get("cron") else "MANUAL",
        "job_parameters": json.dumps(parameters),
        "schedule": schedule,
        "job_status": "",
        "deleted": False,
        "creation_time": now,
        "update_time": now,
    }


async def _start(core: Core, parameters: dict[str, Any]) -> int:
    number = await core.state.next_id("gc")
    run = _run(number, {"type": "Manual"}, {**parameters, "redis_url_reg": ""})
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
    status = "Success" if time.time() - run["started"] > RUN_SECONDS else "Running"
    return {name: value for name, value in run.items() if name != "started"} | {"job_status": status}
