"""Reads the gauges of /metrics from the running operator at scrape time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from harbor_operator.injector.injector import Injector
from harbor_operator.metrics import Reader, catalogue
from harbor_operator.metrics.catalogue import Family
from harbor_operator.metrics.status_cache import Sample
from harbor_operator.model.outcomes import PullSecretFacts


def gauge_readers(injector: Injector, is_leading: Callable[[], bool]) -> dict[Family, Reader]:
    """Returns a reader for each gauge whose value only the injector or the leader election knows."""
    return {
        catalogue.LEADER: lambda: [((), float(is_leading()))],
        catalogue.QUEUE_DEPTH: lambda: [((), injector.gauges().queue_depth)],
        catalogue.QUEUE_LONGEST_WAIT: lambda: [((), injector.gauges().oldest_seconds)],
        catalogue.WRITE_RATE_LIMIT: lambda: [((), injector.gauges().writes_per_second)],
        catalogue.CONCURRENT_WRITE_LIMIT: lambda: [((), injector.gauges().write_slots)],
        catalogue.WATCH_EVENT_AGE: lambda: _event_ages(injector),
        catalogue.CONFLICTING_OBJECTS: lambda: [((), len(injector.conflicts()))],
        catalogue.NAMESPACES: lambda: _namespaces(injector.progress()),
    }


def _event_ages(injector: Injector) -> Iterator[Sample]:
    for kind, seconds in injector.seconds_since_last_event().items():
        yield (kind,), seconds


def _namespaces(progress: Mapping[str, PullSecretFacts]) -> Iterator[Sample]:
    for registry, facts in progress.items():
        namespace, name = registry.split("/")
        pending = facts.namespaces - facts.ready - facts.failed
        counts = {
            "ready": facts.ready,
            "pending": pending,
            "failed": facts.failed - facts.forbidden,
            "forbidden": facts.forbidden,
        }
        for state, count in counts.items():
            yield (namespace, name, state), count
