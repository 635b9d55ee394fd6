"""How many connections requests to Harbor open: one for all reads of a pass, one for each write."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from harbor_operator.adapters.harbor_http import HarborHttp, HttpRequest
from harbor_operator.adapters.harbor_sessions import shared_connections
from harbor_operator.adapters.secrets import make_key_pair
from harbor_operator.model.harbor import HarborEndpoint
from tests.fakes.counted_server import CountedServer
from tests.fakes.counted_server import listening as serving

READ, WRITE = HttpRequest("GET", "/api"), HttpRequest("POST", "/api")
HTTP = HarborHttp()


@asynccontextmanager
async def listening(server: CountedServer) -> AsyncIterator[HarborEndpoint]:
    async with serving(server) as url:
        yield HarborEndpoint(url)


async def test_the_reads_of_a_pass_share_a_connection_and_it_is_closed_at_the_end() -> None:
    server = CountedServer()
    async with listening(server) as endpoint:
        async with shared_connections():
            for _ in range(5):
                await HTTP.send(endpoint, READ)
            await asyncio.create_task(HTTP.send(endpoint, READ))
            assert server.connections == 1
            assert not server.ended[0].is_set()
        await server.wait_all_ended()


async def test_each_write_and_each_read_outside_a_pass_has_its_own_connection() -> None:
    server = CountedServer()
    async with listening(server) as endpoint:
        async with shared_connections():
            await HTTP.send(endpoint, READ)
            await HTTP.send(endpoint, WRITE)
            await HTTP.send(endpoint, WRITE)
        await HTTP.send(endpoint, READ)
    assert server.connections == 4


async def test_a_task_that_outlives_its_pass_opens_its_own_connections() -> None:
    server = CountedServer()
    pass_ended = asyncio.Event()

    async def read_later(endpoint: HarborEndpoint) -> int:
        await pass_ended.wait()
        return (await HTTP.send(endpoint, READ)).status

    async with listening(server) as endpoint:
        async with shared_connections():
            later = asyncio.create_task(read_later(endpoint))
        pass_ended.set()
        assert await later == 200


async def test_a_read_is_sent_again_when_the_server_has_closed_the_idle_connection() -> None:
    server = CountedServer(answers=1)
    async with listening(server) as endpoint, shared_connections():
        for _ in range(3):
            assert (await HTTP.send(endpoint, READ)).status == 200
    assert server.connections == 3


async def test_registries_that_trust_different_certificates_share_nothing() -> None:
    ca, server = make_key_pair().certificate.get_secret_value(), CountedServer()
    async with listening(server) as endpoint, shared_connections():
        for trusted in ("", ca, "", ca):
            await HTTP.send(HarborEndpoint(endpoint.url, ca=trusted), READ)
    assert server.connections == 2
