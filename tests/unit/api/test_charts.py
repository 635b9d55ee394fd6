from __future__ import annotations

from pathlib import Path

import pytest

import harbor_operator
from harbor_operator.api.charts import (
    CHARTS,
    CLAIR_RANGE,
    NOTARY_RANGE,
    SUPPORTED_RANGE,
    SWIFT_RANGE,
    ChartSupport,
    DatabaseKind,
    Feature,
    find_chart,
)
from harbor_operator.checks.catalogue import CHAPTERS
from harbor_operator.checks.release import unknown_chart
from harbor_operator.reasons import Reason

SOURCE = Path(harbor_operator.__file__).parent


def chart(minor: int) -> ChartSupport:
    found = find_chart(f"1.{minor}.0")
    assert found
    return found


def test_minors_follow_each_other() -> None:
    minors = [chart.minor for chart in CHARTS]
    assert minors == list(range(minors[0], minors[-1] + 1))


def test_ranges_are_those_of_the_table() -> None:
    assert (SUPPORTED_RANGE, SWIFT_RANGE) == ("1.2 to 1.19", "1.2 to 1.19")
    assert (CLAIR_RANGE, NOTARY_RANGE) == ("1.2 to 1.5", "1.2 to 1.12")


@pytest.mark.parametrize(
    ("minor", "databases"),
    [
        (5, (DatabaseKind.CORE, DatabaseKind.CLAIR, DatabaseKind.NOTARY_SERVER, DatabaseKind.NOTARY_SIGNER)),
        (6, (DatabaseKind.CORE, DatabaseKind.NOTARY_SERVER, DatabaseKind.NOTARY_SIGNER)),
        (12, (DatabaseKind.CORE, DatabaseKind.NOTARY_SERVER, DatabaseKind.NOTARY_SIGNER)),
        (13, (DatabaseKind.CORE,)),
    ],
)
def test_databases_follow_the_optional_parts(minor: int, databases: tuple[DatabaseKind, ...]) -> None:
    assert chart(minor).databases == databases


def test_a_feature_has_a_first_and_may_have_a_last_minor() -> None:
    assert [minor for minor in range(2, 20) if chart(minor).supports(Feature.HTPASSWD_VALUE)] == [4, 5, 6, 7]
    assert chart(19).supports(Feature.REDIS_TLS)
    assert not chart(16).supports(Feature.REDIS_TLS)


def test_the_supported_range_is_written_in_the_table_only() -> None:
    problems = {reason: problem for chapter in CHAPTERS.values() for reason, problem in chapter.items()}
    assert SUPPORTED_RANGE in repr(problems[Reason.CHART_VERSION_UNKNOWN])
    assert SUPPORTED_RANGE in unknown_chart("1.99.0", swift=False).message
    literal = f"1.{CHARTS[0].minor} to 1."
    assert [path.name for path in SOURCE.rglob("*.py") if literal in path.read_text(encoding="utf-8")] == []


def test_harbor_uses_pgx_since_2_5() -> None:
    """goharbor/harbor#16267."""
    assert next(chart.harbor_minor for chart in CHARTS if not chart.core_uses_lib_pq) == "2.5"
