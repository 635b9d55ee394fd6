"""When a workload is ready: during a rolling update, the ready pods are the old ones."""

from __future__ import annotations

import pytest

from harbor_operator.adapters.kube_resources import read_workload

SETTLED = {"replicas": 2, "updatedReplicas": 2, "readyReplicas": 2}


def deployment(status: dict[str, int], replicas: int = 2) -> dict[str, object]:
    return {
        "metadata": {"name": "cr-harbor-core", "generation": 2},
        "spec": {"replicas": replicas},
        "status": {"observedGeneration": 2, **status},
    }


@pytest.mark.parametrize(
    ("status", "ready"),
    [
        (SETTLED, True),
        ({}, False),
        ({**SETTLED, "observedGeneration": 1}, False),
        ({**SETTLED, "readyReplicas": 1}, False),
        ({"replicas": 3, "updatedReplicas": 1, "readyReplicas": 2}, False),
        ({"replicas": 4, "updatedReplicas": 2, "readyReplicas": 2}, False),
        ({"replicas": 3, "updatedReplicas": 2, "readyReplicas": 3}, True),
    ],
    ids=["settled", "new", "not observed", "one late", "one of two replaced", "both replaced", "the last old one ends"],
)
def test_only_pods_of_the_newest_template_count(status: dict[str, int], ready: bool) -> None:
    assert read_workload("Deployment", deployment(status)).is_ready is ready


def test_a_workload_scaled_to_zero_is_ready() -> None:
    assert read_workload("Deployment", deployment({}, replicas=0)).is_ready
