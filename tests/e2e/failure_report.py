"""Extra sections of a failed test's report: the operator's log, and the state of pods and node."""

from __future__ import annotations

import json
from collections.abc import Mapping

from lab.in_cluster import InCluster
from lab.lab import Lab
from lab.process import LabError
from tests.e2e.running_operator import RUNNING

MAX_LOG_LINES = 60

Section = tuple[str, str]


def failure_sections(fixtures: Mapping[str, object]) -> list[Section]:
    """Returns the sections for a test that has just failed with these fixtures."""
    running = RUNNING[-1] if RUNNING else None
    operator, lab = fixtures.get("operator"), fixtures.get("lab") or (running and running.lab)
    found: list[Section] = []
    if isinstance(operator, InCluster):
        found.append(("the operator's pods", operator.describe()))
    elif running is not None:
        found.append(("the operator's log", "\n".join(running.all_logs().splitlines()[-MAX_LOG_LINES:])))
    if isinstance(lab, Lab):
        found += _pods(lab)
    return found


def _pods(lab: Lab) -> list[Section]:
    node = lab.kubelet
    if node is None:
        return []
    try:
        sections = [(f"namespace '{namespace}'", node.describe(namespace)) for namespace in _not_ready(lab)]
        return [*sections, ("the node", node.health())]
    except LabError as error:
        return [("the node", f"the API server does not answer: {error}")]


def _not_ready(lab: Lab) -> list[str]:
    """Returns the namespaces in which a registry or a pod is not Ready."""
    found = set()
    for item in json.loads(lab.control_plane.kubectl("get", "hreg,pods", "-A", "-o", "json"))["items"]:
        conditions = item.get("status", {}).get("conditions", [])
        if ("Ready", "True") not in {(one["type"], one["status"]) for one in conditions}:
            found.add(item["metadata"]["namespace"])
    return sorted(found)
