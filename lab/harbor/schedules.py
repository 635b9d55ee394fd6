"""The schedules of system jobs: garbage collection, purge of the audit log, and scan of all images. None of them runs.

Garbage collection also has runs: lab/harbor/gc.py.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import web

from lab.harbor.core import core_of, sender_of
from lab.harbor.errors import bad_request, crash, precondition
from lab.harbor.gc import start
from lab.harbor.reading import read_json
from lab.harbor.state import timestamp

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lab.harbor.core import Core

    Handler = Callable[[web.Request], Awaitable[web.Response]]

CRON_FIELDS = 6
WORKERS = range(1, 11)
MAX_RETENTION_HOURS = 240_000
RECURRING = {"Hourly", "Daily", "Weekly", "Custom", "Schedule"}
GC, PURGE, SCAN = "gc", "purgeaudit", "scanAll"


@dataclass(frozen=True)
class SystemJob:
    """A job with a schedule: the last part of its path, and the resource of its permissions."""

    name: str
    right: str

    async def read(self, request: web.Request) -> web.Response:
        """Returns the schedule, or an empty 200 if there is none."""
        await self._require(request, "read")
        schedule = await core_of(request).state.get("schedule", self.name)
        return web.json_response(schedule) if schedule else web.Response()

    async def create(self, request: web.Request) -> web.Response:
        """Sets the schedule, or starts a run; only a schedule of scans must not exist before."""
        await self._require(request, "create")
        core = core_of(request)
        if self.name == SCAN and await core.state.get("schedule", self.name):
            raise precondition("fail to set schedule for scan all as always had one, please delete it firstly")
        number = await self._set(core, await self._body(request))
        return web.Response(status=201, headers={"Location": f"/api/v2.0/system/{self.name}/{number}"})

    async def update(self, request: web.Request) -> web.Response:
        """Sets the schedule, whether or not there is one."""
        await self._require(request, "update")
        await self._set(core_of(request), await self._body(request))
        return web.Response()

    async def _require(self, request: web.Request, action: str) -> None:
        sender_of(request).require_system(self.right, action)
        if self.name == SCAN and not core_of(request).settings.with_trivy:
            raise precondition("no scanner is configured, it's not possible to scan")

    async def _body(self, request: web.Request) -> dict[str, Any]:
        body = await read_json(request, {"schedule": dict, "parameters": dict})
        if self.name == PURGE:
            _check_purge(body)
        elif not body.get("schedule"):
            raise crash()
        return body

    async def _set(self, core: Core, body: dict[str, Any]) -> int:
        """Returns the number of the started run, or 0."""
        schedule, parameters = body["schedule"], body.get("parameters") or {}
        kind = schedule.get("type", "")
        _check(kind, schedule.get("cron") or "", parameters)
        if kind == "Manual":
            return await start(core, parameters) if self.name == GC else 0
        await core.state.remove("schedule", self.name)
        if kind in RECURRING:
            await core.state.put("schedule", self.name, self._shown(kind, schedule["cron"], parameters))
        return 0

    def _kept(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Returns the parameters that an answer has; Harbor keeps `dry_run` of a garbage collection to itself."""
        if self.name != GC:
            return parameters
        defaults = {"delete_untagged": False, "delete_tag": False, "workers": 0}
        return {name: parameters.get(name, default) for name, default in defaults.items()}

    def _shown(self, kind: str, cron: str, parameters: dict[str, Any]) -> dict[str, Any]:
        times = {"creation_time": timestamp(), "update_time": timestamp()}
        if self.name == SCAN:
            return {"id": 1, "status": "Scheduled", "schedule": {"type": kind, "cron": cron}, "parameters": {}, **times}
        return {
            "id": 1,
            "job_name": "",
            "job_kind": cron,
            "job_parameters": json.dumps(self._kept(parameters)),
            "schedule": {"type": kind, "cron": cron, "next_scheduled_time": timestamp()},
            "job_status": "Scheduled",
            "deleted": False,
            **times,
        }


def _check(kind: str, cron: str, parameters: dict[str, Any]) -> None:
    if kind not in RECURRING | {"Manual", "None"}:
        raise bad_request(f"unknown schedule type: {kind}")
    if kind in RECURRING:
        check_cron(cron)
    if parameters.get("workers", 1) not in WORKERS:
        raise bad_request(f"Error: Invalid number of workers:{parameters['workers']}")


def check_cron(cron: str) -> None:
    """Raises 400 unless the expression has six fields, the first of which is 0."""
    fields = cron.split(" ")
    if len(fields) != CRON_FIELDS:
        raise bad_request(f"invalid cron string for scheduled job: {cron}, error: expected exactly 6 fields")
    if fields[0] != "0":
        raise bad_request("the 1st field (indicating Seconds of time) of the cron setting must be 0")


def _check_purge(body: dict[str, Any]) -> None:
    parameters = body.get("parameters") or {}
    if not body.get("schedule"):
        raise bad_request("schedule cann't be empty")
    if not parameters:
        raise bad_request("schedule parameter cann't be empty")
    for name in ("audit_retention_hour", "include_event_types"):
        if name not in parameters:
            raise bad_request(f"{name} should provide")
    if parameters["audit_retention_hour"] > MAX_RETENTION_HOURS:
        raise bad_request(f"audit_retention_hour should be less than {MAX_RETENTION_HOURS}")


JOBS = (SystemJob(GC, "garbage-collection"), SystemJob(PURGE, "purge-audit"), SystemJob(SCAN, "scan-all"))
ROUTES: tuple[tuple[str, str, Handler], ...] = tuple(
    (method, f"/system/{job.name}/schedule", handler)
    for job in JOBS
    for method, handler in (("GET", job.read), ("POST", job.create), ("PUT", job.update))
)
