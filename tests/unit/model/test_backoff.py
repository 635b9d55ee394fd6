"""The delays between retries."""

from __future__ import annotations

import math

from harbor_operator.model.backoff import backoff_seconds


def test_the_delay_doubles_up_to_the_maximum() -> None:
    assert [backoff_seconds(0.5, 6.0, count) for count in range(6)] == [0.5, 1.0, 2.0, 4.0, 6.0, 6.0]


def test_another_factor_grows_faster() -> None:
    assert [backoff_seconds(15.0, 3600.0, count, 4.0) for count in range(5)] == [15.0, 60.0, 240.0, 960.0, 3600.0]


def test_a_huge_or_negative_count_gives_a_delay_within_the_bounds() -> None:
    assert backoff_seconds(1.0, 300.0, 10**9) == 300.0
    assert backoff_seconds(1.0, 300.0, -1) == 1.0
    assert math.isfinite(backoff_seconds(1.0, math.inf, 10**9))
