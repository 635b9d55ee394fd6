"""Exponential back-off: the one formula that every retry of the operator uses."""

from __future__ import annotations

MAX_EXPONENT = 62
"""A larger exponent adds nothing: every maximum is reached long before, and the power stays a finite float."""


def backoff_seconds(initial: float, maximum: float, count: int, factor: float = 2.0) -> float:
    """Returns the delay after `count` earlier failures: `initial`, then `factor` times as long each time.

    The result is at most `maximum`. The caller adds the jitter, because only it has a source of random numbers.
    """
    return min(maximum, initial * factor ** min(max(count, 0), MAX_EXPONENT))
