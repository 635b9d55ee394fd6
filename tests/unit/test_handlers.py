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

    async def reconcile(self, body: dict[str, Any], failures: int) -> ReconcileResult:
        self.passes += 1
        self.passed.set()
        return ReconcileResult(3600.0, STATUS, secret_versions=self.versions)

    async def finalize(self, body: dict[str, Any]) -> str | None:
        return self.remaining.pop(0)


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
        async with asyncio.timeout(5):
            await self.reconciler.passed.wait()
        self.reconciler.passed.clear()
        await asyncio.sleep(0)

    async def teardown_delays(self, *remaining: str | None) -> list[float | None]:
        self.reconciler.remaining = list(remaining)
        delays: list[float | None] = []
        for _ in remaining:
            try:
                await self.handlers.teardown(kopf.Body(BODY), self.runtime)
                delays.append(None)
            except kopf.TemporaryError as error:
                delays.append(error.delay)
        return delays


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


async def test_teardown_backs_off_while_the_cause_is_the_same() -> None:
    fixture = HandlersFixture()
    assert await fixture.teardown_delays("a", "a", "a", "b", "b", None) == [1.0, 2.0, 4.0, 1.0, 2.0, None]
    assert (await fixture.teardown_delays(*["stuck"] * 9))[-2:] == [30.0, 30.0]


async def test_the_error_of_a_teardown_is_what_remains() -> None:
    fixture = HandlersFixture()
    fixture.reconciler.remaining = ["ReleaseReady: Helm uninstalls release 'cr'"]
    with pytest.raises(kopf.TemporaryError, match="ReleaseReady: Helm uninstalls release 'cr'"):
        await fixture.handlers.teardown(kopf.Body(BODY), fixture.runtime)
