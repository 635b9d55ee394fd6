"""Medians, percentiles and ranges."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

QUANTILES = 100
NO_VALUE = "-"


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Returns the smallest value that is not exceeded by `percent` percent of the values."""
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def summary(seconds: Iterable[float]) -> dict[str, Any]:
    """Returns a summary of latencies in milliseconds; `curve` has all percentiles, for the plots."""
    ordered = sorted(value * 1000 for value in seconds)
    if not ordered:
        return {"count": 0}
    curve = [round(percentile(ordered, step), 3) for step in range(QUANTILES + 1)]
    marks = {f"p{percent}": round(percentile(ordered, percent), 3) for percent in (50, 90, 99)}
    return {"count": len(ordered), **marks, "max": round(ordered[-1], 3), "curve": curve}


def median_and_range(values: Sequence[float], unit: str = "") -> str:
    """Returns the median, with minimum and maximum if they differ."""
    if not values:
        return NO_VALUE
    text = f"{number(median(values))}{unit}"
    if len(values) == 1 or number(min(values)) == number(max(values)):
        return text
    return f"{text} ({number(min(values))} to {number(max(values))})"


def number(value: float) -> str:
    """Returns a number with three significant digits."""
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{digits}f}" if digits else f"{value:,.0f}"
