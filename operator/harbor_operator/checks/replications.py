"""Checks of replication rules before a write to Harbor."""

from __future__ import annotations

from collections.abc import Mapping

from harbor_operator.api.replications import Replication
from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.projects import ObservedRegistry
from harbor_operator.reasons import Reason


def check_registry(replication: Replication, registries: Mapping[str, ObservedRegistry]) -> Blocked | None:
    """Returns that Harbor does not have the other registry of the rule, or None."""
    name = replication.pull_from or replication.push_to
    if name in registries:
        return None
    field = "pullFrom" if replication.pull_from else "pushTo"
    message = (
        f"replication '{replication.name}' names registry '{name}' (`spec.replications[].{field}`), which Harbor does "
        "not have: add it to `spec.registries`, or correct the name"
    )
    return Blocked(Reason.REPLICATION_REFUSED, message)
