"""The desired schedules of Harbor's jobs, and whether an observed one differs."""

from __future__ import annotations

from harbor_operator.api.schedules import GarbageCollection, PurgeAudit, ScheduledJob
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.schedules import DesiredSchedule, ObservedSchedule, SystemJob

NONE = "None"
PRESETS = {"Hourly": "0 0 * * * *", "Daily": "0 0 0 * * *", "Weekly": "0 0 0 * * 0"}
"""The cron expressions that Harbor's own user interface stores for these kinds."""
EVENT_TYPES = "include_event_types"
DRY_RUN = "dry_run"
_DEFAULTS = {"delete_untagged": False, DRY_RUN: False, "workers": 1}
"""What a parameter means that Harbor does not return."""


def plan_schedules(registry: HarborRegistry) -> tuple[DesiredSchedule, ...]:
    """Returns the schedules of the jobs that the spec names."""
    spec = registry.spec
    sections = {
        SystemJob.GARBAGE_COLLECTION: spec.garbage_collection,
        SystemJob.PURGE_AUDIT: spec.purge_audit,
        SystemJob.SCAN_ALL: spec.scan_all,
    }
    return tuple(_desired(job, section) for job, section in sections.items() if section is not None)


def differs(desired: DesiredSchedule, observed: ObservedSchedule | None) -> bool:
    """Whether the schedule must be written; without one, only the absence of a schedule is as desired."""
    if observed is None or desired.kind == NONE:
        return (observed is None) != (desired.kind == NONE)
    return desired.cron != observed.cron or bool(differing_parameters(desired, observed))


def differing_parameters(desired: DesiredSchedule, observed: ObservedSchedule) -> dict[str, object]:
    """Returns the parameters that differ as far as Harbor shows them, with their observed values."""
    return {
        key: current
        for key, wanted in desired.parameters.items()
        if not (key == DRY_RUN and hides_dry_run(desired))
        and _comparable(key, current := observed.parameters.get(key, _DEFAULTS.get(key))) != _comparable(key, wanted)
    }


def hides_dry_run(desired: DesiredSchedule) -> bool:
    """Whether Harbor never returns `dry_run` of such a schedule (`CreateSchedule` in src/controller/gc)."""
    return desired.job is SystemJob.GARBAGE_COLLECTION and desired.kind != NONE


def plan_cron(schedule: str) -> str:
    """Returns the cron expression of a schedule of the spec; empty for none."""
    return "" if schedule == NONE else PRESETS.get(schedule, schedule)


def _desired(job: SystemJob, section: ScheduledJob) -> DesiredSchedule:
    kind = section.schedule if section.schedule in {NONE, *PRESETS} else "Custom"
    return DesiredSchedule(job, kind, plan_cron(section.schedule), _parameters(section))


def _parameters(section: ScheduledJob) -> dict[str, object]:
    match section:
        case GarbageCollection():
            return {
                "delete_untagged": section.delete_untagged,
                "workers": section.workers,
                DRY_RUN: section.dry_run,
            }
        case PurgeAudit():
            return {
                "audit_retention_hour": section.keep_hours,
                EVENT_TYPES: ",".join(section.event_types),
                DRY_RUN: section.dry_run,
            }
        case _:
            return {}


def _comparable(key: str, value: object) -> object:
    return frozenset(str(value or "").split(",")) if key == EVENT_TYPES else value
