"""The operator's metrics and the Prometheus registry that holds them.

catalogue.py      every metric: name, type, help text, labels
status_cache.py   the last status of each HarborRegistry, as gauges
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import cache
from itertools import product
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from typing_extensions import override

from harbor_operator import __version__
from harbor_operator.metrics import catalogue
from harbor_operator.metrics.catalogue import Family, Kind
from harbor_operator.metrics.status_cache import Samples, StatusCache
from harbor_operator.model.pull_proof import ProofResult

Reader = Callable[[], Samples]


class Metrics:
    """Counters, histograms and gauges of the operator; `text` is the body of /metrics."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._registry = CollectorRegistry()
        self._statuses = StatusCache()
        self._clock = clock
        self._gauges = _Gauges()
        self._registry.register(self._gauges)
        ProcessCollector(registry=self._registry)
        self.reconcile_duration = self._histogram(catalogue.RECONCILES)
        self.reconcile_errors = self._counter(catalogue.RECONCILE_ERRORS)
        self.requests = self._counter(catalogue.REQUESTS)
        self.injections = self._histogram(catalogue.INJECTIONS)
        self.event_loop_delay = self._histogram(catalogue.EVENT_LOOP_DELAY)
        # These two run for each request and each write. The cache avoids the lock that `labels` takes.
        self._request_series = cache(self.requests.labels)
        self._write_series = cache(self._counter(catalogue.WRITES).labels)
        self._forbidden = self._counter(catalogue.FORBIDDEN)
        self._conflicts = self._counter(catalogue.CONFLICTS)
        self._evictions = self._counter(catalogue.EVICTIONS)
        self._proofs = self._counter(catalogue.PULL_PROOFS)
        self._proved_at: dict[tuple[str, str], float] = {}
        self.read(
            {
                catalogue.BUILD: lambda: [((__version__,), 1.0)],
                catalogue.CONDITIONS: self._statuses.conditions,
                catalogue.REASONS: self._statuses.reasons,
                catalogue.WARNINGS: self._statuses.warnings,
                catalogue.GARBAGE_COLLECTION_FREED: self._statuses.freed_bytes,
                catalogue.GARBAGE_COLLECTION_TIME: self._statuses.collection_times,
                catalogue.STORAGE_BYTES: self._statuses.storage_bytes,
                catalogue.PULL_PROOF_TIME: self._proved_at.items,
                catalogue.CREDENTIAL_AGE: lambda: self._statuses.credential_ages(self._clock()),
            }
        )

    def injected(self, seconds: float) -> None:
        """Records the seconds from the first watch event until Secret and references were in place."""
        self.injections.observe(seconds)

    def wrote(self, kind: str, result: str) -> None:
        """Counts one write of the injector by kind and result."""
        self._write_series(kind, result).inc()

    def conflicted(self, kind: str) -> None:
        """Counts one conflict with another client."""
        self._conflicts.labels(kind).inc()

    def evicted(self, result: str) -> None:
        """Counts one requested eviction by result."""
        self._evictions.labels(result).inc()

    def proved(self, registry_namespace: str, registry_name: str, result: ProofResult) -> None:
        """Counts one pull with an injected pull Secret."""
        registry = (registry_namespace, registry_name)
        series = {known: self._proofs.labels(*registry, known) for known in ProofResult}
        series[result].inc()
        if result is not ProofResult.UNAVAILABLE:
            self._proved_at[registry] = self._clock().timestamp()

    def count_request(self, verb: str, resource: str, code: int) -> None:
        """Counts one request to the API server."""
        self._request_series(verb, resource, code).inc()

    def count_forbidden(self, verb: str, resource: str) -> None:
        """Counts one request to the API server that no authorizer allows."""
        self._forbidden.labels(verb, resource).inc()

    def record_status(self, namespace: str, name: str, status: Mapping[str, Any]) -> None:
        """Stores the status of a HarborRegistry after a reconciliation."""
        self._statuses.record((namespace, name), status)

    def forget(self, namespace: str, name: str) -> None:
        """Removes the series of a HarborRegistry that is no longer reconciled."""
        self._statuses.forget((namespace, name))
        self._proofs.remove_by_labels(dict(zip(catalogue.REGISTRY, (namespace, name), strict=True)))
        self._proved_at.pop((namespace, name), None)

    def read(self, readers: Mapping[Family, Reader]) -> None:
        """Registers the functions that return the samples of gauges at scrape time."""
        self._gauges.readers.update(readers)

    def text(self) -> bytes:
        """Returns all metrics in the Prometheus text format."""
        return generate_latest(self._registry)

    def _counter(self, family: Family) -> Counter:
        counter = Counter(family.name, family.text, family.labels, registry=self._registry)
        for values in product(*family.values) if family.values else ():
            counter.labels(*values)
        return counter

    def _histogram(self, family: Family) -> Histogram:
        return Histogram(family.name, family.text, family.labels, buckets=family.buckets, registry=self._registry)


class _Gauges(Collector):
    """Reads every gauge at scrape time; a gauge without a reader has no series."""

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
