"""What was measured, as tables and plots ask for it."""

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
    def cards(self) -> list[dict[str, str]]:
        """Everybody who was measured, but for the floor."""
        return list(self.content["contenders"])

    @property
    def peers(self) -> list[str]:
        """The names of those that are not ours."""
        return [card["name"] for card in self.cards if card["name"] not in {OURS, BY_POLICY}]

    @property
    def sizes(self) -> list[int]:
        """How many namespaces came at once."""
        return [stint["size"] for stint in self.content["program"]["rounds"]]

    @property
    def deep(self) -> int:
        """How many namespaces there were during the loads that are done at one size only."""
        return int(self.content["program"]["deep"])

    @property
    def floor(self) -> str:
        """The name of the floor at its best concurrency: the only one that had every run."""
        names = {row["contender"] for row in self.rows("burst") if row["contender"].startswith(FLOOR)}
        return max(sorted(names), key=lambda name: len(self.rows("burst", name)), default=FLOOR)

    def rows(self, load: str, contender: str | None = None, size: int | None = None) -> list[Row]:
        """The rows of a load, as far as they are asked for."""
        return [
            row
            for row in self.content["rows"]
            if row["load"] == load and contender in {None, row["contender"]} and size in {None, row["size"]}
        ]

    def values(self, load: str, contender: str, size: int, *path: str) -> list[float]:
        """One number out of every run in which it was measured."""
        found = [_dig(row, path) for row in self.rows(load, contender, size) if row.get("finished", True)]
        return [float(value) for value in found if value is not None]

    def floor_seconds(self, load: str, size: int) -> float | None:
        """T*: the median of the floor."""
        seconds = self.values(load, self.floor, size, "seconds")
        return median(seconds) if seconds else None

    def trickle(self, contender: str, rate: float) -> Row:
        """The row of a trickle at this rate, if there is one."""
        return next((row for row in self.rows("trickle", contender) if row["rate"] == rate), {})


def _dig(row: Row, path: Sequence[str]) -> Any:
    found: Any = row
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found
