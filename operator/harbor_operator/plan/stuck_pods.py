"""Pods that were made a moment too early: which of them may be evicted, so that their controller makes a luckier one.

Kubernetes copies the references of a service account into a pod when the pod is created, and never again. A pod that
was there before its service account had ours pulls without a credential for ever; the next pod would pull with it.
"""

from __future__ import annotations

from collections.abc import Sequence

from harbor_operator.model.pods import EvictionDecision, ObservedPod, StuckPodPolicy


def is_candidate(pod: ObservedPod, desired: StuckPodPolicy) -> bool:
    """Whether the pod pulls from the registry without its Secret: it is stuck, or may soon be."""
    if pod.terminating or desired.secret_name in pod.references:
        return False
    return desired.host in map(host_of, pod.images)


def decide_eviction(pod: ObservedPod, desired: StuckPodPolicy, offered: Sequence[str]) -> EvictionDecision:
    """Returns what becomes of a pod; `offered` is what its service account gives a new one, nothing if not settled."""
    if not is_candidate(pod, desired) or desired.host not in map(host_of, pod.refused):
        return EvictionDecision.LEAVE
    if desired.secret_name not in offered:
        return EvictionDecision.LEAVE
    if not set(pod.references) <= set(offered):
        return EvictionDecision.REPEATS
    return EvictionDecision.EVICT if pod.owner else EvictionDecision.ALONE


def host_of(image: str) -> str:
    """Returns host and port of an image reference as they stand there; nothing if it begins with a repository."""
    host, slash, _ = image.partition("/")
    return host if slash else ""
