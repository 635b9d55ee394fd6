"""The /metrics endpoint exposes every family of the catalogue, with values that match the status."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from harbor_operator.metrics.catalogue import FAMILIES
from lab.process import wait_until
from lab.registry_fixture import RegistryFixture
from tests.e2e.queries import wait_all_injected
from tests.e2e.running_operator import RunningOperator

pytestmark = pytest.mark.e2e


def test_every_family_of_the_catalogue_is_exposed(
    full_registry: RegistryFixture, running_operator: RunningOperator
) -> None:
    exposed = {family.name for family in text_string_to_metric_families(running_operator.operator.get("/metrics"))}
    assert {family.name.removesuffix("_total") for family in FAMILIES} <= exposed


def test_the_series_of_a_registry_match_its_status(
    full_registry: RegistryFixture, running_operator: RunningOperator
) -> None:
    wait_all_injected(full_registry)
    registry = {"registry_namespace": full_registry.registry.namespace, "registry_name": full_registry.registry.name}
    metric = running_operator.operator.metric
    counts_in_status = full_registry.registry.status()["pullSecrets"]
    counts = {
        state: metric("harbor_operator_namespaces", **registry, state=state)
        for state in ("ready", "pending", "failed", "forbidden")
    }
    assert counts == {"ready": counts_in_status["ready"], "pending": 0, "failed": 0, "forbidden": 0}
    for condition in full_registry.registry.status()["conditions"]:
        for status in ("True", "False", "Unknown"):
            labels = {**registry, "type": condition["type"], "status": status.lower()}
            assert metric("harbor_operator_registry_condition", **labels) == (status == condition["status"])
    assert metric("harbor_operator_credential_age_seconds", **registry) >= 0
    wait_until(
        lambda: metric("harbor_operator_pull_proofs_total", **registry, result="passed") > 0, "a proof", deadline=60
    )
    assert metric("harbor_operator_pull_proofs_total", **registry, result="failed") == 0
    assert metric("harbor_operator_pull_proof_timestamp_seconds", **registry) > 0
    assert counts_in_status["rotatedAt"]
    for resource in ("namespaces", "secrets", "serviceaccounts"):
        assert metric("harbor_operator_watch_last_event_age_seconds", resource=resource) >= 0
    assert metric("harbor_operator_leader_election_master_status") == 1
