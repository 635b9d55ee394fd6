"""In-memory pods that have not started, which behave like those of the API server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace

from typing_extensions import override

from harbor_operator.model.pods import EvictionResult, ObservedPod, PodEvent
from harbor_operator.model.watch import Deleted, Synced
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.pod_eviction import PodEvictionApi


class FakePods(PodEvictionApi):
    """Implements the port; the other methods are what users, controllers and kubelets do."""

    def __init__(self) -> None:
        self.revision = 0
        self.pods: dict[tuple[str, str], ObservedPod] = {}
        self.evicted: list[ObservedPod] = []
        self.requests = 0
        self.events: list[tuple[str, str, str, str]] = []
        self.budgeted: set[str] = set()
        self.failure: Unavailable | Refused | None = None
        self.watch_error: Refused | None = None
        self.watches = 0
        self.history: list[PodEvent] = []
        self._listeners: list[asyncio.Event] = []

    # The port

    @override
    async def watch(self) -> AsyncGenerator[PodEvent, None]:
        if self.watch_error is not None:
            raise self.watch_error
        self.watches += 1
        position = len(self.history)
        changed = asyncio.Event()
        self._listeners.append(changed)
        try:
            for event in self.listing():
                yield event
            while True:
                while position < len(self.history):
                    position += 1
                    yield self.history[position - 1]
                changed.clear()
                await changed.wait()
        finally:
            self.watches -= 1

    @override
    async def evict(self, pod: ObservedPod) -> EvictionResult:
        self.requests += 1
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

    @override
    async def post_event(self, pod: ObservedPod, kind: str, reason: str, message: str) -> None:
        self.events.append((pod.name, kind, reason, message))

    # Users, controllers and kubelets

    def put(self, pod: ObservedPod) -> ObservedPod:
        """Creates or changes a pod."""
        self.revision += 1
        stored = replace(pod, revision=self.revision)
        self.pods[pod.namespace, pod.name] = stored
        self._publish(stored)
        return stored

    def remove(self, namespace: str, name: str) -> None:
        """Deletes a pod, or lets it start: the watch of pods that have not started shows both as a deletion."""
        self.revision += 1
        del self.pods[namespace, name]
        self._publish(Deleted(namespace, name, self.revision))

    def listing(self) -> list[PodEvent]:
        """Returns the events of a full list."""
        return [*self.pods.values(), Synced(self.revision, frozenset(self.pods))]

    def _publish(self, event: PodEvent) -> None:
        self.history.append(event)
        for listener in self._listeners:
            listener.set()
