"""What each minor of the official chart carries: its Harbor, the databases it wants and the PostgreSQL it accepts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

_VERSION = re.compile(r"1\.(\d+)\.(\d+)")


class DatabaseKind(StrEnum):
    """A database that Harbor may want; the value is the field of `spec.database.names`."""

    CORE = "core"
    CLAIR = "clair"
    NOTARY_SERVER = "notaryServer"
    NOTARY_SIGNER = "notarySigner"


_CORE = (DatabaseKind.CORE,)
_WITH_NOTARY = (DatabaseKind.CORE, DatabaseKind.NOTARY_SERVER, DatabaseKind.NOTARY_SIGNER)
_WITH_CLAIR = (DatabaseKind.CORE, DatabaseKind.CLAIR, DatabaseKind.NOTARY_SERVER, DatabaseKind.NOTARY_SIGNER)


@dataclass(frozen=True, slots=True)
class ChartEra:
    """One minor of the chart; `databases` are all it may want, `min_postgres` the oldest major Harbor accepts."""

    minor: int
    harbor_minor: str
    databases: tuple[DatabaseKind, ...]
    min_postgres: int
    swift_supported: bool = True


# Charts 1.2 to 1.19 and their Harbor. All of them ship a registry with the Swift driver (distribution 2.7 and 2.8);
# what comes later is unknown until somebody has looked, and unknown means refused.
_ERAS = (
    ChartEra(2, "1.9", _WITH_CLAIR, 9),
    ChartEra(3, "1.10", _WITH_CLAIR, 9),
    ChartEra(4, "2.0", _WITH_CLAIR, 9),
    ChartEra(5, "2.1", _WITH_CLAIR, 9),
    ChartEra(6, "2.2", _WITH_NOTARY, 9),
    ChartEra(7, "2.3", _WITH_NOTARY, 9),
    ChartEra(8, "2.4", _WITH_NOTARY, 9),
    ChartEra(9, "2.5", _WITH_NOTARY, 10),
    ChartEra(10, "2.6", _WITH_NOTARY, 10),
    ChartEra(11, "2.7", _WITH_NOTARY, 10),
    ChartEra(12, "2.8", _WITH_NOTARY, 10),
    ChartEra(13, "2.9", _CORE, 12),
    ChartEra(14, "2.10", _CORE, 12),
    ChartEra(15, "2.11", _CORE, 12),
    ChartEra(16, "2.12", _CORE, 12),
    ChartEra(17, "2.13", _CORE, 12),
    ChartEra(18, "2.14", _CORE, 12),
    ChartEra(19, "2.15", _CORE, 12),
)
_BY_MINOR = {era.minor: era for era in _ERAS}


def chart_era(version: str) -> ChartEra | None:
    """Returns what the chart version carries, or None for a version nobody has looked at."""
    found = _VERSION.fullmatch(version)
    return _BY_MINOR.get(int(found.group(1))) if found else None
