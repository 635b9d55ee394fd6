"""Whether the store holds what Harbor's database counts, after a run of garbage collection."""

from __future__ import annotations

from harbor_operator.model.outcomes import StatusWarning
from harbor_operator.model.schedules import StorageComparison
from harbor_operator.reasons import Reason

GIB = 1 << 30
LEAST_SHARE = 0.95
"""Harbor counts a layer once, and a store holds each once: less than this share of the images is missing data."""
MOST_SHARE, MOST_EXTRA_BYTES = 1.5, GIB
"""Link files, uploads in progress and the operator's mark are less than both together."""


def compare_storage(comparison: StorageComparison | None) -> tuple[StatusWarning, ...]:
    """Returns a warning if data are missing, or if much more is stored than Harbor counts."""
    images = comparison.image_bytes if comparison else None
    stored = comparison.stored_bytes if comparison else None
    if comparison is None or images is None or stored is None:
        return ()
    sizes = (
        f"after garbage collection {comparison.run} Harbor counts {_gib(images)} of images, and the storage holds "
        f"{_gib(stored)}"
    )
    if stored < images * LEAST_SHARE:
        message = f"{sizes}: layers are missing or empty, so their pulls fail; delete nothing, and push them again"
        return (StatusWarning(Reason.STORAGE_DATA_MISSING, message),)
    if stored > images * MOST_SHARE + MOST_EXTRA_BYTES:
        message = (
            f"{sizes}: interrupted uploads, layers that Harbor does not know, or objects of other clients use the "
            "rest; list the largest prefixes before you delete anything"
        )
        return (StatusWarning(Reason.STORAGE_NOT_FREED, message),)
    return ()


def _gib(size: int) -> str:
    return f"{size / GIB:.3f} GiB"
