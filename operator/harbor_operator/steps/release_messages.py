"""Sentences of the release step about Helm runs and about what a deletion leaves."""

from __future__ import annotations

from datetime import datetime

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.release import Progress
from harbor_operator.plan import names


def describe_run(name: str, progress: Progress) -> str:
    """Returns since when a run on this release is queued or in progress."""
    since = time_of_day(progress.since)
    if progress.queued:
        return (
            f"a Helm run on release '{name}' is queued since {since}: it waits for other runs, of which there is one"
            " in a namespace and `HARBOR_OPERATOR_HELM_RUNS` in all"
        )
    return f"a Helm run on release '{name}' is in progress since {since}"


def time_of_day(moment: datetime | None) -> str:
    """Returns a time of day; a duration would change the message, and so the status, in each pass."""
    return moment.strftime("%H:%M:%S UTC") if moment else "an unknown time"


def deletion_message(registry: HarborRegistry, *, foreign: bool) -> str:
    """Returns what is gone and what is retained; `foreign` means that the release has another owner."""
    name = names.release(registry)
    what = f"Helm release '{name}' " + ("belongs to another owner and is retained" if foreign else "is gone")
    generated = names.generated_secrets(registry)
    database = "the database" if registry.spec.database else "the volume of the chart's database"
    return f"{what}; Secret '{generated}' and the admin password are retained as long as {database}, which needs them"
