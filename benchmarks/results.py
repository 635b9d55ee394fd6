"""Queries of the results, for tables and plots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.loads.arrivals import Row

OURS = "harbor-operator"
BY_POLICY = "harbor-operator-policy"
FLOOR = "floor-"


@dataclass(frozen=True)
class Results:
    """The content of latest.json."""

    content: dict[str, Any]

    @property
    def infos(self) -> list[dict[str, str]]:
        """All measured injectors except the floor."""
        return list(self.content["injectors"])

    @property
    def peers(self) -> list[str]:
        """The names of the other injectors."""
        return [info["name"] for info in self.infos if info["name"] not in {OURS, BY_POLICY}]

    @property
    def sizes(self) -> list[int]:
        """The sizes of the rounds, in namespaces."""
        return [round_["size"] for round_ in self.content["program"]["rounds"]]

    @property
    def deep(self) -> int:
        """The number of existing namespaces during the loads that run at one size only."""
        return int(self.content["program"]["deep"])

    @property
    def floor(self) -> str:
        """The name of the floor with the best concurrency: the only one with all runs."""
        names = {row["injector"] for row in self.rows("burst") if row["injector"].startswith(FLOOR)}
        return max(sorted(names), key=lambda name: len(self.rows("burst", name)), default=FLOOR)

    def rows(self, load: str, injector: str | None = None, size: int | None = None) -> list[Row]:
        """Returns the rows of a load, optionally of one injector and size."""
        return [
            row
            for row in self.content["rows"]
            if row["load"] == load and injector in {None, row["injector"]} and size in {None, row["size"]}
        ]

    def values(self, load: str, injector: str, size: int, *path: str) -> list[float]:
        """Returns one number of every run that has it."""
        found = [_dig(row, path) for row in self.rows(load, injector, size) if row.get("finished", True)]
        return [float(value) for value in found if value is not None]

    def floor_seconds(self, load: str, size: int) -> float | None:
        """Returns T*, the median of the floor, or None."""
        seconds = self.values(load, self.floor, size, "seconds")
        return median(seconds) if seconds else None

    def trickle(self, injector: str, rate: float) -> Row:
        """Returns the row of a trickle at this rate, or an empty mapping."""
        return next((row for row in self.rows("trickle", injector) if row["rate"] == rate), {})


def _dig(row: Row, path: Sequence[str]) -> Any:
    found: Any = row
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found
