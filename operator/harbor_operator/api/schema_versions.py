"""Which migrations of its database each Harbor knows: core does not start on a schema that is newer.

Read from `make/migrations/postgresql/NNNN_VERSION_schema.up.sql` of the last tag of each minor.
"""

from __future__ import annotations

from harbor_operator.api.charts import CHARTS, ChartSupport, find_chart, version_numbers

# The number of the first migration of each minor; patches count up from it.
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

# The patch versions that have a migration of their own.
_MIGRATING_PATCHES = {
    "1.9": (1, 4),
    "2.0": (3,),
    "2.1": (4,),
    "2.2": (1, 2, 3),
    "2.3": (4,),
    "2.4": (2,),
    "2.5": (2, 3),
    "2.6": (2,),
    "2.8": (1,),
    "2.14": (1,),
    "2.15": (3,),
}


def first_schema(chart: ChartSupport) -> int:
    """Returns the `schema_migrations.version` that the chart's Harbor minor reaches at least when it starts."""
    return _FIRST_MIGRATIONS[chart.harbor_minor]


def max_schema(chart: ChartSupport) -> int | None:
    """Returns the highest `schema_migrations.version` of the chart's Harbor minor; None if the next is not known."""
    following = _HARBOR_MINORS[_HARBOR_MINORS.index(chart.harbor_minor) + 1 :]
    return _FIRST_MIGRATIONS[following[0]] - 1 if following else None


def harbor_minor_of(version: int) -> str:
    """Returns the Harbor minor that brought the migration; of the oldest or newest known one beyond these."""
    known = (minor for minor, first in _FIRST_MIGRATIONS.items() if first <= version)
    return max(known, key=_HARBOR_MINORS.index, default=_HARBOR_MINORS[0])


def chart_of_schema(version: int) -> ChartSupport | None:
    """Returns the chart whose Harbor minor brought the migration; None if it is older or newer than the table."""
    if version < _FIRST_MIGRATIONS[_HARBOR_MINORS[0]]:
        return None
    return next((chart for chart in CHARTS if chart.harbor_minor == harbor_minor_of(version)), None)


def migrates(installed: str, target: str) -> bool:
    """Whether Harbor migrates its database when the target chart replaces the installed, older one.

    Also for a patch that is newer than those whose migrations are known.
    """
    old, new = find_chart(installed), find_chart(target)
    if old is None or new is None or old.minor != new.minor:
        return True
    first, last = version_numbers(installed)[2], version_numbers(target)[2]
    known = _MIGRATING_PATCHES.get(new.harbor_minor, ())
    return last > new.last_patch or any(first < patch <= last for patch in known)
