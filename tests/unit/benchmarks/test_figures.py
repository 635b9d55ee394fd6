"""Percentiles, summaries and number formats of the benchmark."""

from __future__ import annotations

import pytest

from benchmarks.figures import median_and_range, number, percentile, summary


@pytest.mark.parametrize(("percent", "value"), [(50, 50), (99, 99), (100, 100), (0, 1)])
def test_a_percentile_is_one_of_the_values(percent: float, value: float) -> None:
    assert percentile([float(one) for one in range(1, 101)], percent) == value


def test_a_summary_is_in_milliseconds() -> None:
    found = summary([0.001, 0.003, 0.002])
    assert (found["count"], found["p50"], found["p99"], found["max"]) == (3, 2.0, 3.0, 3.0)
    assert summary([]) == {"count": 0}


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.0123, "0.0123"), (1.5, "1.50"), (12.34, "12.3"), (1234.5, "1,234"), (2, "2.00")]
)
def test_a_number_has_three_significant_digits(value: float, text: str) -> None:
    assert number(value) == text


def test_median_and_range_shows_the_extremes_only_if_they_differ() -> None:
    assert median_and_range([2.0, 2.0], " s") == "2.00 s"
    assert median_and_range([1.0, 2.0, 4.0], " s") == "2.00 s (1.00 to 4.00)"
