"""Checks of the workloads of a release: which are not ready, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harbor_operator.model.kubernetes import Workload, WorkloadPod

MAX_LISTED_WORKLOADS = 5


def late_workloads(workloads: Sequence[Workload], values: Mapping[str, Any]) -> list[Workload]:
    """Returns the workloads that are not ready, or that were scaled to 0 although the chart values do not say so."""
    return [workload for workload in workloads if not workload.is_ready or is_scaled_down(workload, values)]


def is_scaled_down(workload: Workload, values: Mapping[str, Any]) -> bool:
    """Returns whether another client scaled the workload to 0; an autoscaler never does."""
    return workload.desired == 0 and not workload.name.endswith(tuple(_switched_off(values)))


def describe_workloads(
    late: Sequence[Workload], values: Mapping[str, Any], name: str, pods: Sequence[WorkloadPod] = ()
) -> str:
    """Returns what is missing, workload by workload, each with its first pod; `name` is that of the release."""
    if not late:
        return f"no Deployment or StatefulSet carries the label 'release={name}' yet"
    listed = [_describe(workload, values, pods) for workload in late[:MAX_LISTED_WORKLOADS]]
    more = len(late) - len(listed)
    return "; ".join([*listed, f"and {more} more"] if more else listed)


def _describe(workload: Workload, values: Mapping[str, Any], pods: Sequence[WorkloadPod]) -> str:
    what = f"{workload.kind} '{workload.name}'"
    if is_scaled_down(workload, values):
        return (
            f"{what} is scaled to 0 replicas, and the release runs at least one: run `kubectl scale`, or set `replicas`"
            " of that component to 0 in `spec.release.values`"
        )
    failure = f" ({workload.failure})" if workload.failure else ""
    pod = next((_describe_pod(pod) for pod in pods if pod.workload == workload.name), "")
    return f"{what}: {workload.ready} of {workload.desired} ready{failure}{pod}"


def _describe_pod(pod: WorkloadPod) -> str:
    image = f" with image '{pod.image}'" if pod.image else ""
    detail = f" ({pod.detail})" if pod.detail else ""
    return f", pod '{pod.name}'{image} waits for: {pod.waits_for}{detail}"


def _switched_off(values: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[str]:
    """Yields the ends of the names of workloads for which the values set `replicas: 0`, such as '-notary-server'."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _switched_off(value, (*path, key))
        elif path and key == "replicas" and value == 0:
            yield f"-{'-'.join(path)}"
