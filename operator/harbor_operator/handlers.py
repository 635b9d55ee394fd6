"""Kopf rings the bell: a daemon per registry runs passes, an event wakes it, a deletion dismantles.

Nothing is decided here. Kopf's change handlers are not used: they cost two to three writes per retry and hide the
flow in annotations, while a daemon sees the newest object in its next pass anyway (docs/architecture.md).
"""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import kopf

from harbor_operator.api.v1alpha1 import GROUP, PLURAL, VERSION
from harbor_operator.metrics import Metrics
from harbor_operator.reconciler import Reconciler

TEARDOWN_RETRY_SECONDS = 1.0


class RegistryRuntime:
    """What is remembered of one registry while this process lives; Kopf copies one for each object."""

    def __init__(self) -> None:
        self.wakeup = asyncio.Event()
        self.lock = asyncio.Lock()
        self.generation = 0

    def __copy__(self) -> RegistryRuntime:
        return RegistryRuntime()


class Handlers:
    """Binds the reconciler to Kopf."""

    def __init__(self, reconciler: Reconciler, metrics: Metrics) -> None:
        self._reconciler = reconciler
        self._metrics = metrics

    def register(self, registry: kopf.OperatorRegistry) -> None:
        """Adds the three handlers; nothing is registered at import."""
        kind = (GROUP, VERSION, PLURAL)
        kopf.on.event(*kind, registry=registry, id="ring")(self.notify)
        kopf.daemon(*kind, registry=registry, id="passes", cancellation_timeout=60)(self.run_reconciler)
        kopf.on.delete(*kind, registry=registry, id="dismantle")(self.dismantle)

    async def notify(self, body: kopf.Body, memo: RegistryRuntime, **_: Any) -> None:
        """Wakes the daemon when the spec changed; our own status writes leave the generation alone."""
        generation = body["metadata"].get("generation", 0)
        if generation != memo.generation:
            memo.generation = generation
            memo.wakeup.set()

    async def run_reconciler(
        self, body: kopf.Body, memo: RegistryRuntime, stopped: kopf.DaemonStopped, **_: Any
    ) -> None:
        """Runs passes until the registry is deleted or the operator stops."""
        registry = body["metadata"]["namespace"], body["metadata"]["name"]
        failures = 0
        try:
            while not stopped:
                memo.wakeup.clear()
                async with memo.lock:
                    with self._metrics.reconcile_duration.time():
                        result = await self._reconciler.result(copy.deepcopy(dict(body)), failures)
                failures = failures + 1 if result.failed else 0
                self._metrics.reconcile_errors.inc(1 if result.failed else 0)
                self._metrics.record_status(*registry, result.status)
                await _sleep(memo.wakeup, stopped, result.requeue_after)
        finally:
            self._metrics.forget(*registry)

    async def dismantle(self, body: kopf.Body, memo: RegistryRuntime, **_: Any) -> None:
        """Keeps the finalizer until nothing is left to undo: the one place where an exception is the message."""
        async with memo.lock:
            waiting = await self._reconciler.finalize(copy.deepcopy(dict(body)))
        if waiting:
            raise kopf.TemporaryError(waiting, delay=TEARDOWN_RETRY_SECONDS)


async def _sleep(wakeup: asyncio.Event, stopped: kopf.DaemonStopped, seconds: float) -> None:
    """Returns at the bell, when the daemon must stop, or when the time is up."""
    waits = {asyncio.ensure_future(wakeup.wait()), asyncio.ensure_future(stopped.wait(seconds))}
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
