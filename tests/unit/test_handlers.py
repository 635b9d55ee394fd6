"""What a daemon leaves in the metrics: the series of a registry live as long as somebody looks after it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, cast

import kopf
import pytest

from harbor_operator.handlers import Handlers, RegistryRuntime
from harbor_operator.metrics import Metrics
from harbor_operator.reconciler import Reconciler, ReconcileResult

BODY: Any = {"metadata": {"namespace": "intra", "name": "cr", "generation": 1}}
READY = 'status="true",type="Ready"} 1.0'
STATUS = {"conditions": [{"type": "Ready", "status": "True", "reason": "Converged"}]}


class Stopped:
    """Kopf's flag, which a test raises."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def __bool__(self) -> bool:
        return self._event.is_set()

    async def wait(self, seconds: float) -> None:
        await self._event.wait()

    def set(self) -> None:
        self._event.set()


class Scripted:
    """A reconciler that sees one thing, or fails."""

    def __init__(self) -> None:
        self.looked = asyncio.Event()

    async def result(self, body: dict[str, Any], failures: int) -> ReconcileResult:
        self.looked.set()
        return ReconcileResult(3600.0, STATUS)


@pytest.mark.parametrize("how", ["stopped", "cancelled"])
async def test_series_end_with_the_daemon(how: str) -> None:
    metrics, script, stopped = Metrics(lambda: datetime(2026, 11, 25, tzinfo=UTC)), Scripted(), Stopped()
    handlers = Handlers(cast("Reconciler", script), metrics)
    flag, body = cast("kopf.DaemonStopped", stopped), kopf.Body(BODY)
    daemon = asyncio.create_task(handlers.run_reconciler(body, RegistryRuntime(), flag))
    await script.looked.wait()
    await asyncio.sleep(0)
    assert READY in metrics.text().decode()
    if how == "stopped":
        stopped.set()
    else:
        daemon.cancel()
    await asyncio.wait([daemon])
    assert "registry_condition{" not in metrics.text().decode()
