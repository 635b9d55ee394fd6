"""What is asked of the pods of the whole cluster: one view of those that have not started, evictions, and events."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

from harbor_operator.model.pods import EvictionResult, ObservedPod, PodChange


class PodEvictionApi(Protocol):
    """Pods, cluster-wide; every call but the view has a deadline. Raises Unavailable and Refused."""

    def watch(self) -> AsyncGenerator[PodChange, None]:
        """Yields every pod that has not started, then `Complete`, then every change; one that starts has vanished.

        Comes back by itself from everything but Refused.
        """
        ...

    async def evict(self, pod: ObservedPod) -> EvictionResult:
        """Asks for the eviction of a pod that is still exactly as it was seen."""
        ...

    async def post_event(self, pod: ObservedPod, kind: str, reason: str, message: str) -> None:
        """Posts an event about the pod in its namespace; `kind` is 'Normal' or 'Warning'."""
        ...
