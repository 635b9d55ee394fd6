from __future__ import annotations

import pytest

from harbor_operator.checks.release_drift import (
    MAX_LISTED_OBJECTS,
    Drift,
    describe_drift,
    describe_failures,
    describe_object,
)
from harbor_operator.model.release import ListedObject
from harbor_operator.model.release_drift import DriftedObject, ObjectFailure
from harbor_operator.reasons import Reason


def listed(name: str) -> ListedObject:
    return ListedObject("v1", "ConfigMap", name, "intra")


def test_nothing_is_reported_of_an_unchanged_release() -> None:
    assert [warning for drift in Drift for warning in describe_drift(drift, "cr", [])] == []
    assert [*describe_failures("cr", [], "compared")] == []


def test_fields_and_objects_are_listed_up_to_a_bound() -> None:
    fields = tuple(f"data.{number}" for number in range(5))
    assert describe_object(DriftedObject(listed("a"), fields)) == (
        "ConfigMap 'a' (`data.0`, `data.1`, `data.2` and 2 more)"
    )
    many = [DriftedObject(listed(str(number))) for number in range(MAX_LISTED_OBJECTS + 3)]
    (warning,) = describe_drift(Drift.CHANGED, "cr", many)
    assert warning.code is Reason.RELEASE_DRIFTED
    assert "and 3 more" in warning.message
    assert "`spec.release.drift`" in warning.message


@pytest.mark.parametrize("drift", Drift)
def test_each_text_names_the_release_and_the_objects(drift: Drift) -> None:
    (warning,) = describe_drift(drift, "cr", [DriftedObject(listed("{a}"))])
    assert "release 'cr'" in warning.message
    assert "ConfigMap '{a}' (deleted)" in warning.message


def test_a_long_answer_of_the_server_is_cut() -> None:
    (warning,) = describe_failures("cr", [ObjectFailure(listed("a"), "x" * 10_000)], "compared")
    assert warning.code is Reason.DRIFT_UNKNOWN
    assert len(warning.message) < 500


def test_a_long_path_is_cut() -> None:
    assert len(describe_object(DriftedObject(listed("a"), ("x" * 10_000,)))) < 300
