"""The tasks that rescue stuck pods: one watch, open only while a registry asks for it, and somebody who works."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from harbor_operator.injector.deps import RuntimeDeps
from harbor_operator.injector.stuck_pods.evictor import PullSecretsForNewPod, StuckPodEvictor
from harbor_operator.injector.watching import REFUSED_DELAY_SECONDS, watch_forever
from harbor_operator.model.pods import StuckPodPolicy
from harbor_operator.ports.pod_eviction import PodEvictionApi

LOG = logging.getLogger(__name__)


class StuckPodController:
    """Owns the rescuer and keeps it going: `run` ends only by cancellation."""

    def __init__(self, pods: PodEvictionApi, offered: PullSecretsForNewPod, deps: RuntimeDeps) -> None:
        self._pods = pods
        self._deps = deps
        self._work_bell = asyncio.Event()
        self._wish_bell = asyncio.Event()
        self.rescuer = StuckPodEvictor(pods, offered, deps, self._ring)

    async def run(self) -> None:
        """Watches and evicts until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_watch(tasks))
            tasks.create_task(self._keep_working())

    def _ring(self) -> None:
        self._work_bell.set()
        self._wish_bell.set()

    async def _keep_watch(self, tasks: asyncio.TaskGroup) -> None:
        served: frozenset[StuckPodPolicy] = frozenset()
        watch_forever: asyncio.Task[None] | None = None
        while True:
            self._wish_bell.clear()
            if (wishes := self.rescuer.wishes()) != served:
                if watch_forever is not None:
                    watch_forever.cancel()
                    await asyncio.wait([watch_forever])
                # Pods that concern nobody are not kept, so another wish needs to see all of them again.
                self.rescuer.reset()
                watch_forever = tasks.create_task(self._feed(), name="watch pods") if wishes else None
                served = wishes
            await self._wish_bell.wait()

    async def _feed(self) -> None:
        await watch_forever("pods", self._follow, self.rescuer.refuse, self._deps)

    async def _follow(self) -> None:
        async with contextlib.aclosing(self._pods.watch()) as changes:
            async for change in changes:
                self.rescuer.observe(change)

    async def _keep_working(self) -> None:
        while True:
            self._work_bell.clear()
            pause: float | None = REFUSED_DELAY_SECONDS
            try:
                pause = await self.rescuer.work()
            except Exception:
                # The one place for what nobody foresaw; all pods are looked at again.
                LOG.exception("stuck pods could not be worked on")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._work_bell.wait()
