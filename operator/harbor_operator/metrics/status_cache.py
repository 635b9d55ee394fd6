"""What the last pass said of each registry, as series."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

Sample = tuple[tuple[str, ...], float]
"""Values of the labels, and the value."""

Samples = Iterable[Sample]
STATUSES = ("true", "false", "unknown")


class StatusCache:
    """Holds the newest status of every registry that is looked after."""

    def __init__(self) -> None:
        self._statuses: dict[tuple[str, str], Mapping[str, Any]] = {}

    def note(self, registry: tuple[str, str], status: Mapping[str, Any]) -> None:
        """Takes what a pass saw; `registry` is its namespace and name."""
        self._statuses[registry] = status

    def forget(self, registry: tuple[str, str]) -> None:
        """Lets the series of a registry end."""
        self._statuses.pop(registry, None)

    def conditions(self) -> Iterator[Sample]:
        """Yields a sample for each status that each condition might have."""
        for registry, condition in self._conditions():
            for status in STATUSES:
                has = condition["status"].lower() == status
                yield (*registry, condition["type"], status), float(has)

    def reasons(self) -> Iterator[Sample]:
        """Yields the present reason of each condition."""
        for registry, condition in self._conditions():
            yield (*registry, condition["type"], condition["reason"]), 1.0

    def warnings(self) -> Iterator[Sample]:
        """Yields each kind of warning once."""
        for registry, status in self._statuses.items():
            for code in sorted({warning["code"] for warning in status.get("warnings", [])}):
                yield (*registry, code), 1.0

    def credential_ages(self, now: datetime) -> Iterator[Sample]:
        """Yields how old the distributed credentials are, where that is known."""
        for registry, status in self._statuses.items():
            if changed := (status.get("pullSecrets") or {}).get("rotatedAt"):
                yield registry, max(0.0, (now - datetime.fromisoformat(changed)).total_seconds())

    def _conditions(self) -> Iterator[tuple[tuple[str, str], Mapping[str, Any]]]:
        for registry, status in self._statuses.items():
            for condition in status.get("conditions", []):
                yield registry, condition
