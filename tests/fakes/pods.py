"""Pods that have not started, in memory, with the manners of the API server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace

from harbor_operator.model.pods import EvictionResult, ObservedPod, PodChange
from harbor_operator.model.watch import Deleted, Synced
from harbor_operator.ports import Refused, Unavailable


class FakePods:
    """Implements the Pods port; the other methods are the rest of the world."""

    def __init__(self) -> None:
        self.revision = 0
        self.pods: dict[tuple[str, str], ObservedPod] = {}
        self.evicted: list[ObservedPod] = []
        self.asked = 0
        self.events: list[tuple[str, str, str, str]] = []
        self.budgeted: set[str] = set()
        self.failure: Unavailable | Refused | None = None
        self.blind: Refused | None = None
        self.watches = 0
        self.history: list[PodChange] = []
        self._listeners: list[asyncio.Event] = []

    # The port

    async def watch(self) -> AsyncGenerator[PodChange, None]:
        if self.blind is not None:
            raise self.blind
        self.watches += 1
        position = len(self.history)
        news = asyncio.Event()
        self._listeners.append(news)
        try:
            for change in self.listing():
                yield change
            while True:
                while position < len(self.history):
                    position += 1
                    yield self.history[position - 1]
                news.clear()
                await news.wait()
        finally:
            self.watches -= 1

    async def evict(self, pod: ObservedPod) -> EvictionResult:
        self.asked += 1
        if self.failure is not None:
            raise self.failure
        observed = self.pods.get((pod.namespace, pod.name))
        if observed is None or (observed.uid, observed.revision) != (pod.uid, pod.revision):
            return EvictionResult.STALE
        if pod.uid in self.budgeted:
            return EvictionResult.BLOCKED
        self.evicted.append(observed)
        self.put(replace(observed, terminating=True))
        self.remove(pod.namespace, pod.name)
        return EvictionResult.DONE

    async def post_event(self, pod: ObservedPod, kind: str, reason: str, message: str) -> None:
        self.events.append((pod.name, kind, reason, message))

    # The world

    def put(self, pod: ObservedPod) -> ObservedPod:
        """Makes or changes a pod."""
        self.revision += 1
        stored = replace(pod, revision=self.revision)
        self.pods[pod.namespace, pod.name] = stored
        self._tell(stored)
        return stored

    def remove(self, namespace: str, name: str) -> None:
        """Deletes a pod, or lets it start: to those who look for pods that have not, it is the same."""
        self.revision += 1
        del self.pods[namespace, name]
        self._tell(Deleted(namespace, name, self.revision))

    def listing(self) -> list[PodChange]:
        """Returns what a full list would tell now."""
        return [*self.pods.values(), Synced(self.revision, frozenset(self.pods))]

    def _tell(self, change: PodChange) -> None:
        self.history.append(change)
        for listener in self._listeners:
            listener.set()
