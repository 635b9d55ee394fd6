"""The Redis port: the same cases against the fake and real servers, so that both behave the same."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest
from pydantic import SecretStr

from harbor_operator.adapters.redis import RedisPyCache
from harbor_operator.model.cache import Address, Mode, ObservedCache, ObservedSentinel, RedisLogin
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.redis import Redis
from harbor_operator.reasons import Reason
from lab.certs import Authority
from lab.process import Processes, free_port
from lab.redis import MASTER_NAME, Node
from lab.redis import Redis as LabRedis
from lab.versions import REDIS
from tests.fakes.redis import FakeNode, FakeRedis

PASSWORD = "aB3xyz"
USER = "harbor"
ORIGIN = "key 'password' of Secret 'redis' (`spec.cache.passwordSecretRef`)"
PRIMARY, REPLICA = Address("primary", 6379), Address("replica", 6379)


@dataclass
class CacheFixture:
    """A port, and the address of a server of each shape."""

    redis: Redis
    address: Callable[[str], Address]


@dataclass
class Servers:
    """Real servers, each started when a test first uses its shape."""

    directory: Path
    processes: Processes
    started: dict[str, LabRedis | Node] = field(default_factory=dict)

    def address(self, shape: str) -> Address:
        server = self.started.get(shape) or self.started.setdefault(shape, self._start(shape))
        return Address(server.host, server.port)

    def _start(self, shape: str) -> LabRedis | Node:
        directory = self.directory / shape.replace(" ", "-")
        match shape:
            case "locked":
                return LabRedis.start(directory, self.processes, password=PASSWORD)
            case "users":
                node = Node(directory, self.processes, PASSWORD)
                node.configure([f"user {USER} on >{PASSWORD} ~* &* +@all"])
                node.run()
                return node
            case "small":
                return LabRedis.start(directory, self.processes, databases=4)
            case "locked sentinel":
                return LabRedis.start(directory, self.processes, mode="sentinel", password=PASSWORD)
            case "standalone" | "cluster" | "replica" | "sentinel":
                return LabRedis.start(directory, self.processes, mode=shape)
            case _:
                raise KeyError(shape)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    directory = tmp_path_factory.mktemp("redis")
    processes = Processes(directory / "logs")
    try:
        yield Servers(directory, processes)
    finally:
        processes.stop_all()


def _fake() -> CacheFixture:
    shapes = {
        "standalone": FakeNode(ObservedCache("Redis 7")),
        "locked": FakeNode(ObservedCache("Redis 7"), PASSWORD),
        "users": FakeNode(ObservedCache("Redis 7"), PASSWORD, users=(USER,)),
        "small": FakeNode(ObservedCache("Redis 7", has_enough_databases=False)),
        "cluster": FakeNode(ObservedCache("Redis 7", Mode.CLUSTER)),
        "replica": FakeNode(ObservedCache("Redis 7", is_primary=False, primary="primary:6379")),
        "sentinel": FakeNode(ObservedCache("Redis 7", Mode.SENTINEL), masters={MASTER_NAME: PRIMARY}),
        "locked sentinel": FakeNode(ObservedCache("Redis 7", Mode.SENTINEL), PASSWORD, {MASTER_NAME: PRIMARY}),
    }

    @cache
    def address(shape: str) -> Address:
        return Address(shape.replace(" ", "-"), 6379)

    return CacheFixture(FakeRedis({address(shape): node for shape, node in shapes.items()}), address)


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.lab)])
def caches(request: pytest.FixtureRequest) -> CacheFixture:
    if request.param == "fake":
        return _fake()
    return CacheFixture(RedisPyCache(), request.getfixturevalue("servers").address)


async def test_a_primary(caches: CacheFixture) -> None:
    observed = await caches.redis.read(caches.address("standalone"), RedisLogin())
    assert observed.product.startswith(("Redis ", "Valkey "))
    assert (observed.mode, observed.is_primary, observed.has_enough_databases) == (Mode.STANDALONE, True, True)
    assert observed.eviction == "noeviction"


async def test_a_primary_with_a_password(caches: CacheFixture) -> None:
    observed = await caches.redis.read(caches.address("locked"), RedisLogin(SecretStr(PASSWORD)))
    assert observed.is_primary


async def test_a_login_as_an_acl_user(caches: CacheFixture) -> None:
    """Finding F10."""
    observed = await caches.redis.read(caches.address("users"), RedisLogin(SecretStr(PASSWORD), username=USER))
    assert observed.is_primary
    assert observed.has_users


@pytest.mark.parametrize("user", ["redis", "unknown"])
async def test_a_login_as_a_user_that_does_not_exist(caches: CacheFixture, user: str) -> None:
    """Findings F10 and F21."""
    with pytest.raises(Refused) as refusal:
        await caches.redis.read(caches.address("users"), RedisLogin(SecretStr(PASSWORD), username=user))
    assert refusal.value.reason is Reason.CACHE_CREDENTIALS_REJECTED


@pytest.mark.parametrize(
    ("shape", "password"), [("locked", None), ("locked", "wrong0secret"), ("standalone", "needless0secret")]
)
async def test_a_password_that_does_not_fit(caches: CacheFixture, shape: str, password: str | None) -> None:
    login = RedisLogin(SecretStr(password) if password else None, origin=ORIGIN)
    with pytest.raises(Refused) as refusal:
        await caches.redis.read(caches.address(shape), login)
    assert refusal.value.reason is Reason.CACHE_CREDENTIALS_REJECTED
    assert "spec.cache.passwordSecretRef" in str(refusal.value)
    assert "0secret" not in str(refusal.value)


async def test_too_few_databases(caches: CacheFixture) -> None:
    observed = await caches.redis.read(caches.address("small"), RedisLogin())
    assert not observed.has_enough_databases


async def test_a_cluster(caches: CacheFixture) -> None:
    assert (await caches.redis.read(caches.address("cluster"), RedisLogin())).mode is Mode.CLUSTER


async def test_a_replica_names_its_primary(caches: CacheFixture) -> None:
    observed = await caches.redis.read(caches.address("replica"), RedisLogin())
    assert not observed.is_primary
    assert Address.parse(observed.primary).port


async def test_a_sentinel_is_recognised(caches: CacheFixture) -> None:
    assert (await caches.redis.read(caches.address("sentinel"), RedisLogin())).mode is Mode.SENTINEL


async def test_a_sentinel_names_the_primary(caches: CacheFixture) -> None:
    observed = await caches.redis.read_sentinel(caches.address("sentinel"), MASTER_NAME)
    assert observed.is_sentinel
    assert observed.master


async def test_a_sentinel_that_does_not_know_the_master_set(caches: CacheFixture) -> None:
    assert await caches.redis.read_sentinel(caches.address("sentinel"), "unknown") == ObservedSentinel()


async def test_a_sentinel_that_requires_a_password(caches: CacheFixture) -> None:
    observed = await caches.redis.read_sentinel(caches.address("locked sentinel"), MASTER_NAME)
    assert observed.requires_password


async def test_a_plain_server_is_no_sentinel(caches: CacheFixture) -> None:
    assert not (await caches.redis.read_sentinel(caches.address("standalone"), MASTER_NAME)).is_sentinel


async def test_an_address_without_a_server_is_unavailable(caches: CacheFixture) -> None:
    with pytest.raises(Unavailable) as error:
        await caches.redis.read(Address("127.0.0.1", free_port()), RedisLogin())
    assert error.value.reason is Reason.CACHE_UNREACHABLE


# What only a real server can show


@pytest.fixture(scope="module")
def tls_server(servers: Servers) -> tuple[Address, str]:
    if REDIS.selected() == "redis-6.2":
        pytest.skip("the lab's Redis 6.2 is built without TLS")
    authority = Authority.create(servers.directory / "ca")
    issued = authority.issue("redis")
    node, port = Node(servers.directory / "tls" / "0", servers.processes, None), free_port()
    files = [f"tls-cert-file {issued.cert_path}", f"tls-key-file {issued.key_path}"]
    node.configure([f"tls-port {port}", *files, "tls-auth-clients no"])
    node.run()
    return Address(node.host, port), authority.ca_pem


@pytest.mark.lab
async def test_tls_with_a_trusted_authority(tls_server: tuple[Address, str]) -> None:
    address, authority = tls_server
    assert (await RedisPyCache().read(address, RedisLogin(tls=True, ca=authority))).is_primary


@pytest.mark.lab
async def test_tls_with_another_authority(tls_server: tuple[Address, str]) -> None:
    with pytest.raises(Refused) as refusal:
        await RedisPyCache().read(tls_server[0], RedisLogin(tls=True))
    assert refusal.value.reason is Reason.CERTIFICATE_UNTRUSTED


@pytest.mark.lab
async def test_a_tls_port_spoken_to_without_tls(tls_server: tuple[Address, str]) -> None:
    with pytest.raises(Unavailable, match="TLS"):
        await RedisPyCache().read(tls_server[0], RedisLogin())


@pytest.mark.lab
async def test_a_read_changes_nothing(servers: Servers) -> None:
    address = servers.address("standalone")
    with servers.started["standalone"].client() as client:
        before = client.info("persistence")["rdb_changes_since_last_save"]
        await RedisPyCache().read(address, RedisLogin())
        assert client.info("persistence")["rdb_changes_since_last_save"] == before
        assert client.info("keyspace") == {}


async def _silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(-1)
    writer.close()


async def test_a_server_that_does_not_answer_is_unavailable() -> None:
    async with await asyncio.start_server(_silence, "127.0.0.1", 0) as listening:
        port = listening.sockets[0].getsockname()[1]
        with pytest.raises(Unavailable) as error:
            await RedisPyCache().read(Address("127.0.0.1", port), RedisLogin())
    assert error.value.reason is Reason.CACHE_UNREACHABLE
