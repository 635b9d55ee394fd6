"""Leader election with an API server that may fail; the protocol itself is in contract/test_leader_election.py."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kube_connection import ClusterConnection
from harbor_operator.adapters.leader_election import LeaderElectionConfig, LeaderElector
from lab.process import scaled

NOON = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


class LeaseServer:
    """Stores one Lease; `failures` is how many of the next requests fail with 500."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.failures = 0
        self.requests = 0
        self._requested = asyncio.Condition()

    async def wait_for_requests(self, count: int) -> None:
        async with self._requested:
            await self._requested.wait_for(lambda: self.requests >= count)

    async def handle(self, request: web.Request) -> web.Response:
        async with self._requested:
            self.requests += 1
            self._requested.notify_all()
        if self.failures:
            self.failures -= 1
            return web.json_response({}, status=500)
        if request.method in {"POST", "PUT"}:
            self.lease = await request.json()
        return web.json_response(self.lease or {}, status=200 if self.lease else 404)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[KubernetesClient]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with KubernetesClient(ClusterConnection(f"http://127.0.0.1:{runner.addresses[0][1]}")) as client:
            yield client
        await runner.cleanup()


def elector(client: KubernetesClient, identity: str, duration_seconds: float = 0.4) -> LeaderElector:
    return LeaderElector(client, LeaderElectionConfig("ns", "lease", identity, duration_seconds), lambda: NOON)


async def test_a_leader_that_once_waited_survives_a_failed_renewal() -> None:
    """Finding R1."""
    server = LeaseServer()
    async with server.client() as client, asyncio.timeout(scaled(20)):
        first, second = elector(client, "a"), elector(client, "b")
        assert await first.acquire(asyncio.Event())
        waiting = asyncio.create_task(second.acquire(asyncio.Event()))
        await server.wait_for_requests(4)  # the second has seen the first as the holder
        await first.release()
        assert await waiting
        server.failures = 1
        renewing = asyncio.create_task(second.renew_loop())
        await server.wait_for_requests(server.requests + 4)  # the failed read, a whole renewal, and the next read
        assert not renewing.done()
        assert second.held
        assert not second.lost_to_other
        renewing.cancel()


async def test_a_leader_stops_once_the_server_was_silent_for_the_duration() -> None:
    server = LeaseServer()
    async with server.client() as client, asyncio.timeout(scaled(20)):
        leader = elector(client, "a")
        assert await leader.acquire(asyncio.Event())
        server.failures = 1_000_000
        await leader.renew_loop()
        assert not leader.held
        assert not leader.lost_to_other
