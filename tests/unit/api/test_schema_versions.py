"""The migrations that each Harbor minor knows."""

from __future__ import annotations

import pytest

from harbor_operator.api.charts import CHARTS, find_chart
from harbor_operator.api.schema_versions import chart_of_schema, first_schema, harbor_minor_of, max_schema, migrates


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


@pytest.mark.parametrize(
    ("version", "minor"), [(5, None), (10, 2), (12, 2), (15, 3), (120, 13), (171, 18), (180, 19), (190, None)]
)
def test_a_migration_belongs_to_a_chart(version: int, minor: int | None) -> None:
    chart = chart_of_schema(version)
    assert (chart.minor if chart else None) == minor


@pytest.mark.parametrize(
    ("installed", "target", "expected"),
    [
        ("1.18.4", "1.19.0", True),
        ("1.19.0", "1.19.1", False),
        ("1.19.1", "1.19.2", True),
        ("1.18.0", "1.18.1", True),
        ("1.18.1", "1.18.4", False),
        ("1.6.0", "1.6.4", True),
        ("1.3.0", "1.3.19", False),
        ("1.19.1", "1.30.0", True),
    ],
)
def test_only_some_patches_migrate_the_database(installed: str, target: str, expected: bool) -> None:
    """A patch that is newer than the table may migrate it."""
    assert migrates(installed, target) is expected


def test_a_started_harbor_has_at_least_the_first_migration_of_its_minor() -> None:
    assert [first_schema(chart) for chart in CHARTS] == sorted({first_schema(chart) for chart in CHARTS})
    assert all(chart_of_schema(first_schema(chart)) == chart for chart in CHARTS)
