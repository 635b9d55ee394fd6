"""Each test is one row: schedules before, an outcome, schedules after."""

from __future__ import annotations

from typing import Any

import pytest

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.outcomes import CollectionFacts
from harbor_operator.model.schedules import ObservedSchedule, SystemJob
from harbor_operator.reasons import Reason
from harbor_operator.steps.schedules import ScheduleSection
from tests.fakes.harbor_schedules import FakeHarborSchedules, run

ADMIN = HarborEndpoint("https://cr.example.com")


def registry(**spec: Any) -> HarborRegistry:
    metadata = {"name": "cr", "namespace": "intra", "uid": "uid-1"}
    return HarborRegistry.parse({"metadata": metadata, "spec": {"externalURL": ADMIN.url, **spec}})


@pytest.fixture
def harbor() -> FakeHarborSchedules:
    return FakeHarborSchedules()


async def test_every_schedule_is_set_once(harbor: FakeHarborSchedules) -> None:
    spec = registry(
        garbageCollection={"schedule": "0 30 3 * * *", "deleteUntagged": True},
        purgeAudit={"schedule": "Weekly", "keepHours": 24},
        scanAll={"schedule": "Daily"},
    )
    first = await ScheduleSection(harbor).reconcile(spec, ADMIN)
    assert harbor.writes == list(SystemJob)
    assert [schedule.cron for schedule in harbor.schedules.values()] == ["0 30 3 * * *", "0 0 0 * * 0", "0 0 0 * * *"]
    assert first.changes[0] == "set `spec.garbageCollection.schedule` to '0 30 3 * * *' (before: none)"
    harbor.writes.clear()
    second = await ScheduleSection(harbor).reconcile(spec, ADMIN)
    assert (second.message, second.changes) == ("3 schedules are as the spec says", ())
    assert harbor.writes == []


async def test_a_changed_schedule_is_corrected_and_reported(harbor: FakeHarborSchedules) -> None:
    harbor.schedules[SystemJob.GARBAGE_COLLECTION] = ObservedSchedule("0 0 5 * * *", {"workers": 1})
    outcome = await ScheduleSection(harbor).reconcile(registry(garbageCollection={"schedule": "Daily"}), ADMIN)
    assert outcome.changes == ("set `spec.garbageCollection.schedule` to '0 0 0 * * *' (before: '0 0 5 * * *')",)


async def test_a_schedule_that_the_spec_does_not_name_stays(harbor: FakeHarborSchedules) -> None:
    harbor.schedules[SystemJob.PURGE_AUDIT] = ObservedSchedule("0 0 5 * * *")
    await ScheduleSection(harbor).reconcile(registry(scanAll={"schedule": "Daily"}), ADMIN)
    assert harbor.schedules[SystemJob.PURGE_AUDIT].cron == "0 0 5 * * *"


async def test_the_schedule_none_is_removed(harbor: FakeHarborSchedules) -> None:
    harbor.schedules[SystemJob.GARBAGE_COLLECTION] = ObservedSchedule("0 0 5 * * *")
    spec = registry(garbageCollection={"schedule": "None"})
    outcome = await ScheduleSection(harbor).reconcile(spec, ADMIN)
    assert harbor.schedules == {}
    assert outcome.facts.garbage_collection == CollectionFacts("")
    assert (await ScheduleSection(harbor).reconcile(spec, ADMIN)).changes == ()


async def test_the_newest_run_is_reported_and_a_failed_one_is_a_warning(harbor: FakeHarborSchedules) -> None:
    harbor.runs = [run(8, "Running"), run(7, "Error"), run(6, freed_bytes=9)]
    outcome = await ScheduleSection(harbor).reconcile(registry(garbageCollection={"schedule": "Daily"}), ADMIN)
    assert outcome.facts.garbage_collection == CollectionFacts("0 0 0 * * *", harbor.runs[0])
    assert [warning.code for warning in outcome.warnings] == [Reason.GARBAGE_COLLECTION_FAILED]
    assert "garbage collection 7 of 2026-01-01 12:00 UTC failed" in outcome.warnings[0].message


async def test_a_run_that_succeeds_ends_the_warning(harbor: FakeHarborSchedules) -> None:
    harbor.runs = [run(8, freed_bytes=0), run(7, "Error")]
    outcome = await ScheduleSection(harbor).reconcile(registry(garbageCollection={"schedule": "Daily"}), ADMIN)
    assert outcome.warnings == ()
