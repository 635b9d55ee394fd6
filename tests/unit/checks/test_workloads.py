from __future__ import annotations

from typing import Any

import pytest

from harbor_operator.checks.workloads import describe_workloads, late_workloads
from harbor_operator.model.kubernetes import Workload, WorkloadPod


def workload(name: str, desired: int = 1, ready: int = 1) -> Workload:
    return Workload("Deployment", f"cr-harbor-{name}", desired, ready, ready, observed=True)


def test_a_workload_scaled_to_0_by_hand_is_not_ready_and_is_named() -> None:
    """Finding R20."""
    late = late_workloads([workload("core", 0, 0), workload("portal")], {})
    assert [found.name for found in late] == ["cr-harbor-core"]
    assert "Deployment 'cr-harbor-core' is scaled to 0 replicas" in describe_workloads(late, {}, "cr")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("portal", {"portal": {"replicas": 0}}),
        ("notary-server", {"notary": {"server": {"replicas": 0}, "signer": {"replicas": 1}}}),
    ],
)
def test_a_component_that_the_values_switch_off_is_as_desired(name: str, values: dict[str, Any]) -> None:
    """Finding R20."""
    assert late_workloads([workload(name, 0, 0)], values) == []
    assert late_workloads([workload("core", 0, 0)], values) == [workload("core", 0, 0)]


def test_a_late_workload_is_described_with_its_failure() -> None:
    late = [Workload("StatefulSet", "cr-harbor-redis", 1, 0, 1, observed=True, failure="image cannot be pulled")]
    assert describe_workloads(late, {}, "cr") == (
        "StatefulSet 'cr-harbor-redis': 0 of 1 ready (image cannot be pulled)"
    )


def test_a_late_workload_is_described_with_its_own_pod() -> None:
    image = "goharbor/harbor-core:v2.15.1"
    pods = [
        WorkloadPod("cr-harbor-portal-1", "cr-harbor-portal", "other", "ContainerCreating"),
        WorkloadPod("cr-harbor-core-2", "cr-harbor-core", image, "Unschedulable", "0/1 nodes are available"),
        WorkloadPod("cr-harbor-core-1", "cr-harbor-core", image, "ImagePullBackOff"),
    ]
    assert describe_workloads([workload("core", 2, 1)], {}, "cr", pods) == (
        "Deployment 'cr-harbor-core': 1 of 2 ready, pod 'cr-harbor-core-2' with image 'goharbor/harbor-core:v2.15.1'"
        " waits for: Unschedulable (0/1 nodes are available)"
    )
