"""No client connects to a host that the administrator did not allow, whatever names it: a spec, a Sentinel, a store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from pydantic import SecretStr

from harbor_operator.adapters.harbor import HttpHarbor
from harbor_operator.adapters.harbor_http import HarborHttp
from harbor_operator.adapters.harbor_probe import HttpRegistryProbe
from harbor_operator.adapters.oidc_provider import HttpOidcProvider
from harbor_operator.adapters.postgres import PsycopgPostgres
from harbor_operator.adapters.redis import RedisPyCache
from harbor_operator.adapters.rgw_admin import HttpRgwAdmin
from harbor_operator.adapters.s3_store import HttpS3Store
from harbor_operator.adapters.swift import SwiftObjectStore
from harbor_operator.api.backends import SslMode
from harbor_operator.model.authentication import OidcEndpoint
from harbor_operator.model.cache import Address, RedisLogin
from harbor_operator.model.database import PostgresLogin, PostgresServer
from harbor_operator.model.egress import AllowedHosts, Egress
from harbor_operator.model.harbor import HarborEndpoint, Login
from harbor_operator.model.s3 import Bucket, S3Account
from harbor_operator.model.storage import Container, RgwEndpoint, SwiftAccount, SwiftSession
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from lab.addresses import HOST, join
from lab.process import Processes
from lab.redis import MASTER_NAME
from lab.redis import Redis as LabRedis

KEY = SecretStr("aB3xyzSecret")

Call = Callable[[Egress, int], Awaitable[object]]


def _harbor(port: int) -> HarborEndpoint:
    return HarborEndpoint(f"http://{join(HOST, port)}", login=Login("admin", KEY))


def _session(port: int) -> SwiftSession:
    account = SwiftAccount(f"http://{join(HOST, port)}/auth/v1.0", "u:swift", KEY, "swift")
    return SwiftSession(account, f"http://{join(HOST, port)}/swift/v1", KEY)


def _store(egress: Egress, port: int) -> Awaitable[object]:
    """A store that names itself as its storage URL, while only its auth URL is allowed."""
    allowed = AllowedHosts.parse(f"auth.example.com, {egress.hosts.text}")
    return SwiftObjectStore(Egress(allowed)).read_container(Container(_session(port), "harbor"))


async def _log_in(egress: Egress, port: int) -> None:
    server = PostgresServer(HOST, port, SslMode.DISABLE)
    async with PsycopgPostgres(egress).session(server, PostgresLogin("admin", KEY, "Secret 'pg'")):
        pass


CALLS: dict[str, tuple[str, Call]] = {
    "harbor": ("`spec.externalURL`", lambda egress, port: HttpHarbor(HarborHttp(egress)).read_identity(_harbor(port))),
    "handshake": (
        "`spec.externalURL`",
        lambda egress, port: HttpRegistryProbe(HarborHttp(egress)).read_certificate(
            HarborEndpoint(f"https://{join(HOST, port)}")
        ),
    ),
    "announcement": (
        "`spec.externalURL`",
        lambda egress, port: HttpRegistryProbe(HarborHttp(egress)).announce_body(_harbor(port), 1 << 30),
    ),
    "oidc": (
        "`spec.authentication.oidc.endpoint`",
        lambda egress, port: HttpOidcProvider(egress).read_provider(OidcEndpoint(f"http://{join(HOST, port)}")),
    ),
    "rgw": (
        "`spec.storage.swift.provision.adminURL`",
        lambda egress, port: HttpRgwAdmin(egress).read_user(
            RgwEndpoint(f"http://{join(HOST, port)}", "a", KEY, "s"), "x"
        ),
    ),
    "swift": (
        "`spec.storage.swift.authURL`",
        lambda egress, port: SwiftObjectStore(egress).login(_session(port).account),
    ),
    "s3": (
        "`spec.storage.s3.endpoint`",
        lambda egress, port: HttpS3Store(egress).read_bucket(
            Bucket(S3Account(f"http://{join(HOST, port)}", "us-east-1", "a", KEY, "s3"), "harbor")
        ),
    ),
    "store": ("the storage URL of `spec.storage.swift.authURL`", _store),
    "redis": (
        "`spec.cache.addresses`",
        lambda egress, port: RedisPyCache(egress).read(Address(HOST, port), RedisLogin(KEY)),
    ),
    "postgres": ("`spec.database.host`", _log_in),
}


@asynccontextmanager
async def _listening() -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that keeps the first bytes of each connection, and answers none."""
    received: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.read(1))
        writer.transport.abort()

    async with await asyncio.start_server(serve, HOST, 0) as server:
        yield server.sockets[0].getsockname()[1], received


@pytest.mark.parametrize("call", CALLS)
async def test_a_host_that_is_not_allowed_gets_no_connection(call: str) -> None:
    """Finding S6: a spec cannot send a Secret to any host."""
    source, act = CALLS[call]
    async with _listening() as (port, received):
        hosts = AllowedHosts.parse(f"{join(HOST, port + 1 if port < 65535 else 1)}, 10.0.0.0/8, *.example.com")
        with pytest.raises(Refused) as refused:
            await act(Egress(hosts), port)
    assert received == []
    assert refused.value.reason is Reason.HOST_NOT_ALLOWED
    assert str(refused.value).startswith(source)
    assert f"names host '{join(HOST, port)}'" in str(refused.value)


@pytest.mark.parametrize("call", CALLS)
async def test_an_allowed_host_gets_one(call: str) -> None:
    async with _listening() as (port, received):
        with suppress(Refused, Unavailable):
            await CALLS[call][1](Egress(AllowedHosts.parse(f"10.0.0.0/8, {join(HOST, port)}")), port)
    assert received


@pytest.fixture(scope="module")
def sentinel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    directory: Path = tmp_path_factory.mktemp("sentinel")
    processes = Processes(directory / "logs")
    try:
        server = LabRedis.start(directory / "redis", processes, mode="sentinel")
        yield Address(server.host, server.port)
    finally:
        processes.stop_all()


@pytest.mark.lab
async def test_a_sentinel_cannot_name_another_host(sentinel: Address) -> None:
    """Finding S6: the password goes to the primary that a Sentinel names."""
    redis = RedisPyCache(Egress(AllowedHosts.parse(join(sentinel.host, sentinel.port))))
    observed = await redis.read_sentinel(sentinel, MASTER_NAME)
    assert observed.master
    with pytest.raises(Refused, match=r"`spec\.cache\.addresses`, or a Sentinel there, names host") as refused:
        await redis.read(observed.master, RedisLogin(KEY))
    assert refused.value.reason is Reason.HOST_NOT_ALLOWED
