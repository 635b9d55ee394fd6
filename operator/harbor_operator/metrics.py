"""What is counted, and the Prometheus registry it is counted in; no label ever carries a namespace."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_QUICK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """The operator's metrics; `text` is what /metrics answers."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.passes = Histogram(
            "harbor_operator_pass_seconds",
            "Duration of passes over a registry.",
            buckets=_QUICK,
            registry=self._registry,
        )
        self.failed_passes = Counter(
            "harbor_operator_failed_passes_total",
            "Passes in which something could not be seen.",
            registry=self._registry,
        )
        self.requests = Counter(
            "harbor_operator_api_requests_total",
            "Requests to the API server; code 0 = no answer.",
            ["verb", "resource", "code"],
            registry=self._registry,
        )
        self.injections = Histogram(
            "harbor_operator_injection_seconds",
            "Time from a namespace or service account seen to its pull Secret in place.",
            buckets=_QUICK,
            registry=self._registry,
        )
        self._writes = Counter(
            "harbor_operator_injector_writes_total",
            "Writes of the injector: apply, delete or patch, and how they went.",
            ["kind", "result"],
            registry=self._registry,
        )
        self._contests = Counter(
            "harbor_operator_contested_repairs_total",
            "Repairs that were needed again and again: somebody keeps undoing our work.",
            ["kind"],
            registry=self._registry,
        )
        self._evictions = Counter(
            "harbor_operator_stuck_pod_evictions_total",
            "Evictions of pods that were created before they could get the pull Secret, and how they went.",
            ["result"],
            registry=self._registry,
        )

    def injected(self, seconds: float) -> None:
        """Notes how long a namespace took from first sight to Secret and references in place."""
        self.injections.observe(seconds)

    def wrote(self, kind: str, result: str) -> None:
        """Counts a write of the injector."""
        self._writes.labels(kind, result).inc()

    def contested(self, kind: str) -> None:
        """Counts a repair that was needed again and again."""
        self._contests.labels(kind).inc()

    def evicted(self, result: str) -> None:
        """Counts an eviction that was asked for."""
        self._evictions.labels(result).inc()

    def count_request(self, verb: str, resource: str, code: int) -> None:
        """Counts one request to the API server."""
        self.requests.labels(verb, resource, str(code)).inc()

    def watch(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Adds a gauge that is read when somebody asks."""
        self._gauge(name, text).set_function(read)

    def text(self) -> bytes:
        """Returns all metrics in the text format of Prometheus."""
        return generate_latest(self._registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, registry=self._registry)
