"""The schedules of a Harbor in memory."""

from __future__ import annotations

from datetime import UTC, datetime

from typing_extensions import override

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.schedules import explain_missing_scanner
from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.schedules import DesiredSchedule, JobRun, ObservedSchedule, SystemJob
from harbor_operator.model.storage import ObjectSearch
from harbor_operator.plan.schedules import DRY_RUN, NONE, hides_dry_run
from harbor_operator.ports import Refused, as_error
from harbor_operator.ports.harbor_schedules import HarborSchedules
from harbor_operator.reasons import Reason

NOON = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def run(number: int, status: str = "Success", *, freed_bytes: int | None = None, dry_run: bool = False) -> JobRun:
    """Returns a run of garbage collection."""
    return JobRun(number, status, NOON, NOON, freed_bytes, dry_run)


async def search_nothing(_registry: HarborRegistry, earlier: ObjectSearch) -> ObjectSearch:
    """Finds no broken object."""
    return earlier


class FakeHarborSchedules(HarborSchedules):
    """Schedules in a dictionary; `runs` are newest first.

    `writes` lists the jobs whose schedule was set, and `dry_runs` whether it was for a dry run.
    """

    def __init__(self) -> None:
        self.schedules: dict[SystemJob, ObservedSchedule] = {}
        self.runs: list[JobRun] = []
        self.image_bytes: int | None = 0
        self.has_scanner = True
        self.writes: list[str] = []
        self.dry_runs: list[bool] = []

    @override
    async def read_schedule(self, endpoint: HarborEndpoint, job: SystemJob) -> ObservedSchedule | None:
        if job is SystemJob.SCAN_ALL and not self.has_scanner:
            raise as_error(explain_missing_scanner())
        return self.schedules.get(job)

    @override
    async def set_schedule(self, endpoint: HarborEndpoint, desired: DesiredSchedule) -> None:
        self.writes.append(desired.job)
        self.schedules.pop(desired.job, None)
        if desired.kind == NONE:
            return
        if not desired.cron.startswith("0 "):
            raise Refused(Reason.SCHEDULE_REFUSED, "the 1st field (indicating Seconds of time) must be 0")
        self.dry_runs.append(bool(desired.parameters.get(DRY_RUN)))
        parameters = {} if desired.job is SystemJob.SCAN_ALL else dict(desired.parameters)
        if hides_dry_run(desired):
            parameters = {**parameters, "delete_tag": False}
            del parameters[DRY_RUN]
        self.schedules[desired.job] = ObservedSchedule(desired.cron, parameters)

    @override
    async def read_image_bytes(self, endpoint: HarborEndpoint) -> int | None:
        return self.image_bytes

    @override
    async def read_collections(self, endpoint: HarborEndpoint) -> list[JobRun]:
        return self.runs[:10]
