"""The tasks that evict stuck pods: one watch, open only while a registry wants it, and one worker."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from harbor_operator.injector.controller import MAX_REFUSED_DELAY_SECONDS, watch_forever
from harbor_operator.injector.deps import RuntimeDeps
from harbor_operator.injector.stuck_pods.evictor import PullSecretsForNewPod, StuckPodEvictor
from harbor_operator.model.pods import StuckPodPolicy
from harbor_operator.ports.pod_eviction import PodEvictionApi

LOG = logging.getLogger(__name__)


class StuckPodController:
    """Owns the evictor and runs it: `run` ends only by cancellation."""

    def __init__(self, api: PodEvictionApi, pull_secrets_for_new_pod: PullSecretsForNewPod, deps: RuntimeDeps) -> None:
        self._api = api
        self._deps = deps
        self._wakeup = asyncio.Event()
        self._policies_changed = asyncio.Event()
        self.evictor = StuckPodEvictor(api, pull_secrets_for_new_pod, deps, self._notify)

    async def run(self) -> None:
        """Watches and evicts until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_watch(tasks))
            tasks.create_task(self._keep_evicting())

    def _notify(self) -> None:
        self._wakeup.set()
        self._policies_changed.set()

    async def _keep_watch(self, tasks: asyncio.TaskGroup) -> None:
        watched: frozenset[StuckPodPolicy] = frozenset()
        watch: asyncio.Task[None] | None = None
        while True:
            self._policies_changed.clear()
            if (policies := self.evictor.policies()) != watched:
                if watch is not None:
                    watch.cancel()
                    await asyncio.wait([watch])
                # Only candidates are stored: another policy needs a new list of all pods.
                self.evictor.reset()
                watch = tasks.create_task(self._watch(), name="watch pods") if policies else None
                watched = policies
            await self._policies_changed.wait()

    async def _watch(self) -> None:
        await watch_forever("pods", self._follow, self.evictor.watch_refused, self._deps)

    async def _follow(self) -> None:
        async with contextlib.aclosing(self._api.watch()) as events:
            async for event in events:
                self.evictor.observe(event)

    async def _keep_evicting(self) -> None:
        while True:
            self._wakeup.clear()
            delay: float | None = MAX_REFUSED_DELAY_SECONDS
            try:
                delay = await self.evictor.evict_due()
            except Exception:
                # The single handler of unexpected errors: all candidates are examined again.
                LOG.exception("stuck pods could not be examined")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._wakeup.wait()
