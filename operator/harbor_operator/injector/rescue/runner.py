"""The tasks that rescue stuck pods: one watch, open only while a registry asks for it, and somebody who works."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from harbor_operator.injector.feeding import AFTER_REFUSAL, feed
from harbor_operator.injector.rescue.rescuer import Offered, Rescuer
from harbor_operator.injector.surroundings import Surroundings
from harbor_operator.plan.stuck_pods import RescueWish
from harbor_operator.ports.pods import Pods

LOG = logging.getLogger(__name__)


class RescueRunner:
    """Owns the rescuer and keeps it going: `run` ends only by cancellation."""

    def __init__(self, pods: Pods, offered: Offered, around: Surroundings) -> None:
        self._pods = pods
        self._around = around
        self._work_bell = asyncio.Event()
        self._wish_bell = asyncio.Event()
        self.rescuer = Rescuer(pods, offered, around, self._ring)

    async def run(self) -> None:
        """Watches and evicts until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_watch(tasks))
            tasks.create_task(self._keep_working())

    def _ring(self) -> None:
        self._work_bell.set()
        self._wish_bell.set()

    async def _keep_watch(self, tasks: asyncio.TaskGroup) -> None:
        served: frozenset[RescueWish] = frozenset()
        feed: asyncio.Task[None] | None = None
        while True:
            self._wish_bell.clear()
            if (wishes := self.rescuer.wishes()) != served:
                if feed is not None:
                    feed.cancel()
                    await asyncio.wait([feed])
                # Pods that concern nobody are not kept, so another wish needs to see all of them again.
                self.rescuer.reset()
                feed = tasks.create_task(self._feed(), name="watch pods") if wishes else None
                served = wishes
            await self._wish_bell.wait()

    async def _feed(self) -> None:
        await feed("pods", self._follow, self.rescuer.refuse, self._around)

    async def _follow(self) -> None:
        async with contextlib.aclosing(self._pods.watch()) as changes:
            async for change in changes:
                self.rescuer.observe(change)

    async def _keep_working(self) -> None:
        while True:
            self._work_bell.clear()
            pause: float | None = AFTER_REFUSAL
            try:
                pause = await self.rescuer.work()
            except Exception:
                # The one place for what nobody foresaw; all pods are looked at again.
                LOG.exception("stuck pods could not be worked on")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._work_bell.wait()
