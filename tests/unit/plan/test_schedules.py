"""Desired schedules, and which observed ones differ."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from harbor_operator.api.schedules import GarbageCollection
from harbor_operator.model.schedules import DesiredSchedule, ObservedSchedule, SystemJob
from harbor_operator.plan.schedules import differs

GC, PURGE = SystemJob.GARBAGE_COLLECTION, SystemJob.PURGE_AUDIT
DAILY = "0 0 0 * * *"
DEFAULTS = {"delete_untagged": False, "workers": 1, "dry_run": False}


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        (None, True),
        (ObservedSchedule(DAILY), False),  # Harbor does not return what was never set
        (ObservedSchedule(DAILY, {**DEFAULTS, "time_window": 2}), False),
        (ObservedSchedule("0 0 5 * * *", DEFAULTS), True),
        (ObservedSchedule(DAILY, {**DEFAULTS, "workers": 5}), True),
        (ObservedSchedule(DAILY, {"delete_untagged": True}), True),
    ],
)
def test_a_schedule_differs_by_time_or_parameter(observed: ObservedSchedule | None, expected: bool) -> None:
    assert differs(DesiredSchedule(GC, "Daily", DAILY, DEFAULTS), observed) is expected


def test_the_order_of_event_types_does_not_count() -> None:
    desired = DesiredSchedule(PURGE, "Daily", DAILY, {"include_event_types": "a,b"})
    assert not differs(desired, ObservedSchedule(DAILY, {"include_event_types": "b,a"}))
    assert differs(desired, ObservedSchedule(DAILY, {"include_event_types": "b"}))


def test_no_schedule_is_as_desired_only_if_there_is_none() -> None:
    none = DesiredSchedule(GC, "None", "", DEFAULTS)
    assert not differs(none, None)
    assert differs(none, ObservedSchedule(DAILY))


@pytest.mark.parametrize("schedule", ["Monthly", "0 0 * * *", "5 0 0 * * *", "0 0 0 * * * *", "", "daily"])
def test_a_schedule_that_harbor_refuses_is_invalid(schedule: str) -> None:
    values: dict[str, Any] = {"schedule": schedule}
    with pytest.raises(ValidationError):
        GarbageCollection.model_validate(values)
