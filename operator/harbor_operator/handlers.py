"""Kopf handlers: a daemon per registry runs passes, an event wakes it, a deletion runs the teardown.

Nothing is decided here. Kopf's change handlers are not used: they cost two or three writes per retry and keep their
progress in annotations, while a daemon sees the newest object in its next pass anyway (docs/architecture.md).
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import logging
from typing import Any

import kopf

from harbor_operator.api.kind import GROUP, PLURAL, VERSION
from harbor_operator.api.reconcile_request import reconcile_request
from harbor_operator.metrics import Metrics
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reconciler import Body, Reconciler
from harbor_operator.wakeups import Wakeups

LOG = logging.getLogger(__name__)

TEARDOWN_RETRY_SECONDS = 1.0
MAX_TEARDOWN_RETRY_SECONDS = 30.0


class RegistryRuntime:
    """In-memory state of one registry; Kopf copies it for each object, and each copy starts empty."""

    def __init__(self) -> None:
        self.wakeup = asyncio.Event()
        self.lock = asyncio.Lock()
        self.generation = 0
        self.request = ""
        self.is_deleted = False
        self.is_gone = False
        self.is_torn_down = False
        self._teardown_message = ""
        self._teardown_delay_seconds = TEARDOWN_RETRY_SECONDS

    def __copy__(self) -> RegistryRuntime:
        return RegistryRuntime()

    def teardown_delay(self, message: str) -> float:
        """Returns the seconds until the next attempt; it doubles while the message, and so the cause, is the same."""
        if message == self._teardown_message:
            self._teardown_delay_seconds = min(2 * self._teardown_delay_seconds, MAX_TEARDOWN_RETRY_SECONDS)
        else:
            self._teardown_message, self._teardown_delay_seconds = message, TEARDOWN_RETRY_SECONDS
        return self._teardown_delay_seconds


class Handlers:
    """Binds the reconciler to Kopf."""

    def __init__(self, reconciler: Reconciler, metrics: Metrics, wakeups: Wakeups) -> None:
        self._reconciler = reconciler
        self._metrics = metrics
        self._wakeups = wakeups

    def register(self, registry: kopf.OperatorRegistry) -> None:
        """Adds the three handlers; nothing is registered at import."""
        kind = (GROUP, VERSION, PLURAL)
        kopf.on.event(*kind, registry=registry, id="notify")(self.notify)
        kopf.daemon(*kind, registry=registry, id="reconcile", cancellation_timeout=60)(self.run_reconciler)
        # The identifier stands in annotations of registries that are being deleted.
        kopf.on.delete(*kind, registry=registry, id="teardown")(self.teardown)

    async def notify(self, type: str | None, body: kopf.Body, memo: RegistryRuntime, **_: Any) -> None:  # noqa: A002
        """Wakes the daemon when the spec changed or a pass was requested; status writes change neither.

        A registry that no longer exists ends, also when another client has removed its finalizer before the teardown.
        """
        if type == "DELETED":
            memo.is_gone = True
            memo.wakeup.set()
            self._reconciler.forget(copy.deepcopy(dict(body)))
            return
        if body["metadata"].get("deletionTimestamp") and not memo.is_deleted:
            memo.is_deleted = True
            self._wakeups.registry_deleted()
        generation, request = body["metadata"].get("generation", 0), reconcile_request(body["metadata"])
        if (generation, request) != (memo.generation, memo.request):
            memo.generation, memo.request = generation, request
            memo.wakeup.set()

    async def run_reconciler(
        self, body: kopf.Body, memo: RegistryRuntime, stopped: kopf.DaemonStopped, **_: Any
    ) -> None:
        """Runs passes until the registry is deleted or the operator stops."""
        namespace, name = body["metadata"]["namespace"], body["metadata"]["name"]
        failures = 0
        try:
            with self._wakeups.subscribe(namespace, memo.wakeup) as subscription:
                while not stopped and not memo.is_gone:
                    memo.wakeup.clear()
                    subscription.begin_pass()
                    async with memo.lock:
                        with self._metrics.reconcile_duration.time():
                            result = await self._reconciler.reconcile(copy.deepcopy(dict(body)), failures)
                    subscription.end_pass(result.secret_versions)
                    failures = failures + 1 if result.failed else 0
                    self._metrics.reconcile_errors.inc(1 if result.failed else 0)
                    self._metrics.record_status(namespace, name, result.status)
                    await _sleep(memo.wakeup, stopped, result.requeue_after)
        finally:
            self._metrics.forget(namespace, name)

    async def teardown(self, body: kopf.Body, memo: RegistryRuntime, **_: Any) -> None:
        """Keeps the finalizer until nothing is left to remove, with increasing back-off.

        It does not return in between: Kopf stores each retry in an annotation. It reads the object before each attempt.
        Kopf delivers no event of an object while one of its handlers runs, and a watch that lags behind can deliver a
        deletion after another object has got the name: nothing that belongs to the new one must be removed. Kopf calls
        it again while the daemon of the registry has not stopped; a teardown that has ended is not repeated.
        """
        known: Body = copy.deepcopy(dict(body))
        with self._wakeups.subscribe(body["metadata"]["namespace"], memo.wakeup):
            while not memo.is_torn_down:
                memo.wakeup.clear()
                async with memo.lock:
                    newest = await self._read(known)
                    if newest is None:
                        return
                    known, remaining = newest, await self._reconciler.finalize(newest)
                if remaining is None:
                    memo.is_torn_down = True
                    return
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(memo.teardown_delay(remaining)):
                        await memo.wakeup.wait()

    async def _read(self, body: Body) -> Body | None:
        try:
            return await self._reconciler.read(body)
        except (Unavailable, Refused) as error:
            LOG.warning("a HarborRegistry that is being deleted was not read: %s", error)
            return body


async def _sleep(wakeup: asyncio.Event, stopped: kopf.DaemonStopped, seconds: float) -> None:
    """Returns at a wake-up, when the daemon must stop, or when the time is up."""
    waits = {asyncio.ensure_future(wakeup.wait()), asyncio.ensure_future(stopped.wait(seconds))}
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
