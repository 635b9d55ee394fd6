"""Each test is one row: schedules before, an outcome, schedules after."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harbor_operator.api.status import StorageComparisonStatus
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.outcomes import CollectionFacts
from harbor_operator.model.schedules import JobRun, ObservedSchedule, StorageComparison, SystemJob
from harbor_operator.model.storage import ObjectSearch
from harbor_operator.ports import Unavailable
from harbor_operator.reasons import Reason
from harbor_operator.steps.schedules import ScheduleSection
from tests.fakes.harbor_schedules import FakeHarborSchedules, run, search_nothing

ADMIN = HarborEndpoint("https://cr.example.com")


def registry(**spec: Any) -> HarborRegistry:
    metadata = {"name": "cr", "namespace": "intra", "uid": "uid-1"}
    return HarborRegistry.parse({"metadata": metadata, "spec": {"externalURL": ADMIN.url, **spec}})


async def unmeasured(_registry: HarborRegistry) -> None:
    """The store has no size."""


async def half_a_gib(_registry: HarborRegistry) -> int:
    return 1 << 29


async def must_not_be_measured(_registry: HarborRegistry) -> int:
    raise AssertionError("the storage must not be measured")


@pytest.fixture
def harbor() -> FakeHarborSchedules:
    return FakeHarborSchedules()


async def test_every_schedule_is_set_once(harbor: FakeHarborSchedules) -> None:
    spec = registry(
        garbageCollection={"schedule": "0 30 3 * * *", "deleteUntagged": True},
        purgeAudit={"schedule": "Weekly", "keepHours": 24},
        scanAll={"schedule": "Daily"},
    )
    first = await ScheduleSection(harbor, unmeasured, search_nothing).reconcile(spec, ADMIN)
    assert harbor.writes == list(SystemJob)
    assert [schedule.cron for schedule in harbor.schedules.values()] == ["0 30 3 * * *", "0 0 0 * * 0", "0 0 0 * * *"]
    assert first.changes[0] == "set `spec.garbageCollection.schedule` to '0 30 3 * * *' (before: none)"
    harbor.writes.clear()
    second = await ScheduleSection(harbor, unmeasured, search_nothing).reconcile(spec, ADMIN)
    assert (second.message, second.changes) == ("3 schedules are as the spec says", ())
    assert harbor.writes == []


async def test_a_changed_schedule_is_corrected_and_reported(harbor: FakeHarborSchedules) -> None:
    harbor.schedules[SystemJob.GARBAGE_COLLECTION] = ObservedSchedule("0 0 5 * * *", {"workers": 1})
    outcome = await ScheduleSection(harbor, unmeasured, search_nothing).reconcile(
        registry(garbageCollection={"schedule": "Daily"}), ADMIN
    )
    assert outcome.changes == ("set `spec.garbageCollection.schedule` to '0 0 0 * * *' (before: '0 0 5 * * *')",)


async def test_a_schedule_that_the_spec_does_not_name_stays(harbor: FakeHarborSchedules) -> None:
    harbor.schedules[SystemJob.PURGE_AUDIT] = ObservedSchedule("0 0 5 * * *")
    await ScheduleSection(harbor, unmeasured, search_nothing).reconcile(registry(scanAll={"schedule": "Daily"}), ADMIN)
    assert harbor.schedules[SystemJob.PURGE_AUDIT].cron == "0 0 5 * * *"


async def test_the_schedule_none_is_removed(harbor: FakeHarborSchedules) -> None:
    harbor.schedules[SystemJob.GARBAGE_COLLECTION] = ObservedSchedule("0 0 5 * * *")
    spec = registry(garbageCollection={"schedule": "None"})
    outcome = await ScheduleSection(harbor, unmeasured, search_nothing).reconcile(spec, ADMIN)
    assert harbor.schedules == {}
    assert outcome.facts.garbage_collection == CollectionFacts("")
    assert (await ScheduleSection(harbor, unmeasured, search_nothing).reconcile(spec, ADMIN)).changes == ()


async def test_the_newest_run_is_reported_and_a_failed_one_is_a_warning(harbor: FakeHarborSchedules) -> None:
    harbor.runs = [run(8, "Running"), run(7, "Error"), run(6, freed_bytes=9)]
    outcome = await ScheduleSection(harbor, unmeasured, search_nothing).reconcile(
        registry(garbageCollection={"schedule": "Daily"}), ADMIN
    )
    assert outcome.facts.garbage_collection == CollectionFacts("0 0 0 * * *", harbor.runs[0], None)
    assert [warning.code for warning in outcome.warnings] == [Reason.GARBAGE_COLLECTION_FAILED]
    assert "garbage collection 7 of 2026-01-01 12:00 UTC failed" in outcome.warnings[0].message


async def test_a_run_that_succeeds_ends_the_warning(harbor: FakeHarborSchedules) -> None:
    harbor.runs = [run(8, freed_bytes=0), run(7, "Error")]
    outcome = await ScheduleSection(harbor, unmeasured, search_nothing).reconcile(
        registry(garbageCollection={"schedule": "Daily"}), ADMIN
    )
    assert outcome.warnings == ()


async def test_the_storage_is_compared_once_for_each_run_that_collected(harbor: FakeHarborSchedules) -> None:
    harbor.runs, harbor.image_bytes = [run(8, freed_bytes=0), run(7, freed_bytes=0)], 1 << 30
    spec = registry(garbageCollection={"schedule": "Daily"})
    outcome = await ScheduleSection(harbor, half_a_gib, search_nothing).reconcile(spec, ADMIN)
    assert outcome.facts.garbage_collection is not None
    assert outcome.facts.garbage_collection.storage == StorageComparison(8, 1 << 30, 1 << 29)
    assert [warning.code for warning in outcome.warnings] == [Reason.STORAGE_DATA_MISSING]
    observed = spec.observed.model_copy(
        update={"storage_comparison": StorageComparisonStatus(run=8, image_bytes=1 << 30, stored_bytes=1 << 29)}
    )
    again = await ScheduleSection(harbor, must_not_be_measured, search_nothing).reconcile(
        spec.model_copy(update={"observed": observed}), ADMIN
    )
    assert (again.facts, again.warnings) == (outcome.facts, outcome.warnings)


@pytest.mark.parametrize("newest", [run(9, "Running"), run(9, "Error"), run(9, dry_run=True)], ids=str)
async def test_a_run_that_collected_nothing_is_not_compared(harbor: FakeHarborSchedules, newest: JobRun) -> None:
    harbor.runs = [newest]
    spec = registry(garbageCollection={"schedule": "Daily"})
    outcome = await ScheduleSection(harbor, must_not_be_measured, search_nothing).reconcile(spec, ADMIN)
    assert outcome.facts.garbage_collection == CollectionFacts("0 0 0 * * *", newest)


async def test_a_store_that_does_not_answer_is_left_to_its_own_condition(harbor: FakeHarborSchedules) -> None:
    harbor.runs = [run(8, freed_bytes=0)]

    async def away(_registry: HarborRegistry) -> int:
        raise Unavailable("no answer")

    outcome = await ScheduleSection(harbor, away, search_nothing).reconcile(
        registry(garbageCollection={"schedule": "Daily"}), ADMIN
    )
    assert outcome.facts.garbage_collection == CollectionFacts("0 0 0 * * *", harbor.runs[0])


async def test_a_dry_run_is_written_although_harbor_does_not_return_it(harbor: FakeHarborSchedules) -> None:
    dry = registry(garbageCollection={"schedule": "Daily", "dryRun": True})
    wet = registry(garbageCollection={"schedule": "Daily"})
    section = ScheduleSection(harbor, unmeasured, search_nothing)
    for spec in (wet, wet, dry, dry, wet, wet):
        await section.reconcile(spec, ADMIN)
    assert harbor.dry_runs == [False, True, False]


@pytest.mark.parametrize(
    ("dry_run", "last_run_was_dry", "writes"), [(True, False, 2), (False, True, 2), (False, False, 1)]
)
async def test_an_uncertain_dry_run_is_written_once_after_a_start(
    harbor: FakeHarborSchedules, dry_run: bool, last_run_was_dry: bool, writes: int
) -> None:
    spec = registry(garbageCollection={"schedule": "Daily", "dryRun": dry_run})
    await ScheduleSection(harbor, unmeasured, search_nothing).reconcile(spec, ADMIN)
    harbor.runs = [replace(run(2), is_dry_run=True, is_manual=True), replace(run(1), is_dry_run=last_run_was_dry)]
    section = ScheduleSection(harbor, unmeasured, search_nothing)
    for _ in range(2):
        await section.reconcile(spec, ADMIN)
    assert harbor.dry_runs == [dry_run] * writes
    await section.remove(spec)
    await section.reconcile(spec, ADMIN)
    assert harbor.dry_runs == [dry_run] * (2 * writes - 1)


async def test_broken_objects_are_searched_after_each_run_that_ended(harbor: FakeHarborSchedules) -> None:
    asked: list[ObjectSearch] = []

    async def search(_registry: HarborRegistry, earlier: ObjectSearch) -> ObjectSearch:
        asked.append(earlier)
        return replace(earlier, after="files/m", is_complete=bool(earlier.found), found=("files/broken",))

    section = ScheduleSection(harbor, unmeasured, search)
    spec = registry(garbageCollection={"schedule": "Daily"})
    assert (await section.reconcile(spec, ADMIN)).warnings == ()
    harbor.runs = [run(8, "Running"), run(7, "Error")]
    outcome = await section.reconcile(spec, ADMIN)
    assert [one.code for one in outcome.warnings] == [Reason.GARBAGE_COLLECTION_FAILED, Reason.ZERO_SEGMENT_OBJECT]
    await section.reconcile(spec, ADMIN)
    harbor.runs = [run(8, freed_bytes=0)]
    await section.reconcile(spec, ADMIN)
    found = ("files/broken",)
    assert asked == [ObjectSearch(7), ObjectSearch(7, "files/m", found=found), ObjectSearch(8, found=found)]
    await section.remove(spec)
    await section.reconcile(spec, ADMIN)
    assert asked[-1] == ObjectSearch(8)


async def test_a_search_continues_when_the_store_answers_again(harbor: FakeHarborSchedules) -> None:
    harbor.runs = [run(8, freed_bytes=0)]

    async def away(_registry: HarborRegistry, _earlier: ObjectSearch) -> ObjectSearch:
        raise Unavailable("no answer")

    spec = registry(garbageCollection={"schedule": "Daily"})
    assert (await ScheduleSection(harbor, unmeasured, away).reconcile(spec, ADMIN)).warnings == ()


async def test_runs_that_are_frequent_do_not_start_a_search_again_before_its_end(harbor: FakeHarborSchedules) -> None:
    asked: list[ObjectSearch] = []

    async def search(_registry: HarborRegistry, earlier: ObjectSearch) -> ObjectSearch:
        asked.append(earlier)
        return replace(earlier, after=f"files/{len(asked)}", is_complete=len(asked) == 2)

    section, spec = ScheduleSection(harbor, unmeasured, search), registry(garbageCollection={"schedule": "Hourly"})
    for number in (7, 8, 8):
        harbor.runs = [run(number, freed_bytes=0)]
        await section.reconcile(spec, ADMIN)
    assert asked == [ObjectSearch(7), ObjectSearch(7, "files/1"), ObjectSearch(8)]
