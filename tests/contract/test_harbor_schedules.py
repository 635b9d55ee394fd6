"""The port HarborSchedules: the same cases against the fake and a Harbor that answers over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from harbor_operator.adapters.harbor_api import API
from harbor_operator.adapters.harbor_http import HarborHttp, HttpRequest
from harbor_operator.adapters.harbor_schedules import HttpHarborSchedules
from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.schedules import DesiredSchedule, SystemJob
from harbor_operator.plan.schedules import differs
from harbor_operator.ports import Refused
from harbor_operator.ports.harbor_schedules import HarborSchedules
from harbor_operator.reasons import Reason
from lab.process import scaled
from tests.fakes.harbor_schedules import FakeHarborSchedules, run

PARAMETERS: dict[SystemJob, dict[str, Any]] = {
    SystemJob.GARBAGE_COLLECTION: {"delete_untagged": True, "workers": 3, "dry_run": True},
    SystemJob.PURGE_AUDIT: {"audit_retention_hour": 24, "include_event_types": "pull_artifact", "dry_run": True},
    SystemJob.SCAN_ALL: {},
}


@dataclass
class ScheduleFixture:
    """A Harbor whose schedules the test may change."""

    harbor: HarborSchedules
    admin: HarborEndpoint
    fake: FakeHarborSchedules | None = None

    async def collect(self) -> None:
        """Starts a garbage collection that only counts."""
        if self.fake:
            self.fake.runs.insert(0, run(len(self.fake.runs) + 1, freed_bytes=0))
            return
        body = {"schedule": {"type": "Manual"}, "parameters": {"dry_run": True}}
        await HarborHttp().send(self.admin, HttpRequest("POST", f"{API}/system/gc/schedule", body=body))


@pytest_asyncio.fixture(params=["fake", pytest.param("http", marks=pytest.mark.lab)])
async def fixture(request: pytest.FixtureRequest) -> AsyncIterator[ScheduleFixture]:
    if request.param == "fake":
        fake = FakeHarborSchedules()
        yield ScheduleFixture(fake, HarborEndpoint("https://cr.example.com"), fake)
        return
    made = ScheduleFixture(HttpHarborSchedules(), request.getfixturevalue("harbor_endpoint"))
    yield made
    for job in SystemJob:
        with suppress(Refused):  # a Harbor without a scanner
            await made.harbor.set_schedule(made.admin, DesiredSchedule(job, "None", "", PARAMETERS[job]))


async def read(fixture: ScheduleFixture, job: SystemJob) -> str | None:
    try:
        observed = await fixture.harbor.read_schedule(fixture.admin, job)
    except Refused:
        pytest.skip("this Harbor has no scanner")
    return observed.cron if observed else None


@pytest.mark.parametrize("job", SystemJob)
async def test_a_schedule_is_created_replaced_and_removed(fixture: ScheduleFixture, job: SystemJob) -> None:
    assert await read(fixture, job) is None
    for cron in ("0 0 1 * * *", "0 30 2 * * 1"):
        desired = DesiredSchedule(job, "Custom", cron, PARAMETERS[job])
        await fixture.harbor.set_schedule(fixture.admin, desired)
        assert not differs(desired, await fixture.harbor.read_schedule(fixture.admin, job))
    for _ in range(2):
        await fixture.harbor.set_schedule(fixture.admin, DesiredSchedule(job, "None", "", PARAMETERS[job]))
        assert await read(fixture, job) is None


async def test_a_bad_cron_expression_is_refused(fixture: ScheduleFixture) -> None:
    job = SystemJob.GARBAGE_COLLECTION
    with pytest.raises(Refused) as refused:
        await fixture.harbor.set_schedule(fixture.admin, DesiredSchedule(job, "Custom", "5 0 0 * * *", PARAMETERS[job]))
    assert refused.value.reason is Reason.SCHEDULE_REFUSED


async def test_a_run_is_reported_with_what_it_freed(fixture: ScheduleFixture) -> None:
    before = await fixture.harbor.read_collections(fixture.admin)
    await fixture.collect()

    async with asyncio.timeout(scaled(60)):
        while not (newest := (await fixture.harbor.read_collections(fixture.admin))[0]).has_ended:  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.5)
    assert newest.number > max((one.number for one in before), default=0)
    assert newest.status == "Success"
    assert newest.freed_bytes is not None


async def test_the_size_of_all_images_is_read(fixture: ScheduleFixture) -> None:
    size = await fixture.harbor.read_image_bytes(fixture.admin)
    assert size is not None
    assert size >= 0
