from __future__ import annotations

from harbor_operator.checks.empty_objects import check_empty_objects
from harbor_operator.reasons import Reason


def test_no_object_is_no_warning() -> None:
    assert check_empty_objects(()) == ()


def test_the_first_objects_are_named() -> None:
    (warning,) = check_empty_objects([f"files/{letter}" for letter in "abcde"])
    assert warning.code is Reason.ZERO_SEGMENT_OBJECT
    assert "'files/a', 'files/b', 'files/c' and 2 more" in warning.message
