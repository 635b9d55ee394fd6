"""What the API server says of pods that are not ready."""

from __future__ import annotations

from typing import Any

import pytest

from harbor_operator.adapters.late_pods import read_late_pods

IMAGE = "goharbor/harbor-core:v2.15.1"


def pod(*, owner: str = "ReplicaSet", **parts: Any) -> dict[str, Any]:
    owners = {"ReplicaSet": "cr-harbor-core-7d9f", "StatefulSet": "cr-harbor-redis", "Job": "migrate"}
    metadata = {
        "name": "cr-harbor-core-7d9f-x",
        "creationTimestamp": "2026-11-01T12:00:00Z",
        "ownerReferences": [{"kind": owner, "name": owners[owner], "controller": True}],
    }
    spec = {"containers": [{"name": "core", "image": IMAGE}], **parts.pop("spec", {})}
    return {"metadata": metadata | parts.pop("metadata", {}), "spec": spec, "status": parts}


def core(**state: Any) -> dict[str, Any]:
    return {"containerStatuses": [{"name": "core", "ready": False, **state}]}


@pytest.mark.parametrize(
    ("status", "waits_for"),
    [
        ({"phase": "Pending"}, "the kubelet starts it"),
        (core(state={"waiting": {"reason": "ImagePullBackOff"}}), "ImagePullBackOff"),
        (
            core(
                state={"waiting": {"reason": "CrashLoopBackOff"}},
                lastState={"terminated": {"reason": "OOMKilled", "exitCode": 137}},
            ),
            "CrashLoopBackOff after OOMKilled (exit code 137)",
        ),
        (core(state={"terminated": {"reason": "Error", "exitCode": 1}}), "Error (exit code 1)"),
        (core(state={"running": {}}, started=False), "its startup probe"),
        (core(state={"running": {}}, started=True), "its readiness probe"),
    ],
)
def test_the_first_container_that_is_not_ready_is_named(status: dict[str, Any], waits_for: str) -> None:
    (late,) = read_late_pods([pod(**status)])
    assert (late.name, late.workload, late.image) == ("cr-harbor-core-7d9f-x", "cr-harbor-core", IMAGE)
    assert late.waits_for == waits_for


def test_init_containers_come_first_until_they_have_ended() -> None:
    spec = {"initContainers": [{"name": "init", "image": "init:1"}]}
    waiting: dict[str, Any] = {
        "initContainerStatuses": [{"name": "init", "state": {"waiting": {"reason": "ErrImagePull"}}}]
    }
    (late,) = read_late_pods([pod(spec=spec, **waiting)])
    assert (late.image, late.waits_for) == ("init:1", "ErrImagePull")
    ended: dict[str, Any] = {"initContainerStatuses": [{"name": "init", "state": {"terminated": {"exitCode": 0}}}]}
    (late,) = read_late_pods([pod(spec=spec, **ended, **core(state={"waiting": {"reason": "ContainerCreating"}}))])
    assert (late.image, late.waits_for) == (IMAGE, "ContainerCreating")


def test_the_scheduler_explains_a_pod_without_a_node_within_a_bound() -> None:
    message = "0/3 nodes are available: 3 Insufficient memory. " * 20
    scheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    (late,) = read_late_pods([pod(owner="StatefulSet", conditions=[scheduled])])
    assert (late.workload, late.waits_for) == ("cr-harbor-redis", "Unschedulable")
    assert late.detail == message[:300]


@pytest.mark.parametrize(
    "other",
    [
        pod(conditions=[{"type": "Ready", "status": "True"}]),
        pod(metadata={"deletionTimestamp": "2026-11-01T12:00:00Z"}),
        pod(phase="Failed"),
        pod(owner="Job"),
        pod(metadata={"ownerReferences": None}),
    ],
)
def test_other_pods_are_left_out(other: dict[str, Any]) -> None:
    assert read_late_pods([other]) == []


def test_the_newest_pod_comes_first() -> None:
    later = pod(metadata={"name": "later", "creationTimestamp": "2026-11-01T12:00:01Z"})
    assert [late.name for late in read_late_pods([pod(), later])] == ["later", "cr-harbor-core-7d9f-x"]
