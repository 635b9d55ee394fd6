"""The daemon of a registry: its series in the metrics, what wakes it, and the back-off of a deletion."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any, cast

import kopf
import pytest
from typing_extensions import override

from harbor_operator.handlers import Handlers, RegistryRuntime
from harbor_operator.metrics import Metrics
from harbor_operator.model.kubernetes import SecretChange
from harbor_operator.ports.secret_changes import SecretChanges
from harbor_operator.reconciler import Reconciler, ReconcileResult
from harbor_operator.wakeups import Wakeups
from lab.process import scaled

BODY: Any = {"metadata": {"namespace": "intra", "name": "cr", "generation": 1}}
READY = 'status="true",type="Ready"} 1.0'
STATUS = {"conditions": [{"type": "Ready", "status": "True", "reason": "Converged"}]}


class Stopped:
    """Kopf's stop flag, set by the test."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def __bool__(self) -> bool:
        return self._event.is_set()

    async def wait(self, seconds: float) -> None:
        await self._event.wait()

    def set(self) -> None:
        self._event.set()


class RecordedReconciler:
    """Counts passes and returns what the test sets."""

    def __init__(self) -> None:
        self.passes = 0
        self.passed = asyncio.Event()
        self.versions: dict[tuple[str, str], str] = {}
        self.remaining: list[str | None] = []
        self.newest: dict[str, Any] | None = BODY
        self.earlier: list[dict[str, Any] | None] = []
        self.finalized: list[dict[str, Any]] = []
        self.forgotten: list[dict[str, Any]] = []

    async def reconcile(self, body: dict[str, Any], failures: int) -> ReconcileResult:
        self.passes += 1
        self.passed.set()
        return ReconcileResult(3600.0, STATUS, secret_versions=self.versions)

    async def finalize(self, body: dict[str, Any]) -> str | None:
        self.finalized.append(body)
        return self.remaining.pop(0)

    async def read(self, body: dict[str, Any]) -> dict[str, Any] | None:
        return self.earlier.pop(0) if self.earlier else self.newest

    def forget(self, body: dict[str, Any]) -> None:
        self.forgotten.append(body)


class SilentSecrets(SecretChanges):
    """A namespace in which no Secret changes."""

    @override
    async def changes(self, namespace: str) -> AsyncGenerator[SecretChange, None]:
        await asyncio.Event().wait()
        yield SecretChange(namespace, "", "")


class HandlersFixture:
    """Handlers on a recorded reconciler; `daemon` runs until the test ends."""

    def __init__(self) -> None:
        self.metrics = Metrics(lambda: datetime(2026, 11, 25, tzinfo=UTC))
        self.reconciler = RecordedReconciler()
        self.wakeups = Wakeups(SilentSecrets())
        self.handlers = Handlers(cast("Reconciler", self.reconciler), self.metrics, self.wakeups)
        self.runtime = RegistryRuntime()
        self.stopped = Stopped()

    def start(self) -> asyncio.Task[None]:
        flag, body = cast("kopf.DaemonStopped", self.stopped), kopf.Body(BODY)
        return asyncio.create_task(self.handlers.run_reconciler(body, self.runtime, flag))

    async def next_pass(self) -> None:
        async with asyncio.timeout(scaled(5)):
            await self.reconciler.passed.wait()
        self.reconciler.passed.clear()
        await asyncio.sleep(0)


@pytest.mark.parametrize("how", ["stopped", "cancelled"])
async def test_series_end_with_the_daemon(how: str) -> None:
    fixture = HandlersFixture()
    daemon = fixture.start()
    await fixture.next_pass()
    assert READY in fixture.metrics.text().decode()
    if how == "stopped":
        fixture.stopped.set()
    else:
        daemon.cancel()
    await asyncio.wait([daemon])
    assert "registry_condition{" not in fixture.metrics.text().decode()


async def test_the_end_of_a_helm_run_wakes_the_registries_of_its_namespace() -> None:
    fixture = HandlersFixture()
    daemon = fixture.start()
    await fixture.next_pass()
    fixture.wakeups.release_finished("other", "cr")
    assert not fixture.runtime.wakeup.is_set()
    assert fixture.reconciler.passes == 1
    fixture.wakeups.release_finished("intra", "cr")
    await fixture.next_pass()
    assert fixture.reconciler.passes == 2
    fixture.stopped.set()
    await daemon


@pytest.mark.parametrize("key", ["harbor-operator.io/reconcile-requested-at", "reconcile.fluxcd.io/requestedAt"])
async def test_a_request_wakes_the_registry_once(key: str) -> None:
    """Issue 13: nothing but a change of the spec started a pass before its time."""
    fixture = HandlersFixture()

    async def notified(**metadata: Any) -> bool:
        fixture.runtime.wakeup.clear()
        body: Any = {"metadata": {**BODY["metadata"], **metadata}}
        await fixture.handlers.notify("MODIFIED", kopf.Body(body), fixture.runtime)
        return fixture.runtime.wakeup.is_set()

    await notified()
    assert await notified(annotations={key: "2026-11-27T20:00:00Z"})
    assert not await notified(annotations={key: "2026-11-27T20:00:00Z"}, resourceVersion="2")
    assert not await notified(annotations={key: "2026-11-27T20:00:00Z", "example.com/other": "x"})
    assert await notified(annotations={key: "2026-11-27T20:00:01Z"})


