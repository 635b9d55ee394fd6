"""Another client keeps removing the reference: warning, event and metrics report it until it stops."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lab.lab import Lab
from lab.observer import Observer
from lab.process import wait_until
from lab.registry_fixture import RegistryFixture
from tests.e2e.queries import PULL_SECRET, listed, references, remove_namespace
from tests.e2e.running_operator import RunningOperator

pytestmark = pytest.mark.e2e

NAMESPACE = "in-conflict"
CODE = "PullSecretsConflict"
RESOLVED_SECONDS = 120


def warnings(full_registry: RegistryFixture) -> list[dict[str, Any]]:
    return [warning for warning in full_registry.registry.status()["warnings"] if warning["code"] == CODE]


def strip(lab: Lab, observer: Observer) -> None:
    if PULL_SECRET in references(observer, NAMESPACE):
        patch = json.dumps({"imagePullSecrets": [{"name": "theirs"}]})
        lab.control_plane.kubectl("-n", NAMESPACE, "patch", "serviceaccount", "default", "--type=merge", "-p", patch)


def test_a_conflict_is_reported_while_it_lasts(
    full_registry: RegistryFixture, running_operator: RunningOperator, lab: Lab, observer: Observer
) -> None:
    observer.create_namespace(NAMESPACE)
    observer.wait_injected(NAMESPACE)
    try:

        def is_reported() -> bool:
            strip(lab, observer)
            return bool(warnings(full_registry))

        wait_until(is_reported, "the registry reports a conflict", deadline=60)
        (warning,) = warnings(full_registry)
        assert f"ServiceAccount 'default' in namespace '{NAMESPACE}'" in warning["message"]
        events = listed(lab, "-n", full_registry.registry.namespace, "events", "--field-selector", f"reason={CODE}")
        assert [(event["type"], event["message"]) for event in events] == [("Warning", warning["message"])]
        metric = running_operator.operator.metric
        assert metric("harbor_operator_conflicting_objects") == 1
        assert metric("harbor_operator_conflicts_total", kind="patch") >= 1
        assert metric("harbor_operator_registry_warning", **registry_labels(full_registry), code=CODE) == 1

        observer.wait_injected(NAMESPACE)
        wait_until(lambda: not warnings(full_registry), "the warning disappears", deadline=RESOLVED_SECONDS)
        assert references(observer, NAMESPACE) == ["theirs", PULL_SECRET]
        assert metric("harbor_operator_conflicting_objects") == 0
        full_registry.registry.wait_ready(deadline=30)
    finally:
        remove_namespace(lab, NAMESPACE)


def registry_labels(full_registry: RegistryFixture) -> dict[str, str]:
    return {"registry_namespace": full_registry.registry.namespace, "registry_name": full_registry.registry.name}
