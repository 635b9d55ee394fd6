"""The bad road does to requests what it says, and nothing while it is good."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from lab.badroad import BadRoad, Fault, Luck

EVENT = b'{"type": "ADDED"}\n'


class Server:
    """Counts writes; a watch sends one event and stays open."""

    def __init__(self) -> None:
        self.writes = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if "watch" not in request.query:
            self.writes += request.method != "GET"
            return web.json_response({"asked": request.path_qs, "as": request.headers.get("Authorization")})
        stream = web.StreamResponse()
        await stream.prepare(request)
        await stream.write(EVENT)
        await asyncio.Event().wait()
        return stream


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
async def road(server: Server) -> AsyncIterator[BadRoad]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with BadRoad.open(f"http://127.0.0.1:{runner.addresses[0][1]}") as road:
        yield road
    await runner.cleanup()


@pytest.fixture
async def client(road: BadRoad) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(road.url, timeout=aiohttp.ClientTimeout(10)) as client:
        yield client


def always(fault: Fault) -> Luck:
    return Luck(random.Random(1), {fault: 1})  # noqa: S311 - it has no choice anyway


@asynccontextmanager
async def watching(client: aiohttp.ClientSession) -> AsyncIterator[aiohttp.ClientResponse]:
    async with client.get("/api/v1/namespaces?watch=1") as answer:
        yield answer


async def test_a_good_road_changes_nothing(client: aiohttp.ClientSession) -> None:
    path = "/api/v1/pods?limit=5&fieldSelector=a%3Db"
    async with client.get(path, headers={"Authorization": "Bearer x"}) as answer:
        assert await answer.json() == {"asked": path, "as": "Bearer x"}


@pytest.mark.parametrize(("fault", "code"), [(Fault.SLOW_DOWN, 429), (Fault.FAILED, 500), (Fault.LATE, 200)])
async def test_answers(client: aiohttp.ClientSession, road: BadRoad, server: Server, fault: Fault, code: int) -> None:
    road.luck = always(fault)
    async with client.patch("/api/v1/pods/a") as answer:
        assert answer.status == code
    assert server.writes == (code == 200)


@pytest.mark.parametrize(("fault", "done"), [(Fault.LOST, 0), (Fault.UNANSWERED, 1)])
async def test_broken_connections(
    client: aiohttp.ClientSession, road: BadRoad, server: Server, fault: Fault, done: int
) -> None:
    road.luck = always(fault)
    with pytest.raises(aiohttp.ClientError):
        await client.patch("/api/v1/pods/a")
    assert server.writes == done


async def test_a_watch_may_break_off(client: aiohttp.ClientSession, road: BadRoad) -> None:
    async with watching(client) as answer:
        assert await answer.content.readline() == EVENT
        road.cut()
        with pytest.raises(aiohttp.ClientError):
            await answer.content.readline()


async def test_a_watch_may_be_told_that_the_history_is_gone(client: aiohttp.ClientSession, road: BadRoad) -> None:
    async with watching(client) as answer:
        assert await answer.content.readline() == EVENT
        road.expire()
        assert b'"code": 410' in await answer.content.readline()
        assert await answer.content.readline() == b""


async def test_news_may_be_held_back(client: aiohttp.ClientSession, road: BadRoad) -> None:
    with road.held("namespaces"):
        async with watching(client) as answer:
            reading = asyncio.create_task(answer.content.readline())
            async with client.get("/api/v1/pods") as other:
                assert other.ok
            assert not reading.done()
            reading.cancel()
    async with watching(client) as answer:
        assert await answer.content.readline() == EVENT
