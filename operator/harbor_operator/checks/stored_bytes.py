"""Whether the store holds what Harbor's database counts, after a run of garbage collection."""

from __future__ import annotations

from harbor_operator.model.outcomes import StatusWarning
from harbor_operator.model.schedules import StorageComparison
from harbor_operator.reasons import Reason

GIB = 1 << 30
MIN_STORED_SHARE = 0.95
"""Harbor counts a layer once, and a store holds each once: less than this share of the images is missing data."""
MAX_STORED_SHARE, MAX_EXTRA_BYTES = 1.5, GIB
"""Link files, uploads in progress and the operator's mark are less than both together."""


def compare_storage(comparison: StorageComparison | None) -> tuple[StatusWarning, ...]:
    """Returns a warning if data are missing, or if much more is stored than Harbor counts."""
    if comparison is None or comparison.image_bytes is None or comparison.stored_bytes is None:
        return ()
    images, stored = comparison.image_bytes, comparison.stored_bytes
    sizes = (
        f"after garbage collection {comparison.run} Harbor counts {_gib(images)} of images, and the storage holds "
        f"{_gib(stored)}"
    )
    if stored < images * MIN_STORED_SHARE:
        message = f"{sizes}: layers are missing or empty, so their pulls fail; delete nothing, and push them again"
        return (StatusWarning(Reason.STORAGE_DATA_MISSING, message),)
    if stored > images * MAX_STORED_SHARE + MAX_EXTRA_BYTES:
        message = (
            f"{sizes}: interrupted uploads, layers that Harbor does not know, or objects of other clients use the "
            "rest; list the largest prefixes before you delete anything"
        )
        return (StatusWarning(Reason.STORAGE_NOT_FREED, message),)
    return ()


def _gib(size: int) -> str:
    return f"{size / GIB:.3f} GiB"