def delays(runtime: RegistryRuntime, *messages: str) -> list[float]:
    return [runtime.teardown_delay(message) for message in messages]


def test_teardown_backs_off_while_the_cause_is_the_same() -> None:
    runtime = RegistryRuntime()
    assert delays(runtime, "a", "a", "a", "b", "b") == [1.0, 2.0, 4.0, 1.0, 2.0]
    assert delays(runtime, *["stuck"] * 9)[-2:] == [30.0, 30.0]


async def test_a_teardown_repeats_until_nothing_remains_and_without_a_write_by_kopf() -> None:
    """Finding R12: each retry by Kopf wrote an annotation."""
    fixture = HandlersFixture()
    fixture.reconciler.remaining = ["ReleaseReady: Helm uninstalls release 'cr'", "ReleaseReady: 1 left", None]
    teardown = asyncio.create_task(fixture.handlers.teardown(kopf.Body(BODY), fixture.runtime))
    async with asyncio.timeout(scaled(5)):
        while not teardown.done():
            fixture.wakeups.release_finished("intra", "cr")
            await asyncio.sleep(0)
    await teardown
    assert fixture.reconciler.remaining == []


async def test_a_teardown_that_has_ended_is_not_repeated() -> None:
    """Kopf calls it again while the daemon stops, and the end of the registry was reported twice."""
    fixture = HandlersFixture()
    fixture.reconciler.remaining = [None]
    for _ in range(2):
        await fixture.handlers.teardown(kopf.Body(BODY), fixture.runtime)
    assert fixture.reconciler.finalized == [BODY]


async def test_a_teardown_acts_on_the_newest_object() -> None:
    """Finding R12: an annotation that is set during the deletion takes effect."""
    fixture = HandlersFixture()
    fixture.reconciler.remaining = ["DatabaseReady: down", None]
    newest = {"metadata": {**BODY["metadata"], "annotations": {"harbor-operator.io/abandon": "true"}}}
    fixture.reconciler.earlier, fixture.reconciler.newest = [BODY], newest
    fixture.runtime._teardown_delay_seconds = 0.0
    fixture.runtime._teardown_message = "DatabaseReady: down"
    await fixture.handlers.teardown(kopf.Body(BODY), fixture.runtime)
    assert fixture.reconciler.finalized == [BODY, newest]


async def test_a_teardown_ends_when_another_client_has_removed_the_finalizer() -> None:
    """Finding R10: the object can disappear without a teardown."""
    fixture = HandlersFixture()
    fixture.reconciler.remaining, fixture.reconciler.newest = ["DatabaseReady: down"], None
    fixture.reconciler.earlier = [BODY]
    fixture.runtime._teardown_delay_seconds = 0.0
    fixture.runtime._teardown_message = "DatabaseReady: down"
    await fixture.handlers.teardown(kopf.Body(BODY), fixture.runtime)
    assert fixture.reconciler.finalized == [BODY]


async def test_a_teardown_does_not_act_for_a_registry_that_is_gone() -> None:
    """A watch that lags behind delivers the deletion after another registry has got the name, and its database."""
    fixture = HandlersFixture()
    fixture.reconciler.newest, fixture.reconciler.remaining = None, [None]
    await fixture.handlers.teardown(kopf.Body(BODY), fixture.runtime)
    assert fixture.reconciler.finalized == []


async def test_a_registry_that_disappears_without_a_teardown_ends_its_daemon_and_its_injection() -> None:
    """Finding R10: the injection for a registry that no longer existed continued."""
    fixture = HandlersFixture()
    daemon = fixture.start()
    await fixture.next_pass()
    await fixture.handlers.notify("DELETED", kopf.Body(BODY), fixture.runtime)
    async with asyncio.timeout(scaled(5)):
        await daemon
    assert fixture.reconciler.forgotten == [BODY]


async def test_a_deletion_wakes_the_registries_that_may_wait_for_its_secret_name() -> None:
    """Finding R8: another registry noticed a free Secret name only at its next check interval."""
    fixture = HandlersFixture()
    daemon = fixture.start()
    await fixture.next_pass()
    deleted: Any = {"metadata": {"namespace": "other", "name": "cr", "deletionTimestamp": "2026-11-25T00:00:00Z"}}
    await fixture.handlers.notify("MODIFIED", kopf.Body(deleted), RegistryRuntime())
    await fixture.next_pass()
    assert fixture.reconciler.passes == 2
    fixture.stopped.set()
    await daemon
