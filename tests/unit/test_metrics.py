"""/metrics exposes exactly the catalogue, every gauge has a reader, and the status of a registry becomes series."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise, product
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from harbor_operator.gauges import gauge_readers
from harbor_operator.injector import writer
from harbor_operator.metrics import Metrics, catalogue
from harbor_operator.metrics.catalogue import Family, Kind
from harbor_operator.model.injection import ApplySecret, DeleteSecret, PatchServiceAccount
from harbor_operator.model.namespace import ObservedServiceAccount
from harbor_operator.model.pods import EvictionResult
from harbor_operator.model.pull_proof import ProofResult
from harbor_operator.model.watch import Kind as Watched
from harbor_operator.model.watch import Source
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from tests.unit.injector.fixture import CLAIM, NAME, InjectorFixture, desired

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
LABELS = {"registry_namespace": "intra", "registry_name": "uid-a"}
STATUS: dict[str, Any] = {
    "conditions": [
        {"type": "Ready", "status": "False", "reason": "StorageUnreachable"},
        {"type": "DatabaseReady", "status": "True", "reason": "Converged"},
    ],
    "warnings": [{"code": "SwiftSunset"}, {"code": "SwiftSunset"}],
    "pullSecrets": {"rotatedAt": "2026-11-25T11:00:00Z"},
}


class Scrape:
    """The parsed response of one scrape of /metrics."""

    def __init__(self, metrics: Metrics) -> None:
        self.families = {family.name: family for family in text_string_to_metric_families(metrics.text().decode())}

    def samples(self, family: Family) -> list[tuple[dict[str, str], float]]:
        return [(sample.labels, sample.value) for sample in self.families[family.name].samples]

    def value(self, family: Family, **labels: str) -> float | None:
        return next((value for found, value in self.samples(family) if found == labels), None)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(lambda: NOON)


@pytest.fixture
def fixture() -> InjectorFixture:
    return InjectorFixture()


@pytest.fixture
def scrape(metrics: Metrics, fixture: InjectorFixture) -> Callable[[], Scrape]:
    metrics.read(gauge_readers(fixture.injector, lambda: True))
    return lambda: Scrape(metrics)


def test_metrics_expose_exactly_the_catalogue(scrape: Callable[[], Scrape]) -> None:
    found = {
        (family.name, family.type, family.documentation)
        for name, family in scrape().families.items()
        if name.startswith("harbor_operator_") and not name.endswith("_created")
    }
    expected = {(family.name.removesuffix("_total"), family.kind.value, family.text) for family in catalogue.FAMILIES}
    assert found == expected
    assert "process_resident_memory_bytes" in scrape().families


def test_every_gauge_has_a_reader(metrics: Metrics, scrape: Callable[[], Scrape]) -> None:
    gauges = {family for family in catalogue.FAMILIES if family.kind is Kind.GAUGE}
    assert gauges == set(metrics._gauges.readers)


@pytest.mark.parametrize("family", catalogue.FAMILIES, ids=lambda family: family.name)
def test_names_follow_the_conventions(family: Family) -> None:
    assert family.name.endswith("_total") is (family.kind is Kind.COUNTER)
    assert (family.kind is Kind.HISTOGRAM) is bool(family.buckets)
    assert not {"namespace", "name", "le", "job", "instance", "pod"} & set(family.labels)


def test_buckets_go_from_a_millisecond_to_a_minute() -> None:
    buckets = catalogue.INJECTIONS.buckets
    assert (buckets[0], buckets[-1]) == (0.001, 60)
    assert all(2 <= above / below <= 3 for below, above in pairwise(buckets) if above <= 10)


async def test_namespaces_are_counted_by_state(fixture: InjectorFixture, scrape: Callable[[], Scrape]) -> None:
    assert scrape().samples(catalogue.NAMESPACES) == []
    fixture.injector.declare(desired())
    for name in ("a", "b", "foreign"):
        fixture.add_namespace(name)
    fixture.cluster.add_namespace("without-account")
    fixture.cluster.put_secret("foreign", NAME)
    await fixture.settle()
    found = {labels["state"]: value for labels, value in scrape().samples(catalogue.NAMESPACES)}
    assert found == {"ready": 2, "pending": 1, "failed": 1, "forbidden": 0}
    assert scrape().value(catalogue.NAMESPACES, **LABELS, state="ready") == 2
    fixture.injector.withdraw(CLAIM)
    assert scrape().samples(catalogue.NAMESPACES) == []


async def test_a_namespace_that_the_provider_manages_is_forbidden_and_not_failed(
    fixture: InjectorFixture, scrape: Callable[[], Scrape]
) -> None:
    fixture.injector.declare(desired())
    fixture.add_namespace("gke-managed")
    fixture.cluster.failure = Refused(Reason.NAMESPACE_WRITE_FORBIDDEN, "the provider manages it")
    fixture.feed()
    await fixture.work()
    found = {labels["state"]: value for labels, value in scrape().samples(catalogue.NAMESPACES)}
    assert found == {"ready": 0, "pending": 0, "failed": 0, "forbidden": 1}


@pytest.mark.parametrize(
    "family", [family for family in catalogue.FAMILIES if family.values], ids=lambda each: each.name
)
def test_a_counter_with_known_label_values_starts_with_every_series(metrics: Metrics, family: Family) -> None:
    samples = Scrape(metrics).families[family.name.removesuffix("_total")].samples
    found = [tuple(sample.labels.values()) for sample in samples if sample.name == family.name and sample.value == 0]
    assert sorted(found) == sorted(product(*family.values))


def test_the_known_label_values_are_those_that_the_injector_reports() -> None:
    assert catalogue.WRITES.values[1] == tuple(writer._Result)
    account = ObservedServiceAccount("app", "default", 1)
    actions = (ApplySecret("a", "1"), DeleteSecret("a", "1"), PatchServiceAccount(account, attaches=True))
    kinds = {writer._kind(action) for action in actions}
    assert kinds == set(catalogue.WRITE_KINDS)
    assert set(EvictionResult) | {"refused", "unavailable"} == set(catalogue.EVICTIONS.values[0])


async def test_each_watch_reports_the_age_of_its_last_event(
    fixture: InjectorFixture, scrape: Callable[[], Scrape]
) -> None:
    fixture.injector.declare(desired())
    await fixture.settle()
    fixture.clock.now += 40
    fixture.relist(Source(Watched.SECRETS, NAME))
    fixture.clock.now += 2
    found = {labels["resource"]: value for labels, value in scrape().samples(catalogue.WATCH_EVENT_AGE)}
    assert found == {"namespaces": 42, "secrets": 2, "serviceaccounts": 42}


def test_a_recorded_status_has_series_until_the_registry_is_forgotten(
    metrics: Metrics, scrape: Callable[[], Scrape]
) -> None:
    metrics.record_status("intra", "uid-a", STATUS)
    ready = {**LABELS, "type": "Ready"}
    samples = {status: scrape().value(catalogue.CONDITIONS, **ready, status=status) for status in ("true", "false")}
    assert samples == {"true": 0, "false": 1}
    assert scrape().value(catalogue.REASONS, **ready, reason="StorageUnreachable") == 1
    assert scrape().samples(catalogue.WARNINGS) == [({**LABELS, "code": "SwiftSunset"}, 1.0)]
    assert scrape().value(catalogue.CREDENTIAL_AGE, **LABELS) == timedelta(hours=1).total_seconds()
    metrics.forget("intra", "uid-a")
    for family in (catalogue.CONDITIONS, catalogue.REASONS, catalogue.WARNINGS, catalogue.CREDENTIAL_AGE):
        assert scrape().samples(family) == []


def test_a_credential_of_unknown_age_has_no_sample(metrics: Metrics, scrape: Callable[[], Scrape]) -> None:
    metrics.record_status("intra", "uid-a", {"conditions": [], "pullSecrets": {"namespaces": 3}})
    assert scrape().samples(catalogue.CREDENTIAL_AGE) == []


def test_the_newest_garbage_collection_has_a_time_and_freed_bytes(
    metrics: Metrics, scrape: Callable[[], Scrape]
) -> None:
    run = {"id": 1, "status": "Success", "startedAt": "2026-01-01T00:00:00Z", "updatedAt": "1970-01-01T00:01:00Z"}
    metrics.record_status("intra", "uid-a", {"conditions": [], "garbageCollection": {"lastRun": run}})
    assert scrape().samples(catalogue.GARBAGE_COLLECTION_FREED) == []
    assert scrape().value(catalogue.GARBAGE_COLLECTION_TIME, **LABELS, status="Success") == 60
    metrics.record_status(
        "intra", "uid-a", {"conditions": [], "garbageCollection": {"lastRun": run | {"freedBytes": 7}}}
    )
    assert scrape().value(catalogue.GARBAGE_COLLECTION_FREED, **LABELS) == 7


def test_proofs_are_counted_by_registry_until_it_is_forgotten(metrics: Metrics, scrape: Callable[[], Scrape]) -> None:
    metrics.proved("intra", "uid-a", ProofResult.UNAVAILABLE)
    assert scrape().samples(catalogue.PULL_PROOF_TIME) == []
    metrics.proved("intra", "uid-a", ProofResult.PASSED)
    metrics.proved("intra", "uid-a", ProofResult.PASSED)
    metrics.proved("intra", "other", ProofResult.FAILED)
    found = {
        sample.labels["result"]: sample.value
        for sample in scrape().families[catalogue.PULL_PROOFS.name.removesuffix("_total")].samples
        if sample.name == catalogue.PULL_PROOFS.name and sample.labels["registry_name"] == "uid-a"
    }
    assert found == {"passed": 2, "failed": 0, "unavailable": 1}
    assert scrape().value(catalogue.PULL_PROOF_TIME, **LABELS) == NOON.timestamp()
    metrics.forget("intra", "uid-a")
    families = scrape().families
    names = [catalogue.PULL_PROOF_TIME.name, catalogue.PULL_PROOFS.name.removesuffix("_total")]
    left = {sample.labels["registry_name"] for name in names for sample in families[name].samples}
    assert left == {"other"}
