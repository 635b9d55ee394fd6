"""Checks of a deletion: what ends it although something remains, and how a message names the way out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from harbor_operator.api.kind import GROUP
from harbor_operator.model.outcomes import Blocked, Outcome, Unknown
from harbor_operator.reasons import Reason

ABANDON = f"{GROUP}/abandon"
"""Annotation with the value "true": a deleted HarborRegistry ends without its teardown."""

REMOVED_WITH_NAMESPACE = frozenset(
    {Reason.RIGHTS_MISSING, Reason.RELEASE_SERVICE_ACCOUNT_MISSING, Reason.SECRET_MISSING, Reason.SECRET_KEY_MISSING}
)
"""Reasons whose cause is a RoleBinding, service account or Secret of the registry's own namespace."""


def is_abandoned(body: Mapping[str, Any]) -> bool:
    """Whether the annotation of a HarborRegistry says that its deletion must not wait for the teardown."""
    return (body["metadata"].get("annotations") or {}).get(ABANDON) == "true"


def is_untouched(status: Mapping[str, Any]) -> bool:
    """Whether the operator has created nothing for a HarborRegistry with this status: it has never read a Secret."""
    return bool(status.get("untouched", not status.get("conditions")))


def with_way_out(outcome: Outcome) -> Outcome:
    """Returns the outcome of a teardown; a message that needs manual action or a server also names the annotation."""
    if not isinstance(outcome, Blocked | Unknown):
        return outcome
    hint = (
        f'to end the deletion without this step and all later ones, set the annotation `{ABANDON}: "true"`: nothing '
        "more is removed, and an event lists what can remain"
    )
    return replace(outcome, message=f"{outcome.message}; {hint}")
