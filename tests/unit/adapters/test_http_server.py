"""Probes and metrics over real HTTP."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import aiohttp
import pytest

from harbor_operator.adapters.http_server import ALL_ADDRESSES, HttpServer, listen
from harbor_operator.metrics import Metrics, catalogue

Errors = dict[str, str | None]


@pytest.fixture
def errors() -> Errors:
    return {"liveness": None, "readiness": None}


@pytest.fixture
async def url(errors: Errors) -> AsyncIterator[str]:
    metrics = Metrics(lambda: datetime(2026, 11, 25, tzinfo=UTC))
    metrics.count_request("patch", "secrets", 200)
    metrics.injected(0.004)
    metrics.wrote("apply", "done")
    metrics.read({catalogue.LEADER: lambda: [((), 1.0)]})
    server = HttpServer(lambda: errors["liveness"], lambda: errors["readiness"], metrics.text)
    port = await server.start("127.0.0.1", 0)
    yield f"http://127.0.0.1:{port}"
    await server.aclose()


async def get(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.text()


async def test_probes_report_the_error(url: str, errors: Errors) -> None:
    assert await get(f"{url}/livez") == (200, "ok\n")
    errors["liveness"] = "no watch event for 200 seconds"
    assert await get(f"{url}/livez") == (503, "no watch event for 200 seconds\n")
    assert await get(f"{url}/readyz") == (200, "ok\n")
    errors["readiness"] = "the first lists are not complete"
    assert await get(f"{url}/readyz") == (503, "the first lists are not complete\n")


async def test_metrics_carry_no_namespace(url: str) -> None:
    _, text = await get(f"{url}/metrics")
    assert 'harbor_operator_rest_client_requests_total{code="200",resource="secrets",verb="patch"} 1.0' in text
    assert "harbor_operator_leader_election_master_status 1.0" in text
    assert "harbor_operator_injection_seconds_count 1.0" in text
    assert "namespace=" not in text


@pytest.mark.parametrize(("host", "served"), [(ALL_ADDRESSES, {"127.0.0.1", "::1"}), ("127.0.0.1", {"127.0.0.1"})])
def test_the_default_address_serves_both_families(host: str, served: set[str]) -> None:
    if not socket.has_dualstack_ipv6():
        served -= {"::1"}
    listener = listen(host, 0)
    port = listener.getsockname()[1]
    for address in ("127.0.0.1", "::1"):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family) as client:
            assert (client.connect_ex((address, port)) == 0) is (address in served)
    listener.close()
