"""The fault proxy injects exactly the configured fault, and forwards everything without one."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from lab.fault_proxy import Fault, FaultMix, FaultProxy

EVENT = b'{"type": "ADDED"}\n'


class Server:
    """Counts writes; a watch sends one event and stays open."""

    def __init__(self) -> None:
        self.writes = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if "watch" not in request.query:
            self.writes += request.method != "GET"
            return web.json_response({"path": request.path_qs, "authorization": request.headers.get("Authorization")})
        stream = web.StreamResponse()
        await stream.prepare(request)
        await stream.write(EVENT)
        await asyncio.Event().wait()
        return stream


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
async def proxy(server: Server) -> AsyncIterator[FaultProxy]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with FaultProxy.open(f"http://127.0.0.1:{runner.addresses[0][1]}") as proxy:
        yield proxy
    await runner.cleanup()


@pytest.fixture
async def client(proxy: FaultProxy) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(proxy.url, timeout=aiohttp.ClientTimeout(10)) as client:
        yield client


def always(fault: Fault) -> FaultMix:
    return FaultMix(random.Random(1), {fault: 1})  # noqa: S311 - one weight, so nothing is random


@asynccontextmanager
async def watching(client: aiohttp.ClientSession) -> AsyncIterator[aiohttp.ClientResponse]:
    async with client.get("/api/v1/namespaces?watch=1") as answer:
        yield answer


async def test_without_faults_a_request_is_forwarded_unchanged(client: aiohttp.ClientSession) -> None:
    path = "/api/v1/pods?limit=5&fieldSelector=a%3Db"
    async with client.get(path, headers={"Authorization": "Bearer x"}) as answer:
        assert await answer.json() == {"path": path, "authorization": "Bearer x"}


@pytest.mark.parametrize(("fault", "code"), [(Fault.SLOW_DOWN, 429), (Fault.FAILED, 500), (Fault.LATE, 200)])
async def test_a_fault_decides_the_status(
    client: aiohttp.ClientSession, proxy: FaultProxy, server: Server, fault: Fault, code: int
) -> None:
    proxy.fault_mix = always(fault)
    async with client.patch("/api/v1/pods/a") as answer:
        assert answer.status == code
    assert server.writes == (code == 200)


@pytest.mark.parametrize(("fault", "done"), [(Fault.LOST, 0), (Fault.UNANSWERED, 1)])
async def test_a_fault_closes_the_connection(
    client: aiohttp.ClientSession, proxy: FaultProxy, server: Server, fault: Fault, done: int
) -> None:
    proxy.fault_mix = always(fault)
    with pytest.raises(aiohttp.ClientError):
        await client.patch("/api/v1/pods/a")
    assert server.writes == done


async def test_a_watch_can_be_cut(client: aiohttp.ClientSession, proxy: FaultProxy) -> None:
    async with watching(client) as answer:
        assert await answer.content.readline() == EVENT
        proxy.cut()
        with pytest.raises(aiohttp.ClientError):
            await answer.content.readline()


async def test_a_watch_can_expire(client: aiohttp.ClientSession, proxy: FaultProxy) -> None:
    async with watching(client) as answer:
        assert await answer.content.readline() == EVENT
        proxy.expire()
        assert b'"code": 410' in await answer.content.readline()
        assert await answer.content.readline() == b""


async def test_watch_events_can_be_delayed(client: aiohttp.ClientSession, proxy: FaultProxy) -> None:
    with proxy.held("namespaces"):
        async with watching(client) as answer:
            reading = asyncio.create_task(answer.content.readline())
            async with client.get("/api/v1/pods") as other:
                assert other.ok
            assert not reading.done()
            reading.cancel()
    async with watching(client) as answer:
        assert await answer.content.readline() == EVENT
