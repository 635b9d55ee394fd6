"""The part of Configured that keeps the schedules of Harbor's own jobs, and reports the last garbage collection.

After each run, what the store holds is compared with what Harbor's database counts, and searched for broken objects.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TypeAlias

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.empty_objects import check_empty_objects
from harbor_operator.checks.schedules import collection_warnings
from harbor_operator.checks.stored_bytes import compare_storage
from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.outcomes import CollectionFacts, Done, Facts
from harbor_operator.model.schedules import DesiredSchedule, JobRun, ObservedSchedule, StorageComparison, SystemJob
from harbor_operator.model.storage import ObjectSearch
from harbor_operator.plan.schedules import DRY_RUN, NONE, differs, hides_dry_run, plan_schedules
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.harbor_schedules import HarborSchedules

MeasureStorage: TypeAlias = Callable[[HarborRegistry], Awaitable[int | None]]
"""Returns the bytes that the store of a registry holds, or None; raises as the ports of the stores do."""
SearchStorage: TypeAlias = Callable[[HarborRegistry, ObjectSearch], Awaitable[ObjectSearch]]
"""Continues a search for broken objects by one step; raises as the ports of the stores do."""


class ScheduleSection:
    """Reads each schedule that the spec names, and writes the ones that differ."""

    def __init__(self, harbor: HarborSchedules, measure_storage: MeasureStorage, search_storage: SearchStorage) -> None:
        self._harbor = harbor
        self._measure_storage = measure_storage
        self._search_storage = search_storage
        self._searches: dict[str, ObjectSearch] = {}
        """By uid of the registry: how far the search is."""
        self._dry_runs: dict[str, bool] = {}
        """By uid of the registry: `dry_run` of the garbage collection that Harbor has."""

    def is_requested(self, registry: HarborRegistry) -> bool:
        """Whether the spec names a schedule."""
        return bool(plan_schedules(registry))

    async def reconcile(self, registry: HarborRegistry, admin: HarborEndpoint) -> Done:
        """Corrects the schedules; a schedule that the spec does not name stays as it is."""
        desired, uid = plan_schedules(registry), registry.metadata.uid
        runs = await self._harbor.read_collections(admin) if registry.spec.garbage_collection else []
        changes = []
        for schedule in desired:
            observed = await self._harbor.read_schedule(admin, schedule.job)
            if differs(schedule, observed) or self._is_dry_run_uncertain(uid, schedule, runs):
                await self._harbor.set_schedule(admin, schedule)
                changes.append(_change(schedule, observed))
            if hides_dry_run(schedule):
                self._dry_runs[uid] = schedule.parameters[DRY_RUN]
        message = f"{len(desired)} {'schedule is' if len(desired) == 1 else 'schedules are'} as the spec says"
        if registry.spec.garbage_collection is None:
            return Done(message, changes=tuple(changes))
        comparison = await self._compare(registry, admin, runs)
        (collection,) = [one for one in desired if one.job is SystemJob.GARBAGE_COLLECTION]
        facts = Facts(garbage_collection=CollectionFacts(collection.cron, runs[0] if runs else None, comparison))
        broken = await self._search(registry, runs)
        warnings = (*collection_warnings(runs), *compare_storage(comparison), *check_empty_objects(broken))
        return Done(message, facts=facts, warnings=warnings, changes=tuple(changes))

    async def _compare(
        self, registry: HarborRegistry, admin: HarborEndpoint, runs: Sequence[JobRun]
    ) -> StorageComparison | None:
        """Returns the comparison of the newest run, which is made once, or the earlier one."""
        known = registry.observed.storage_comparison
        earlier = StorageComparison(known.run, known.image_bytes, known.stored_bytes) if known else None
        if not runs or not runs[0].has_collected or (earlier and earlier.run == runs[0].number):
            return earlier
        # Harbor first: a layer is in the store before it is in the database.
        images = await self._harbor.read_image_bytes(admin)
        try:
            stored = await self._measure_storage(registry)
        except (Unavailable, Refused):
            return earlier  # StorageReady reports the cause
        return StorageComparison(runs[0].number, images, stored)

    async def _search(self, registry: HarborRegistry, runs: Sequence[JobRun]) -> Sequence[str]:
        """Returns the broken objects that are known, after one more step of a search; each follows the newest run."""
        uid = registry.metadata.uid
        ended = next((run.number for run in runs if run.has_ended), None)
        if ended is None:
            return ()
        search = self._searches.get(uid, ObjectSearch(ended))
        if search.run != ended and search.is_complete:  # runs can be more frequent than searches are fast
            search = ObjectSearch(ended, found=search.found)
        with suppress(Unavailable, Refused):  # StorageReady reports the cause
            search = await self._search_storage(registry, search)
        self._searches[uid] = search
        return search.found

    async def remove(self, registry: HarborRegistry) -> None:
        """Forgets what Harbor does not return, and the search."""
        self._dry_runs.pop(registry.metadata.uid, None)
        self._searches.pop(registry.metadata.uid, None)

    def _is_dry_run_uncertain(self, uid: str, desired: DesiredSchedule, runs: Sequence[JobRun]) -> bool:
        """Whether to write a schedule that looks as desired, because Harbor does not return its `dry_run`.

        After a start of the operator this is so once if a collection must be dry, or the last scheduled one was.
        """
        if not hides_dry_run(desired):
            return False
        wanted, known = desired.parameters[DRY_RUN], self._dry_runs.get(uid)
        if known is not None:
            return bool(known != wanted)
        return bool(wanted or next((run.is_dry_run for run in runs if not run.is_manual), False))


def _change(desired: DesiredSchedule, observed: ObservedSchedule | None) -> str:
    field = f"`spec.{desired.job}.schedule`"
    if desired.kind == NONE:
        return f"removed the schedule of {field}"
    before = f"'{observed.cron}'" if observed else "none"
    return f"set {field} to '{desired.cron}' (before: {before})"
