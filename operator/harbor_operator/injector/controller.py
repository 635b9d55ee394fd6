"""The tasks of the injector: one for each watch, one that dispatches the work queue, and one for each namespace."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from functools import partial

from harbor_operator.injector.deps import RuntimeDeps
from harbor_operator.injector.injector import Injector
from harbor_operator.model.backoff import backoff_seconds
from harbor_operator.model.watch import Source, Synced
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.pull_secrets import PullSecretApi

LOG = logging.getLogger(__name__)
RESTART_DELAY_SECONDS = 1.0
MIN_REFUSED_DELAY_SECONDS = 1.0
MAX_REFUSED_DELAY_SECONDS = 30.0
REFUSAL_RETENTION_SECONDS = 60.0
SETTLE_INTERVAL_SECONDS = 1.0
MAX_RESYNC_BATCH = 10


async def watch_forever(
    name: str, follow: Callable[[], Awaitable[None]], on_refused: Callable[[Refused], None], deps: RuntimeDeps
) -> None:
    """Follows a watch until cancelled, and starts it again whenever it ends or the server refuses it."""
    refusals = 0
    while True:
        started = deps.clock()
        try:
            await follow()
            delay, refusals = RESTART_DELAY_SECONDS, 0
        except Refused as refused:
            # A watch that was followed for long was not refused before: only refusals in a row count.
            refusals = 1 if deps.clock() - started > REFUSAL_RETENTION_SECONDS else refusals + 1
            # An API server that has just started refuses everything until it has read the roles.
            if refusals > 1:
                on_refused(refused)
                LOG.warning("cannot watch %s: %s", name, refused, extra={"reason": refused.reason})
            delay = backoff_seconds(MIN_REFUSED_DELAY_SECONDS, MAX_REFUSED_DELAY_SECONDS, refusals - 1)
        except Unavailable as unavailable:
            LOG.warning("the watch of %s ended: %s", name, unavailable)
            delay = RESTART_DELAY_SECONDS
        except Exception:
            LOG.exception("the watch of %s ended with an unexpected error", name)
            delay = MAX_REFUSED_DELAY_SECONDS
        await deps.sleep(delay * (0.5 + deps.random()))


class InjectorController:
    """Owns the injector and runs it: `run` ends only by cancellation."""

    def __init__(self, api: PullSecretApi, deps: RuntimeDeps) -> None:
        self._wakeup = asyncio.Event()
        self._sources_changed = asyncio.Event()
        self._api = api
        self._deps = deps
        self._sources: frozenset[Source] = frozenset()
        self._watches: dict[Source, asyncio.Task[None]] = {}
        self.injector = Injector(api, deps, self._notify)

    async def run(self) -> None:
        """Watches and writes until cancelled. A write that is cut off is detected and completed at the next start."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_watches(tasks))
            tasks.create_task(self._settle_released_claims())
            tasks.create_task(self._dispatch(tasks))

    def _notify(self) -> None:
        self._wakeup.set()
        if self.injector.sources() is not self._sources:
            self._sources_changed.set()

    async def _keep_watches(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            self._sources_changed.clear()
            self._sources = self.injector.sources()
            for source in self._watches.keys() - self._sources:
                await self._end_watch(source)
            for source in self._sources - self._watches.keys():
                self._watches[source] = tasks.create_task(
                    self._watch(source), name=f"watch {source.kind} {source.name}"
                )
            await self._sources_changed.wait()

    async def _end_watch(self, source: Source) -> None:
        watch = self._watches.pop(source)
        watch.cancel()
        # Its objects are dropped only after it has ended: a last event would otherwise stay in the store.
        await asyncio.wait([watch])
        self.injector.drop_source(source)

    async def _watch(self, source: Source) -> None:
        name = f"{source.kind} '{source.name or '*'}'"
        on_refused = partial(self.injector.watch_refused, source)
        await watch_forever(name, partial(self._follow, source), on_refused, self._deps)

    async def _follow(self, source: Source) -> None:
        async with contextlib.aclosing(self._api.watch(source)) as events:
            async for event in events:
                self.injector.observe(source, event)
                if isinstance(event, Synced):
                    LOG.info("listed %d %s '%s'", len(event.keys), source.kind, source.name or "*")

    async def _settle_released_claims(self) -> None:
        while True:
            self.injector.settle_released_claims()
            await self._deps.sleep(SETTLE_INTERVAL_SECONDS)

    async def _dispatch(self, tasks: asyncio.TaskGroup) -> None:
        injector = self.injector
        while True:
            self._wakeup.clear()
            is_resyncing = injector.resync(MAX_RESYNC_BATCH)
            while (namespace := injector.get()) is not None:
                tasks.create_task(self._reconcile(namespace))
            if is_resyncing:
                await asyncio.sleep(0)  # events and answers that have arrived come first
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(injector.queue.next_due()):
                    await self._wakeup.wait()

    async def _reconcile(self, namespace: str) -> None:
        try:
            await self.injector.reconcile(namespace)
        except Exception:
            # The single handler of unexpected errors: this namespace is retried, and all others go on.
            LOG.exception("namespace '%s' could not be reconciled", namespace, extra={"namespace": namespace})
