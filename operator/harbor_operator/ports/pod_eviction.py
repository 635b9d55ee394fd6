"""What the eviction of stuck pods needs from the API server: a watch of pods that have not started, and two writes."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

from harbor_operator.model.pods import EvictionResult, ObservedPod, PodEvent


class PodEvictionApi(Protocol):
    """Cluster-wide access to pods.

    Every write has a deadline and raises Unavailable if the server does not answer or asks to retry later (in
    `retry_after` seconds if it named them), and Refused if the rights are missing.
    """

    def watch(self) -> AsyncGenerator[PodEvent, None]:
        """Yields every pod that has not started, then `Synced`, then every change; a pod that starts is `Deleted`.

        Reconnects by itself. Raises Refused if the watch is not allowed; never Unavailable.
        """
        ...

    async def evict(self, pod: ObservedPod) -> EvictionResult:
        """Requests the eviction of a pod; STALE if it is gone or has another uid or revision than `pod`."""
        ...

    async def post_event(self, pod: ObservedPod, kind: str, reason: str, message: str) -> None:
        """Posts an event about the pod into its namespace; `kind` is 'Normal' or 'Warning'."""
        ...
