"""Follows the workloads of a deployed release until they are ready."""

from __future__ import annotations

from harbor_operator.checks.workloads import describe_workloads, late_workloads
from harbor_operator.model.kubernetes import WorkloadPod
from harbor_operator.model.outcomes import Done, Outcome, Pending
from harbor_operator.model.release import DesiredRelease, ObservedRelease
from harbor_operator.plan.helm_storage import workload_selector
from harbor_operator.ports import Refused
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.reasons import Reason

WORKLOADS_REQUEUE_SECONDS = 3.0


async def check_workloads(kube: NamespaceResources, desired: DesiredRelease, observed: ObservedRelease) -> Outcome:
    """Returns Done once every workload is ready, and until then what each one waits for; reads pods only then."""
    selector = workload_selector(desired.name)
    workloads = await kube.read_workloads(desired.namespace, selector)
    values, facts = observed.stored.config if observed.stored else {}, observed.facts
    late = late_workloads(workloads, values)
    if late or not workloads:
        pods = await _read_pods(kube, desired.namespace, selector) if late else []
        message = describe_workloads(late, values, desired.name, pods)
        return Pending(Reason.WORKLOADS_NOT_READY, message, WORKLOADS_REQUEUE_SECONDS, facts)
    return Done(
        f"chart {facts.chart_version} (Harbor {facts.harbor_version}) is deployed as revision"
        f" {facts.release_revision} of '{desired.name}', {len(workloads)} workloads are ready",
        facts=facts,
    )


async def _read_pods(kube: NamespaceResources, namespace: str, selector: str) -> list[WorkloadPod]:
    """Returns the pods that are not ready; none if the rights of an earlier version, without pods, still apply."""
    try:
        return await kube.read_late_pods(namespace, selector)
    except Refused:
        return []
