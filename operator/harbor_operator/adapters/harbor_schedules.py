"""The schedules of Harbor's own jobs over HTTP."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

from typing_extensions import override

from harbor_operator.adapters.harbor_api import API, HarborApi
from harbor_operator.adapters.harbor_http import HttpRequest
from harbor_operator.checks.schedules import explain_missing_scanner
from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.schedules import DesiredSchedule, JobRun, ObservedSchedule, SystemJob
from harbor_operator.ports import as_error
from harbor_operator.ports.harbor_schedules import HarborSchedules
from harbor_operator.reasons import Reason

_PATHS = {
    SystemJob.GARBAGE_COLLECTION: f"{API}/system/gc",
    SystemJob.PURGE_AUDIT: f"{API}/system/purgeaudit",
    SystemJob.SCAN_ALL: f"{API}/system/scanAll",
}
_NEWEST_RUNS = {"page_size": "10", "sort": "-id"}


class HttpHarborSchedules(HarborApi, HarborSchedules):
    """The schedules over HTTP."""

    @override
    async def read_schedule(self, endpoint: HarborEndpoint, job: SystemJob) -> ObservedSchedule | None:
        request = HttpRequest("GET", f"{_PATHS[job]}/schedule")
        accepted = HTTPStatus.PRECONDITION_FAILED if job is SystemJob.SCAN_ALL else HTTPStatus.OK
        response = await self._request(endpoint, request, Reason.SCHEDULE_REFUSED, accepted)
        if response.status == HTTPStatus.PRECONDITION_FAILED:
            raise as_error(explain_missing_scanner())
        return response.decode(_schedule)

    @override
    async def set_schedule(self, endpoint: HarborEndpoint, desired: DesiredSchedule) -> None:
        body = {"schedule": {"type": desired.kind, "cron": desired.cron}, "parameters": dict(desired.parameters)}
        # A PUT also creates; a POST is refused for a scan schedule that exists.
        request = HttpRequest("PUT", f"{_PATHS[desired.job]}/schedule", body=body)
        await self._request(endpoint, request, Reason.SCHEDULE_REFUSED)

    @override
    async def read_image_bytes(self, endpoint: HarborEndpoint) -> int | None:
        response = await self._request(endpoint, HttpRequest("GET", f"{API}/statistics"), Reason.SCHEDULE_REFUSED)
        return response.decode(_image_bytes)

    @override
    async def read_collections(self, endpoint: HarborEndpoint) -> list[JobRun]:
        request = HttpRequest("GET", _PATHS[SystemJob.GARBAGE_COLLECTION], _NEWEST_RUNS)
        response = await self._request(endpoint, request, Reason.SCHEDULE_REFUSED)
        return response.decode(lambda runs: [_run(run) for run in runs or []])


def _schedule(answer: Mapping[str, Any] | None) -> ObservedSchedule | None:
    """Decodes a schedule; Harbor answers 200 without a body, or without a cron expression, if there is none."""
    schedule = (answer or {}).get("schedule") or {}
    if answer is None or not schedule.get("cron"):
        return None
    # Garbage collection and purge return their parameters as a JSON string.
    encoded = answer.get("job_parameters")
    return ObservedSchedule(schedule["cron"], json.loads(encoded) if encoded else answer.get("parameters") or {})


def _image_bytes(statistics: Mapping[str, Any]) -> int | None:
    size = statistics.get("total_storage_consumption")
    return None if size is None else int(size)


def _run(run: Mapping[str, Any]) -> JobRun:
    parameters = json.loads(run.get("job_parameters") or "{}")
    return JobRun(
        number=run["id"],
        status=run["job_status"],
        started_at=datetime.fromisoformat(run["creation_time"]),
        updated_at=datetime.fromisoformat(run["update_time"]),
        freed_bytes=parameters.get("freed_space"),
        is_dry_run=bool(parameters.get("dry_run")),
        is_manual=run.get("job_kind") == "MANUAL",
    )
