"""What /metrics of a running operator says is what the catalogue promises, and agrees with the status."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from harbor_operator.metrics.catalogue import FAMILIES
from lab.stage import Stage
from tests.e2e.conftest import Shift
from tests.e2e.world import wait_spread

pytestmark = pytest.mark.e2e


def test_everything_that_is_promised_is_there(stage: Stage, shift: Shift) -> None:
    exposed = {family.name for family in text_string_to_metric_families(shift.operator.get("/metrics"))}
    assert {family.name.removesuffix("_total") for family in FAMILIES} <= exposed


def test_the_series_of_a_registry_agree_with_its_status(stage: Stage, shift: Shift) -> None:
    wait_spread(stage)
    registry = {"registry_namespace": stage.registry.namespace, "registry_name": stage.registry.name}
    metric = shift.operator.metric
    spread = stage.registry.status()["pullSecrets"]
    counts = {
        state: metric("harbor_operator_namespaces", **registry, state=state) for state in ("ready", "pending", "failed")
    }
    assert counts == {"ready": spread["ready"], "pending": 0, "failed": 0}
    for condition in stage.registry.status()["conditions"]:
        for status in ("True", "False", "Unknown"):
            labels = {**registry, "type": condition["type"], "status": status.lower()}
            assert metric("harbor_operator_registry_condition", **labels) == (status == condition["status"])
    assert metric("harbor_operator_credential_age_seconds", **registry) >= 0
    assert spread["rotatedAt"]
    for resource in ("namespaces", "secrets", "serviceaccounts"):
        assert metric("harbor_operator_watch_last_event_age_seconds", resource=resource) >= 0
    assert metric("harbor_operator_leader_election_master_status") == 1
