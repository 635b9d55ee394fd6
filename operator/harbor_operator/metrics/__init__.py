"""What is counted, and the Prometheus registry it is counted in.

catalogue.py   every metric, with its meaning
board.py       what the passes said of each registry
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from typing_extensions import override

from harbor_operator import __version__
from harbor_operator.metrics import catalogue
from harbor_operator.metrics.catalogue import Family, Kind
from harbor_operator.metrics.status_cache import Samples, StatusCache

Reader = Callable[[], Samples]


class Metrics:
    """The operator's metrics; `text` is what /metrics answers."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._registry = CollectorRegistry()
        self._board = StatusCache()
        self._clock = clock
        self._readings = _Readings()
        self._registry.register(self._readings)
        ProcessCollector(registry=self._registry)
        self.passes = self._histogram(catalogue.PASSES)
        self.failed_passes = self._counter(catalogue.FAILED_PASSES)
        self.requests = self._counter(catalogue.REQUESTS)
        self.injections = self._histogram(catalogue.INJECTIONS)
        # Asked for with every request and write: the few series there are come from a cache, not from under a lock.
        self._request_series = cache(self.requests.labels)
        self._write_series = cache(self._counter(catalogue.WRITES).labels)
        self._contests = self._counter(catalogue.CONTESTS)
        self._evictions = self._counter(catalogue.EVICTIONS)
        self.read(
            {
                catalogue.BUILD: lambda: [((__version__,), 1.0)],
                catalogue.CONDITIONS: self._board.conditions,
                catalogue.REASONS: self._board.reasons,
                catalogue.WARNINGS: self._board.warnings,
                catalogue.CREDENTIAL_AGE: lambda: self._board.credential_ages(self._clock()),
            }
        )

    def injected(self, seconds: float) -> None:
        """Notes how long a namespace took from first sight to Secret and references in place."""
        self.injections.observe(seconds)

    def wrote(self, kind: str, result: str) -> None:
        """Counts a write of the injector."""
        self._write_series(kind, result).inc()

    def contested(self, kind: str) -> None:
        """Counts a repair that was needed again and again."""
        self._contests.labels(kind).inc()

    def evicted(self, result: str) -> None:
        """Counts an eviction that was asked for."""
        self._evictions.labels(result).inc()

    def count_request(self, verb: str, resource: str, code: int) -> None:
        """Counts one request to the API server."""
        self._request_series(verb, resource, code).inc()

    def looked(self, namespace: str, name: str, status: Mapping[str, Any]) -> None:
        """Notes what a pass said of a registry."""
        self._board.note((namespace, name), status)

    def forget(self, namespace: str, name: str) -> None:
        """Ends the series of a registry that nobody looks after any more."""
        self._board.forget((namespace, name))

    def read(self, readers: Mapping[Family, Reader]) -> None:
        """Says from where gauges are read when somebody asks."""
        self._readings.readers.update(readers)

    def text(self) -> bytes:
        """Returns all metrics in the text format of Prometheus."""
        return generate_latest(self._registry)

    def _counter(self, family: Family) -> Counter:
        return Counter(family.name, family.text, family.labels, registry=self._registry)

    def _histogram(self, family: Family) -> Histogram:
        return Histogram(family.name, family.text, family.labels, buckets=family.buckets, registry=self._registry)


class _Readings(Collector):
    """Every gauge, read at the moment of the question; one that nobody gives a reader has no series."""

    def __init__(self) -> None:
        self.readers: dict[Family, Reader] = {}

    @override
    def collect(self) -> Iterator[GaugeMetricFamily]:
        for family in catalogue.FAMILIES:
            if family.kind is Kind.GAUGE:
                gauge = GaugeMetricFamily(family.name, family.text, labels=family.labels)
                for labels, value in self.readers.get(family, tuple)():
                    gauge.add_metric(labels, value)
                yield gauge
