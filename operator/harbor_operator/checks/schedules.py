"""What is wrong with the schedules of Harbor's jobs, and with the runs of garbage collection."""

from __future__ import annotations

from collections.abc import Sequence

from harbor_operator.model.outcomes import Blocked, StatusWarning
from harbor_operator.model.schedules import JobRun
from harbor_operator.reasons import Reason


def collection_warnings(runs: Sequence[JobRun]) -> tuple[StatusWarning, ...]:
    """Returns a warning if the newest run that has ended has failed; `runs` are newest first."""
    last = next((run for run in runs if run.has_ended), None)
    if last is None or last.status != "Error":
        return ()
    message = (
        f"garbage collection {last.number} of {last.updated_at:%Y-%m-%d %H:%M} UTC failed, so the space of deleted "
        "images is not freed: read its log in Harbor under Clean Up, Garbage Collection, and correct the cause; the "
        "warning ends with the next run that succeeds"
    )
    return (StatusWarning(Reason.GARBAGE_COLLECTION_FAILED, message),)


def explain_missing_scanner() -> Blocked:
    """Returns that images cannot be scanned."""
    message = (
        "Harbor has no default scanner, which `spec.scanAll` needs: enable Trivy (`trivy.enabled: true` in "
        "`spec.release.values`), register a scanner in Harbor, or remove `spec.scanAll`"
    )
    return Blocked(Reason.SCHEDULE_REFUSED, message)
