from __future__ import annotations

import pytest

from harbor_operator.checks.stored_bytes import GIB, compare_storage
from harbor_operator.model.schedules import StorageComparison
from harbor_operator.reasons import Reason


@pytest.mark.parametrize(
    ("images", "stored", "code"),
    [
        (10 * GIB, 10 * GIB, None),
        (10 * GIB, 9 * GIB, Reason.STORAGE_DATA_MISSING),
        (10 * GIB, 0, Reason.STORAGE_DATA_MISSING),
        (10 * GIB, 15 * GIB, None),
        (10 * GIB, 17 * GIB, Reason.STORAGE_NOT_FREED),
        (0, 0, None),
        (0, GIB, None),
        (0, 2 * GIB, Reason.STORAGE_NOT_FREED),
        (None, 2 * GIB, None),
        (10 * GIB, None, None),
    ],
)
def test_sizes_that_do_not_agree_are_a_warning(images: int | None, stored: int | None, code: Reason | None) -> None:
    warnings = compare_storage(StorageComparison(7, images, stored))
    assert [warning.code for warning in warnings] == ([code] if code else [])


def test_without_a_comparison_nothing_is_said() -> None:
    assert compare_storage(None) == ()


def test_the_message_names_the_run_and_both_sizes() -> None:
    (warning,) = compare_storage(StorageComparison(7, 10 * GIB, 9 * GIB))
    assert "after garbage collection 7 Harbor counts 10.000 GiB of images, and the storage holds 9.000 GiB" in (
        warning.message
    )
