"""Which migrations of its database each Harbor knows: core does not start on a schema that is newer."""

from __future__ import annotations

from harbor_operator.api.charts import ChartSupport

# The number of `make/migrations/postgresql/NNNN_2.x.0_schema.up.sql` of each minor; patches count up from it.
_FIRST_MIGRATIONS = {
    "1.9": 10,
    "1.10": 15,
    "2.0": 30,
    "2.1": 40,
    "2.2": 50,
    "2.3": 60,
    "2.4": 70,
    "2.5": 80,
    "2.6": 90,
    "2.7": 100,
    "2.8": 110,
    "2.9": 120,
    "2.10": 130,
    "2.11": 140,
    "2.12": 150,
    "2.13": 160,
    "2.14": 170,
    "2.15": 180,
    "2.16": 190,
}
_HARBOR_MINORS = tuple(_FIRST_MIGRATIONS)


def max_schema(chart: ChartSupport) -> int | None:
    """Returns the highest `schema_migrations.version` of the chart's Harbor minor; None if the next is not known."""
    following = _HARBOR_MINORS[_HARBOR_MINORS.index(chart.harbor_minor) + 1 :]
    return _FIRST_MIGRATIONS[following[0]] - 1 if following else None


def harbor_minor_of(version: int) -> str:
    """Returns the Harbor minor that brought the migration; that of the newest known one for a later number."""
    return max((minor for minor, first in _FIRST_MIGRATIONS.items() if first <= version), key=_HARBOR_MINORS.index)
