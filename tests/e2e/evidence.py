"""What a failed test shows besides its own words: the operator's log, and what ails the pods and their node."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from lab.in_cluster import InCluster
from lab.lab import Lab
from lab.process import LabError

if TYPE_CHECKING:
    from tests.e2e.conftest import Shift

LOG_TAIL = 60
ON_DUTY: list[Shift] = []
"""Every shift that has begun and not ended; the youngest is that of the test under way."""

Section = tuple[str, str]


def evidence(fixtures: Mapping[str, object]) -> list[Section]:
    """Sections for the report of a test that has just failed with these fixtures."""
    shift = ON_DUTY[-1] if ON_DUTY else None
    operator, lab = fixtures.get("operator"), fixtures.get("lab") or (shift and shift.lab)
    found: list[Section] = []
    if isinstance(operator, InCluster):
        found.append(("the operator's pods", operator.describe()))
    elif shift is not None:
        found.append(("the operator's log", "\n".join(shift.all_logs().splitlines()[-LOG_TAIL:])))
    if isinstance(lab, Lab):
        found += _pods(lab)
    return found


def _pods(lab: Lab) -> list[Section]:
    node = lab.kubelet
    if node is None:
        return []
    try:
        troubled = [(f"namespace '{namespace}'", node.describe(namespace)) for namespace in _troubled(lab)]
        return [*troubled, ("the node", node.health())]
    except LabError as error:
        return [("the node", f"nothing is to be had from the API server: {error}")]


def _troubled(lab: Lab) -> list[str]:
    """Namespaces in which a registry or a pod is not Ready."""
    found = set()
    for item in json.loads(lab.control_plane.kubectl("get", "hreg,pods", "-A", "-o", "json"))["items"]:
        conditions = item.get("status", {}).get("conditions", [])
        if ("Ready", "True") not in {(one["type"], one["status"]) for one in conditions}:
            found.add(item["metadata"]["namespace"])
    return sorted(found)
