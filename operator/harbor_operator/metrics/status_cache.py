"""The last status of each HarborRegistry, as samples of gauges."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

Sample = tuple[tuple[str, ...], float]
"""Label values and the value of the sample."""

Samples = Iterable[Sample]
STATUSES = ("true", "false", "unknown")


class StatusCache:
    """Holds the latest status of every reconciled HarborRegistry."""

    def __init__(self) -> None:
        self._statuses: dict[tuple[str, str], Mapping[str, Any]] = {}

    def record(self, registry: tuple[str, str], status: Mapping[str, Any]) -> None:
        """Stores the status; `registry` is the namespace and name of the HarborRegistry."""
        self._statuses[registry] = status

    def forget(self, registry: tuple[str, str]) -> None:
        """Removes the status, so that its series end."""
        self._statuses.pop(registry, None)

    def conditions(self) -> Iterator[Sample]:
        """Yields three samples for each condition: one is 1, the others are 0."""
        for registry, condition in self._conditions():
            for status in STATUSES:
                has = condition["status"].lower() == status
                yield (*registry, condition["type"], status), float(has)

    def reasons(self) -> Iterator[Sample]:
        """Yields the current reason of each condition."""
        for registry, condition in self._conditions():
            yield (*registry, condition["type"], condition["reason"]), 1.0

    def warnings(self) -> Iterator[Sample]:
        """Yields one sample for each warning code of a HarborRegistry."""
        for registry, status in self._statuses.items():
            for code in sorted({warning["code"] for warning in status.get("warnings", [])}):
                yield (*registry, code), 1.0

    def credential_ages(self, now: datetime) -> Iterator[Sample]:
        """Yields the age of each pull credential in seconds; a registry without `rotatedAt` has no sample."""
        for registry, status in self._statuses.items():
            if changed := (status.get("pullSecrets") or {}).get("rotatedAt"):
                yield registry, max(0.0, (now - datetime.fromisoformat(changed)).total_seconds())

    def freed_bytes(self) -> Iterator[Sample]:
        """Yields the bytes that the newest garbage collection freed; none before the first run has reported them."""
        for registry, run in self._collections():
            if "freedBytes" in run:
                yield registry, float(run["freedBytes"])

    def collection_times(self) -> Iterator[Sample]:
        """Yields the time of the last change of the newest garbage collection, in seconds since 1970."""
        for registry, run in self._collections():
            yield (*registry, run["status"]), datetime.fromisoformat(run["updatedAt"]).timestamp()

    def storage_bytes(self) -> Iterator[Sample]:
        """Yields what Harbor counts and what the storage held after the newest garbage collection, in bytes."""
        for registry, status in self._statuses.items():
            found = (status.get("garbageCollection") or {}).get("storage") or {}
            for kind, field in (("images", "imageBytes"), ("stored", "storedBytes")):
                if field in found:
                    yield (*registry, kind), float(found[field])

    def _collections(self) -> Iterator[tuple[tuple[str, str], Mapping[str, Any]]]:
        for registry, status in self._statuses.items():
            if run := (status.get("garbageCollection") or {}).get("lastRun"):
                yield registry, run

    def _conditions(self) -> Iterator[tuple[tuple[str, str], Mapping[str, Any]]]:
        for registry, status in self._statuses.items():
            for condition in status.get("conditions", []):
                yield registry, condition
