"""The tasks of the injector: one per view that feeds it, and workers that empty its queue."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from functools import partial

from harbor_operator.injector.deps import RuntimeDeps
from harbor_operator.injector.injector import RESYNC_BATCH, Injector
from harbor_operator.injector.watching import watch_forever
from harbor_operator.model.watch import Source, Synced
from harbor_operator.ports.pull_secrets import PullSecretApi

LOG = logging.getLogger(__name__)


class InjectorController:
    """Owns the injector and keeps it going: `run` ends only by cancellation."""

    def __init__(self, cluster: PullSecretApi, deps: RuntimeDeps) -> None:
        self._bell = asyncio.Event()
        self._sources_bell = asyncio.Event()
        self._cluster = cluster
        self._deps = deps
        self._wanted: frozenset[Source] = frozenset()
        self._feeds: dict[Source, asyncio.Task[None]] = {}
        self.injector = Injector(cluster, deps, self._ring)

    async def run(self) -> None:
        """Watches and writes until cancelled; a write under way is cut off, and made good at the next start."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_sources(tasks))
            tasks.create_task(self._dispatch(tasks))

    def _ring(self) -> None:
        self._bell.set()
        if self.injector.sources() is not self._wanted:
            self._sources_bell.set()

    async def _keep_sources(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            self._sources_bell.clear()
            self._wanted = self.injector.sources()
            for source in self._feeds.keys() - self._wanted:
                await self._end_feed(source)
            for source in self._wanted - self._feeds.keys():
                self._feeds[source] = tasks.create_task(self._feed(source), name=f"watch {source.kind} {source.name}")
            await self._sources_bell.wait()

    async def _end_feed(self, source: Source) -> None:
        watch_forever = self._feeds.pop(source)
        watch_forever.cancel()
        # Only when it has ended may what it told be dropped: a last event would otherwise stay for ever.
        await asyncio.wait([watch_forever])
        self.injector.drop(source)

    async def _feed(self, source: Source) -> None:
        view = f"{source.kind} '{source.name or '*'}'"
        await watch_forever(view, partial(self._follow, source), partial(self.injector.refuse, source), self._deps)

    async def _follow(self, source: Source) -> None:
        async with contextlib.aclosing(self._cluster.watch(source)) as changes:
            async for change in changes:
                self.injector.observe(source, change)
                if isinstance(change, Synced):
                    LOG.info("listed %d %s '%s'", len(change.keys), source.kind, source.name or "*")

    async def _dispatch(self, tasks: asyncio.TaskGroup) -> None:
        injector = self.injector
        while True:
            self._bell.clear()
            is_reviewing = injector.review(RESYNC_BATCH)
            while (namespace := injector.take()) is not None:
                tasks.create_task(self._work(namespace))
            if is_reviewing:
                await asyncio.sleep(0)  # the news and the answers of this moment come first
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(injector.queue.next_due()):
                    await self._bell.wait()

    async def _work(self, namespace: str) -> None:
        try:
            await self.injector.converge(namespace)
        except Exception:
            # The one place for what nobody foresaw; the namespace comes again, and all others go on.
            LOG.exception("namespace '%s' could not be worked on", namespace)
