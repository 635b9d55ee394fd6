"""Another writer keeps removing the entry: he is named where people look, and no more when he stops."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lab.lab import Lab
from lab.observer import Observer
from lab.process import wait_until
from lab.stage import Stage
from tests.e2e.conftest import Shift
from tests.e2e.world import PULL_SECRET, listed, references, remove_namespace

pytestmark = pytest.mark.e2e

NAMESPACE = "contested"
CODE = "PullSecretsConflict"
ENDS_WITHIN = 120


def warnings(stage: Stage) -> list[dict[str, Any]]:
    return [warning for warning in stage.registry.status()["warnings"] if warning["code"] == CODE]


def strip(lab: Lab, observer: Observer) -> None:
    if PULL_SECRET in references(observer, NAMESPACE):
        patch = json.dumps({"imagePullSecrets": [{"name": "theirs"}]})
        lab.control_plane.kubectl("-n", NAMESPACE, "patch", "serviceaccount", "default", "--type=merge", "-p", patch)


def test_it_is_told_while_it_lasts_and_no_longer(stage: Stage, shift: Shift, lab: Lab, observer: Observer) -> None:
    observer.create_namespace(NAMESPACE)
    observer.wait_holds(NAMESPACE)
    try:

        def is_told() -> bool:
            strip(lab, observer)
            return bool(warnings(stage))

        wait_until(is_told, "the registry warns of a contest", deadline=60)
        (warning,) = warnings(stage)
        assert f"ServiceAccount 'default' in namespace '{NAMESPACE}'" in warning["message"]
        events = listed(lab, "-n", stage.registry.namespace, "events", "--field-selector", f"reason={CODE}")
        assert [(event["type"], event["message"]) for event in events] == [("Warning", warning["message"])]
        metric = shift.operator.metric
        assert metric("harbor_operator_conflicting_objects") == 1
        assert metric("harbor_operator_conflicts_total", kind="patch") >= 1
        assert metric("harbor_operator_registry_warning", **stage_labels(stage), code=CODE) == 1

        observer.wait_holds(NAMESPACE)
        wait_until(lambda: not warnings(stage), "the warning goes", deadline=ENDS_WITHIN)
        assert references(observer, NAMESPACE) == ["theirs", PULL_SECRET]
        assert metric("harbor_operator_conflicting_objects") == 0
        stage.registry.wait_ready(deadline=30)
    finally:
        remove_namespace(lab, NAMESPACE)


def stage_labels(stage: Stage) -> dict[str, str]:
    return {"registry_namespace": stage.registry.namespace, "registry_name": stage.registry.name}
