"""What is wrong with large objects whose segments do not exist."""

from __future__ import annotations

from collections.abc import Sequence

from harbor_operator.model.outcomes import StatusWarning
from harbor_operator.reasons import Reason

MAX_NAMES = 3


def check_empty_objects(names: Sequence[str]) -> tuple[StatusWarning, ...]:
    """Returns a warning that names some of the objects."""
    if not names:
        return ()
    listed = ", ".join(f"'{name}'" for name in names[:MAX_NAMES])
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    message = (
        f"the container of `spec.storage.swift` has objects whose segments do not exist: {listed}{more}; garbage "
        "collection and pulls of these layers fail: restore the segments from a backup, or check that `swift stat` "
        "shows `Content Length: 0` and a `Manifest` and delete exactly these objects, then push their images again"
    )
    return (StatusWarning(Reason.ZERO_SEGMENT_OBJECT, message),)
