"""How many connections reads from Swift open: a few for a copy, else one for each read."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from harbor_operator.adapters.swift import SwiftObjectStore
from harbor_operator.model.egress import AllowedHosts, Egress
from harbor_operator.model.storage import Container, ObjectPart, SwiftAccount, SwiftSession
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from tests.fakes.counted_server import PARALLEL, PART, CountedServer, in_parallel, listening

MISSING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}"


def container_at(url: str) -> Container:
    account = SwiftAccount(f"{url}/auth/v1.0", "u:swift", SecretStr("key"), "swift")
    return Container(SwiftSession(account, f"{url}/v1", SecretStr("token")), "harbor")


async def read_all(store: SwiftObjectStore, url: str, count: int = 40) -> list[object]:
    container = container_at(url)
    async with store.persistent() as persistent:
        return await in_parallel([lambda: persistent.read_range(container, "files/key", 0, 2)] * count)


async def test_swift_reads_of_a_copy_share_as_many_connections_as_run_at_a_time() -> None:
    server = CountedServer(read=PART)
    async with listening(server) as url:
        parts = await read_all(SwiftObjectStore(parallel=PARALLEL), url)
        await server.wait_all_ended()

    assert server.connections <= PARALLEL
    assert parts == [ObjectPart(b"{}", 2)] * 40


async def test_a_swift_read_is_sent_again_when_the_server_has_closed_the_idle_connection() -> None:
    server = CountedServer(answers=1, read=PART)
    async with listening(server) as url:
        parts = await read_all(SwiftObjectStore(parallel=PARALLEL), url)

    assert parts == [ObjectPart(b"{}", 2)] * 40


async def test_a_swift_read_outside_of_a_copy_has_its_own_connection() -> None:
    server, store = CountedServer(read=PART), SwiftObjectStore()
    async with listening(server) as url:
        for _ in range(2):
            await store.read_range(container_at(url), "files/key", 0, 2)
    assert server.connections == 2


async def test_missing_swift_objects_leave_no_connection_open() -> None:
    server = CountedServer(read=MISSING)
    async with listening(server) as url:
        parts = await read_all(SwiftObjectStore(parallel=PARALLEL), url)
        await server.wait_all_ended()

    assert parts == [None] * 40


async def test_each_swift_read_of_a_copy_is_checked_against_the_allowed_hosts() -> None:
    server, egress = CountedServer(read=PART), Egress(AllowedHosts.parse("127.0.0.1"))
    async with listening(server) as url, SwiftObjectStore(egress).persistent() as store:
        await store.read_range(container_at(url), "key", 0, 2)
        with pytest.raises(Refused) as refusal:
            await store.read_range(container_at(url.replace("127.0.0.1", "localhost")), "key", 0, 2)
    assert refusal.value.reason is Reason.HOST_NOT_ALLOWED
