"""Pods of a release that are not ready: what the API server says of them, in the operator's types."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from harbor_operator.model.kubernetes import Manifest, WorkloadPod

MAX_DETAIL_CHARACTERS = 300
_ENDED = {"Succeeded", "Failed"}


def read_late_pods(pods: Sequence[Manifest]) -> list[WorkloadPod]:
    """Returns the pods of Deployments and StatefulSets that are neither ready nor terminating, the newest first."""
    late = [found for pod in pods if (found := _late_pod(pod))]
    return sorted(late, key=lambda pod: (pod.creation_timestamp, pod.name), reverse=True)


def _late_pod(pod: Manifest) -> WorkloadPod | None:
    metadata, status = pod["metadata"], pod.get("status") or {}
    workload, conditions = _workload(metadata), {one["type"]: one for one in status.get("conditions") or []}
    if not workload or metadata.get("deletionTimestamp") or status.get("phase") in _ENDED:
        return None
    if conditions.get("Ready", {}).get("status") == "True":
        return None
    image, waits_for = _first_late_container(pod, status)
    scheduled, detail = conditions.get("PodScheduled", {}), ""
    if scheduled.get("status") == "False":
        waits_for = str(scheduled.get("reason") or "Unschedulable")
        detail = str(scheduled.get("message") or "")[:MAX_DETAIL_CHARACTERS]
    created = str(metadata.get("creationTimestamp") or "")
    return WorkloadPod(metadata["name"], workload, image, waits_for, detail, created)


def _workload(metadata: Manifest) -> str:
    """Returns the name of the Deployment or StatefulSet; a ReplicaSet is named after its Deployment and a hash."""
    owners = {
        owner["kind"]: str(owner["name"]) for owner in metadata.get("ownerReferences") or [] if owner.get("controller")
    }
    return owners.get("StatefulSet") or owners.get("ReplicaSet", "").rpartition("-")[0]


def _first_late_container(pod: Manifest, status: Manifest) -> tuple[str, str]:
    """Returns image and state of the first container that is not ready; init containers run first."""
    for containers, statuses in (("initContainers", "initContainerStatuses"), ("containers", "containerStatuses")):
        known = {one["name"]: one for one in status.get(statuses) or []}
        for container in pod["spec"].get(containers) or []:
            found = known.get(container["name"], {})
            if not _is_complete(found):
                return str(container.get("image", "")), next(_words(found), "the kubelet starts it")
    return "", "the kubelet reports that it is ready"


def _is_complete(status: Manifest) -> bool:
    return bool(status.get("ready")) or _state(status, "terminated").get("exitCode") == 0


def _words(status: Manifest) -> Iterator[str]:
    """Yields what the kubelet says of a container, the most telling first."""
    waiting, ended = _state(status, "waiting").get("reason"), _state(status, "terminated")
    before = ((status.get("lastState") or {}).get("terminated")) or {}
    if waiting and before:
        yield f"{waiting} after {_end(before)}"
    elif waiting:
        yield str(waiting)
    if ended:
        yield _end(ended)
    if "running" in (status.get("state") or {}):
        yield "its startup probe" if status.get("started") is False else "its readiness probe"


def _end(ended: Manifest) -> str:
    return f"{ended.get('reason') or 'its end'} (exit code {ended.get('exitCode')})"


def _state(status: Manifest, kind: str) -> dict[str, Any]:
    return (status.get("state") or {}).get(kind) or {}
