"""The part of Configured that keeps the schedules of Harbor's own jobs, and reports the last garbage collection."""

from __future__ import annotations

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.schedules import collection_warnings
from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.outcomes import CollectionFacts, Done, Facts
from harbor_operator.model.schedules import DesiredSchedule, ObservedSchedule, SystemJob
from harbor_operator.plan.schedules import NONE, differs, plan_schedules
from harbor_operator.ports.harbor_schedules import HarborSchedules


class ScheduleSection:
    """Reads each schedule that the spec names, and writes the ones that differ."""

    def __init__(self, harbor: HarborSchedules) -> None:
        self._harbor = harbor

    def is_requested(self, registry: HarborRegistry) -> bool:
        """Whether the spec names a schedule."""
        return bool(plan_schedules(registry))

    async def reconcile(self, registry: HarborRegistry, admin: HarborEndpoint) -> Done:
        """Corrects the schedules; a schedule that the spec does not name stays as it is."""
        desired = plan_schedules(registry)
        changes = []
        for schedule in desired:
            observed = await self._harbor.read_schedule(admin, schedule.job)
            if differs(schedule, observed):
                await self._harbor.set_schedule(admin, schedule)
                changes.append(_change(schedule, observed))
        message = f"{len(desired)} {'schedule is' if len(desired) == 1 else 'schedules are'} as the spec says"
        if registry.spec.garbage_collection is None:
            return Done(message, changes=tuple(changes))
        runs = await self._harbor.read_collections(admin)
        (collection,) = [one for one in desired if one.job is SystemJob.GARBAGE_COLLECTION]
        facts = Facts(garbage_collection=CollectionFacts(collection.cron, runs[0] if runs else None))
        return Done(message, facts=facts, warnings=collection_warnings(runs), changes=tuple(changes))


def _change(desired: DesiredSchedule, observed: ObservedSchedule | None) -> str:
    field = f"`spec.{desired.job}.schedule`"
    if desired.kind == NONE:
        return f"removed the schedule of {field}"
    before = f"'{observed.cron}'" if observed else "none"
    return f"set {field} to '{desired.cron}' (before: {before})"
