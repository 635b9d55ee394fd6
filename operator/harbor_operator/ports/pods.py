"""What is asked of the pods of the whole cluster: one view of those that have not started, evictions, and events."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from enum import StrEnum
from typing import Protocol

from harbor_operator.plan.stuck_pods import PodSeen
from harbor_operator.ports.cluster import Alive, Complete, Vanished

PodChange = PodSeen | Vanished | Complete | Alive


class Eviction(StrEnum):
    """How an eviction went; the value is the word in the metrics."""

    DONE = "evicted"
    MOVED = "moved"
    """The pod is not as it was seen any more: look again."""
    HELD = "held"
    """A PodDisruptionBudget does not allow it now."""


class Pods(Protocol):
    """Pods, cluster-wide; every call but the view has a deadline. Raises Unavailable and Refused."""

    def watch(self) -> AsyncGenerator[PodChange, None]:
        """Yields every pod that has not started, then `Complete`, then every change; one that starts has vanished.

        Comes back by itself from everything but Refused.
        """
        ...

    async def evict(self, pod: PodSeen) -> Eviction:
        """Asks for the eviction of a pod that is still exactly as it was seen."""
        ...

    async def post_event(self, pod: PodSeen, kind: str, reason: str, message: str) -> None:
        """Posts an event about the pod in its namespace; `kind` is 'Normal' or 'Warning'."""
        ...
