"""A real Prometheus scrapes the operator: every query of the dashboard has data, and alerts see what is wrong.

Some queries have no series, or only zeros, while all is well: `UNHEALTHY` names them, and what is wrong when the tests
ask.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

import pytest

from lab.images import make_image
from lab.lab import Lab
from lab.observer import Observer
from lab.process import LabError, free_port, wait_until
from lab.prometheus import Prometheus, Series, prometheus
from lab.registries import Registry
from lab.registry_fixture import RegistryFixture
from tests.e2e.harbor_api import call_harbor
from tests.e2e.queries import PULL_SECRET, references, remove_namespace
from tests.e2e.running_operator import RunningOperator
from tests.monitoring import Query, queries, rule_file

pytestmark = pytest.mark.e2e

JOB = "lab"
NAMESPACE_COUNT = 5
IN_CONFLICT = "dashboard-conflict"
RANGE_SECONDS = 30
DATA_SECONDS = 120.0
"""The operator repeats a forbidden watch with a back-off of up to half a minute, and only then a rate is above 0."""

UNHEALTHY = {
    "Conditions that are not True A": "the spec of a registry names a Secret that does not exist",
    "Warnings A": "a registry stores on Swift and has stuckPods set without the role",
    "Conflicts A": "another client removes a reference again and again",
    "Conflicts B": "another client removes a reference again and again",
    "Unsuccessful requests A": "the operator reads the Secret that does not exist",
    "Unsuccessful requests B": "stuckPods is set, and the role for it is not bound",
    "Reconciliations C": "the spec of a registry names a Redis that does not answer",
}
"""Queries that are empty or 0 in a healthy system, and what the tests provoke before they expect a value above 0."""

ONLY_ZEROS = {
    "Work queue depth A": "a namespace leaves the queue within milliseconds, so hardly ever during a scrape",
    "Longest wait in the work queue A": "the same",
    "Freed by garbage collection A": "the stand-in for Harbor has nothing to free",
    "Pull proofs A": "the first sample is taken before Prometheus has the series, and the next one ten minutes later",
    "Evictions of stuck pods A": "needs pods that cannot pull; tests/e2e/test_stuck_pods.py has them on the real node",
}
"""Queries that have series in every system, all 0 here, and why the tests do not provoke what they count."""

QUERIES = list(queries())


@pytest.fixture(scope="module")
def server(lab: Lab, running_operator: RunningOperator) -> Iterator[Prometheus]:
    try:
        prometheus()
    except LabError as error:
        pytest.skip(f"Prometheus is absent: {error}")
    server = Prometheus.start(lab.directory / "prometheus", lab.processes, job=JOB, rules=rule_file())
    scrape(server, running_operator)
    yield server
    server.stop()


def scrape(server: Prometheus, running_operator: RunningOperator) -> None:
    """Makes the current replica the only target, with the label `pod` that a ServiceMonitor adds."""
    operator = running_operator.operator
    server.scrape({operator.address: {"pod": operator.process.name}})


@pytest.fixture(scope="module")
def after_work(server: Prometheus, lab: Lab, full_registry: RegistryFixture) -> Iterator[Prometheus]:
    """Prometheus after it has seen the operator at work: an image, a garbage collection, and new pull Secrets."""
    make_image(lab.directory / "dashboard")
    reference = f"{full_registry.front.url.removeprefix('https://')}/team-a/dashboard:1"
    credential, ca_dir = full_registry.admin_credential(), lab.authority.ca_dir
    full_registry.skopeo.copy_in(lab.directory / "dashboard", reference, authfile=credential, ca_dir=ca_dir)
    call_harbor(full_registry, "POST", "/system/gc/schedule", {"schedule": {"type": "Manual"}})
    observer = Observer(lab.control_plane)
    names = [*(f"dashboard-{number}" for number in range(NAMESPACE_COUNT)), IN_CONFLICT]
    for name in names:
        observer.create_namespace(name)
        observer.wait_injected(name)
    observer.close()
    yield server
    for name in names:
        remove_namespace(lab, name)


@pytest.fixture(scope="module")
def after_trouble(
    after_work: Prometheus, lab: Lab, running_operator: RunningOperator, full_registry: RegistryFixture
) -> Iterator[Prometheus]:
    """Prometheus after it has seen trouble: a broken registry, a missing right, and a conflict that lasts."""
    broken = broken_registry(lab)
    full_registry.registry.patch({"pullSecrets": {"stuckPods": "Evict"}})
    observer = Observer(lab.control_plane)

    def is_conflict_seen() -> bool:
        remove_reference(lab, observer)
        return is_positive(after_work.query("harbor_operator_conflicting_objects"))

    wait_until(is_conflict_seen, "Prometheus sees the conflict", deadline=90)
    observer.close()
    yield after_work
    full_registry.registry.patch({"pullSecrets": {"stuckPods": None}})
    broken.delete()
    lab.control_plane.kubectl("delete", "namespace", broken.namespace, "--wait=false")
    remove_namespace(lab, IN_CONFLICT)
    conflicts = "harbor_operator_conflicting_objects"
    wait_until(lambda: running_operator.operator.metric(conflicts) == 0, "the conflict ends", deadline=60)
    full_registry.registry.wait_ready(deadline=60)


def broken_registry(lab: Lab) -> Registry:
    """A registry whose Redis does not answer and whose Secret for the object store is missing."""
    registry = Registry(lab.control_plane, "t-dashboard", "broken")
    registry.prepare()
    swift = {
        "authURL": "https://localhost:1/auth/v1.0",
        "container": "harbor",
        "credentialsSecretRef": {"name": "absent"},
    }
    registry.apply(
        {
            "externalURL": "https://localhost:1",
            "checkIntervalSeconds": 5,
            "cache": {"addresses": [f"localhost:{free_port()}"]},
            "storage": {"swift": swift},
        }
    )
    registry.wait_condition("StorageReady", "False", "SecretMissing", deadline=60)
    return registry


def remove_reference(lab: Lab, observer: Observer) -> None:
    """Does what another client does that the operator conflicts with."""
    if PULL_SECRET in references(observer, IN_CONFLICT):
        patch = json.dumps({"imagePullSecrets": [{"name": "theirs"}]})
        lab.control_plane.kubectl("-n", IN_CONFLICT, "patch", "serviceaccount", "default", "--type=merge", "-p", patch)


def result(server: Prometheus, query: Query) -> list[Series]:
    """The series of a query, asked as Grafana does, with its variables replaced."""
    # Grafana: $__rate_interval is four times the minimum step, which is also the smallest $__interval.
    window = 4 * int(query.min_step.removesuffix("s") or 0)
    expression = query.expression.replace("$__rate_interval", f"{window}s")
    assert "$" not in expression
    return server.query(expression) if query.is_instant else server.query_range(expression, RANGE_SECONDS)


def is_positive(series: list[Series]) -> bool:
    return any(value > 0 for one in series for value in one.values)


def has_legend(query: Query, series: list[Series]) -> bool:
    """Whether each series has the labels that its legend shows."""
    shown = set(re.findall(r"{{(\w+)}}", query.legend))
    return all(shown <= one.labels.keys() for one in series)


def test_the_declared_queries_exist() -> None:
    assert UNHEALTHY.keys() | ONLY_ZEROS.keys() <= {str(query) for query in QUERIES}
    assert not UNHEALTHY.keys() & ONLY_ZEROS.keys()


@pytest.mark.parametrize("query", [query for query in QUERIES if str(query) not in UNHEALTHY], ids=str)
def test_a_query_has_data_in_a_healthy_system(after_work: Prometheus, query: Query) -> None:
    def found() -> list[Series]:
        # A rate has a value after two scrapes, and one above 0 only after a scrape that follows the work.
        series = [one for one in result(after_work, query) if one.values]
        return series if is_positive(series) or str(query) in ONLY_ZEROS else []

    assert has_legend(query, wait_until(found, f"{query} has data", deadline=DATA_SECONDS))


@pytest.mark.parametrize("query", [query for query in QUERIES if str(query) in UNHEALTHY], ids=str)
def test_a_query_shows_what_is_wrong(after_trouble: Prometheus, query: Query) -> None:
    def found() -> list[Series]:
        series = result(after_trouble, query)
        return series if is_positive(series) else []

    what = f"{query} shows that {UNHEALTHY[str(query)]}"
    assert has_legend(query, wait_until(found, what, deadline=DATA_SECONDS))


def test_every_rule_is_evaluated(server: Prometheus) -> None:
    wait_until(lambda: all(rule["health"] != "unknown" for rule in server.rules()), "all rules ran", deadline=30)
    assert {rule["name"]: rule["lastError"] for rule in server.rules() if rule["health"] != "ok"} == {}


@pytest.mark.parametrize(
    ("alert", "labels"),
    [
        ("HarborRegistryNotReady", {"registry_namespace": "t-dashboard", "registry_name": "broken"}),
        ("HarborRegistryStalled", {"registry_namespace": "t-dashboard", "registry_name": "broken"}),
        ("HarborRegistryWarning", {"registry_namespace": "intra", "code": "SwiftSunset"}),
        ("HarborRegistryWarning", {"registry_namespace": "intra", "code": "EvictionRightsMissing"}),
        ("HarborPullSecretsConflict", {"severity": "warning"}),
        ("HarborOperatorForbidden", {"resource": "pods"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value.values()),
)
def test_an_alert_sees_the_trouble(after_trouble: Prometheus, alert: str, labels: Mapping[str, str]) -> None:
    """It is pending: the minutes before it fires are the subject of tests/alerts."""

    def active() -> list[dict[str, str]]:
        found = after_trouble.alerts(alert)
        return [one["annotations"] for one in found if one["labels"].items() >= labels.items()]

    (annotations,) = wait_until(active, f"{alert} {labels}", deadline=DATA_SECONDS)
    assert "{{" not in str(annotations)
    assert "<no value>" not in str(annotations)


def test_no_other_alert_sees_anything(after_trouble: Prometheus) -> None:
    active = {rule["name"] for rule in after_trouble.rules() if rule["alerts"]}
    assert not active & {"HarborOperatorAbsent", "HarborOperatorWatchStale", "HarborOperatorQueueStuck"}
    assert not active & {"HarborPullSecretsFailed", "HarborPullCredentialOld", "HarborPullSecretsSlow"}
    assert "HarborPullProofFailed" not in active


def test_the_end_of_the_only_replica_is_seen(after_trouble: Prometheus, running_operator: RunningOperator) -> None:
    assert after_trouble.alerts("HarborOperatorAbsent") == []
    running_operator.replace()
    wait_until(lambda: after_trouble.alerts("HarborOperatorAbsent"), "the alert is pending", deadline=30)
    scrape(after_trouble, running_operator)
    wait_until(lambda: not after_trouble.alerts("HarborOperatorAbsent"), "the alert ends", deadline=30)
