"""The migrations that each Harbor minor knows."""

from __future__ import annotations

import pytest

from harbor_operator.api.charts import CHARTS, find_chart
from harbor_operator.api.schema_versions import harbor_minor_of, max_schema


@pytest.mark.parametrize(("version", "newest"), [("1.2.0", 14), ("1.3.1", 29), ("1.14.2", 139), ("1.19.1", 189)])
def test_a_chart_knows_every_migration_before_the_next_minor(version: str, newest: int) -> None:
    """Finding D7."""
    chart = find_chart(version)
    assert chart
    assert max_schema(chart) == newest


def test_every_chart_of_the_table_has_its_migrations_in_order() -> None:
    """Finding D7."""
    known = [max_schema(chart) for chart in CHARTS]
    assert [number for number in known if number] == sorted({number for number in known if number})
    assert len(known) - known.count(None) >= len(CHARTS) - 1


@pytest.mark.parametrize(("version", "minor"), [(15, "1.10"), (171, "2.14"), (180, "2.15"), (999, "2.16")])
def test_a_migration_names_the_harbor_that_brought_it(version: int, minor: str) -> None:
    """Finding D7."""
    assert harbor_minor_of(version) == minor
