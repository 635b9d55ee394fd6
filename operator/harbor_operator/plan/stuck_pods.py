"""Which stuck pods may be evicted, so that their controller creates pods that can pull.

Kubernetes copies the references of a service account into a pod when the pod is created, and never later. A pod that
is older than the reference of its service account therefore pulls without a credential until it is replaced.
"""

from __future__ import annotations

from collections.abc import Sequence

from harbor_operator.model.pods import EvictionDecision, ObservedPod, StuckPodPolicy


def is_candidate(pod: ObservedPod, desired: StuckPodPolicy) -> bool:
    """Whether the pod pulls from the registry without its Secret: it is stuck, or may become stuck."""
    if pod.terminating or desired.secret_name in pod.references:
        return False
    return any(desired.serves(host_of(image)) for image in pod.images)


def decide_eviction(pod: ObservedPod, desired: StuckPodPolicy, inherited: Sequence[str]) -> EvictionDecision:
    """Returns what to do about a pod.

    `inherited` is what a new pod gets from the service account; it is empty until the account is complete.
    """
    if not is_candidate(pod, desired) or not any(desired.serves(host_of(image)) for image in pod.refused):
        return EvictionDecision.LEAVE
    if desired.secret_name not in inherited:
        return EvictionDecision.LEAVE
    if not set(pod.references) <= set(inherited):
        return EvictionDecision.REPEATS
    return EvictionDecision.EVICT if pod.owner else EvictionDecision.ALONE


def host_of(image: str) -> str:
    """Returns the host and port of an image reference, unchanged; empty if it begins with a repository."""
    host, slash, _ = image.partition("/")
    return host if slash else ""
