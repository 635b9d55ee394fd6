"""Probes and metrics over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import aiohttp
import pytest

from harbor_operator.adapters.http_server import HttpServer
from harbor_operator.metrics import Metrics, catalogue

Trouble = dict[str, str | None]


@pytest.fixture
def trouble() -> Trouble:
    return {"alive": None, "ready": None}


@pytest.fixture
async def url(trouble: Trouble) -> AsyncIterator[str]:
    metrics = Metrics(lambda: datetime(2026, 11, 25, tzinfo=UTC))
    metrics.count_request("patch", "secrets", 200)
    metrics.injected(0.004)
    metrics.wrote("apply", "done")
    metrics.read({catalogue.LEADER: lambda: [((), 1.0)]})
    server = HttpServer(lambda: trouble["alive"], lambda: trouble["ready"], metrics.text)
    port = await server.start("127.0.0.1", 0)
    yield f"http://127.0.0.1:{port}"
    await server.aclose()


async def ask(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.text()


async def test_probes_say_what_is_wrong(url: str, trouble: Trouble) -> None:
    assert await ask(f"{url}/livez") == (200, "ok\n")
    trouble["alive"] = "a watch has been silent for 200 seconds"
    assert await ask(f"{url}/livez") == (503, "a watch has been silent for 200 seconds\n")
    assert await ask(f"{url}/readyz") == (200, "ok\n")
    trouble["ready"] = "the first lists are not complete"
    assert await ask(f"{url}/readyz") == (503, "the first lists are not complete\n")


async def test_metrics_carry_no_namespace(url: str) -> None:
    _, text = await ask(f"{url}/metrics")
    assert 'harbor_operator_rest_client_requests_total{code="200",resource="secrets",verb="patch"} 1.0' in text
    assert "harbor_operator_leader_election_master_status 1.0" in text
    assert "harbor_operator_injection_seconds_count 1.0" in text
    assert "namespace=" not in text
