"""Which findings count."""

from __future__ import annotations

from harbor_operator.kubectl.findings import Finding, Level, has_error


def test_only_an_error_counts() -> None:
    passed, warned, failed = (Finding(level, "Code", "spec.cache", "text", "") for level in Level)
    assert has_error([passed, failed])
    assert not has_error([passed, warned])
