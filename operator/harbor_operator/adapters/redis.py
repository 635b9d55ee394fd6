"""The Redis port on redis-py: short timeouts, no retries, no writes, and a limit on what a server may answer."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from redis._parsers import _AsyncRESP2Parser
from redis.asyncio import Connection, ConnectionPool, SSLConnection
from redis.asyncio import Redis as Client
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError
from typing_extensions import override

from harbor_operator.adapters import happy_eyeballs, tls
from harbor_operator.api.addresses import join_host_port
from harbor_operator.checks.cache import (
    explain_invalid_bundle,
    explain_no_answer,
    explain_rejected_login,
    explain_untrusted,
)
from harbor_operator.checks.egress import check_host
from harbor_operator.model.cache import REQUIRED_DATABASES, Address, Mode, ObservedCache, ObservedSentinel, RedisLogin
from harbor_operator.model.egress import UNRESTRICTED, Egress
from harbor_operator.ports import Refused, as_error
from harbor_operator.ports.redis import Redis
from harbor_operator.reasons import Reason

MAX_CONNECTION_BYTES = 1 << 20
"""For all answers of one connection; INFO has about 6 KiB."""
MIN_ACL_MAJOR = 6
MAX_DETAIL_CHARACTERS = 200
_SOURCE = "`spec.cache.addresses`, or a Sentinel there,"
_SOCKET_TIMEOUT_SECONDS = 3
_READ_TIMEOUT_SECONDS = 8


class RedisPyCache(Redis):
    """Redis and Valkey through redis-py."""

    def __init__(self, egress: Egress = UNRESTRICTED) -> None:
        self._hosts = egress.hosts

    @override
    async def read(self, address: Address, login: RedisLogin) -> ObservedCache:
        async with self._connected(address, login) as client:
            info = await client.info()
            mode = _mode(info)
            # A Sentinel and a cluster refuse SELECT for other reasons, and are reported before this counts.
            has_enough = mode is not Mode.STANDALONE or await _has_database(client, REQUIRED_DATABASES - 1)
            return ObservedCache(
                product=_product(info),
                mode=mode,
                is_primary=info.get("role", "master") == "master",
                primary=_primary(info),
                has_enough_databases=has_enough,
                eviction=info.get("maxmemory_policy", "noeviction"),
                has_users="valkey_version" in info or _major(info) >= MIN_ACL_MAJOR,
            )

    @override
    async def read_sentinel(self, address: Address, master: str) -> ObservedSentinel:
        try:
            async with self._connected(address, RedisLogin()) as client:
                if _mode(await client.info()) is not Mode.SENTINEL:
                    return ObservedSentinel(is_sentinel=False)
                found = await client.sentinel_get_master_addr_by_name(master)
                primary = Address(str(found[0]), int(found[1])) if isinstance(found, tuple) else None
                return ObservedSentinel(master=primary)
        except Refused as refusal:
            if refusal.reason is Reason.CACHE_CREDENTIALS_REJECTED:
                return ObservedSentinel(requires_password=True)
            raise

    @asynccontextmanager
    async def _connected(self, address: Address, login: RedisLogin) -> AsyncIterator[Client]:
        # The address of a primary comes from a Sentinel.
        if blocked := check_host(self._hosts, _SOURCE, address.host, address.port):
            raise as_error(blocked)
        client = Client.from_pool(self._pool(address, login))
        try:
            async with asyncio.timeout(_READ_TIMEOUT_SECONDS):
                yield client
        except (AuthenticationError, NoPermissionError) as error:
            raise as_error(explain_rejected_login(address, login, _detail(error))) from None
        # A server that does not speak the protocol makes redis-py raise the exceptions of its parser as they are.
        except (RedisError, OSError, TimeoutError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise _no_answer(address, login, error) from None
        except RecursionError as error:
            raise _no_answer(address, login, error) from None
        finally:
            await client.aclose()

    def _pool(self, address: Address, login: RedisLogin) -> ConnectionPool:
        transport: dict[str, Any] = {"connection_class": _PlainConnection}
        if login.tls:
            transport = {"connection_class": _TlsConnection, "trust": _trust(login.ca)}
        # Protocol 2, so that the password is sent with AUTH as Harbor sends it, and servers without HELLO answer too.
        return ConnectionPool(
            **transport,
            max_connections=1,
            host=address.host,
            port=address.port,
            username=login.username or None,
            password=login.password.get_secret_value() if login.password else None,
            parser_class=_BoundedParser,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            decode_responses=True,
            encoding_errors="replace",
            socket_connect_timeout=_SOCKET_TIMEOUT_SECONDS,
            socket_timeout=_SOCKET_TIMEOUT_SECONDS,
        )


def _trust(ca_pem: str) -> ssl.SSLContext:
    try:
        return tls.ssl_context(ca_pem)
    except tls.InvalidCaBundle:
        raise as_error(explain_invalid_bundle()) from None


class _PlainConnection(Connection):
    """A connection that tries all addresses of the host; redis-py alone waits for the first until its timeout."""

    _connected: socket.socket | None = None

    @override
    async def _connect(self) -> None:
        async with asyncio.timeout(self.socket_connect_timeout):
            self._connected = await happy_eyeballs.connect(self.host, self.port)
            await super()._connect()  # type: ignore[no-untyped-call]

    @override
    def _connection_arguments(self) -> dict[str, Any]:
        return {"sock": self._connected}


class _TlsConnection(_PlainConnection, SSLConnection):
    """A connection with a given context; redis-py itself builds one that is strict on Python 3.13."""

    def __init__(self, *, trust: ssl.SSLContext, **options: Any) -> None:
        super().__init__(**options)
        self.ssl_context.context = trust

    @override
    def _connection_arguments(self) -> dict[str, Any]:
        return {"sock": self._connected, "ssl": self.ssl_context.get(), "server_hostname": self.host}


class _BoundedParser(_AsyncRESP2Parser):
    """The parser of redis-py on a stream with a limit; redis-py has no public way to set one."""

    @override
    def on_connect(self, connection: Any) -> None:
        super().on_connect(connection)  # type: ignore[no-untyped-call]
        self._stream: Any = _BoundedStream(self._stream)


class _BoundedStream:
    """The reader of a connection until it has returned MAX_CONNECTION_BYTES."""

    def __init__(self, stream: asyncio.StreamReader) -> None:
        self._stream = stream
        self._bytes_left = MAX_CONNECTION_BYTES

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def readexactly(self, size: int) -> bytes:
        self._take(size)
        return await self._stream.readexactly(size)

    async def readline(self) -> bytes:
        # asyncio limits a line to 64 KiB and raises ValueError for a longer one.
        line = await self._stream.readline()
        self._take(len(line))
        return line

    def _take(self, size: int) -> None:
        self._bytes_left -= max(size, 0)
        if self._bytes_left < 0:
            raise RedisError(f"the answer exceeds {MAX_CONNECTION_BYTES >> 10} KiB")


def _mode(info: dict[str, Any]) -> Mode:
    # Valkey says `server_mode`; `cluster_enabled` is the same on both.
    if "sentinel" in {info.get("redis_mode"), info.get("server_mode")}:
        return Mode.SENTINEL
    return Mode.CLUSTER if int(info.get("cluster_enabled", 0)) else Mode.STANDALONE


def _primary(info: dict[str, Any]) -> str:
    """Returns the 'host:port' that a replica replicates, or an empty text for a primary."""
    return join_host_port(str(info["master_host"]), info.get("master_port", "")) if "master_host" in info else ""


def _product(info: dict[str, Any]) -> str:
    if "valkey_version" in info:
        return f"Valkey {info['valkey_version']}"
    return f"Redis {info.get('redis_version', 'of unknown version')}"


def _major(info: dict[str, Any]) -> int:
    major = str(info.get("redis_version", "")).partition(".")[0]
    return int(major) if major.isdecimal() else MIN_ACL_MAJOR


async def _has_database(client: Client, index: int) -> bool:
    try:
        await client.select(index)
    except NoPermissionError:
        raise
    except ResponseError:
        return False
    return True


def _no_answer(address: Address, login: RedisLogin, error: Exception) -> Exception:
    verification = error.__context__
    if isinstance(verification, ssl.SSLCertVerificationError):
        return as_error(explain_untrusted(address, verification.verify_message))
    if isinstance(error, RedisError | OSError) and not isinstance(error, TimeoutError):
        return as_error(explain_no_answer(address, login, _detail(error)))
    timed_out = isinstance(error, TimeoutError)
    detail = f"no answer within {_READ_TIMEOUT_SECONDS} s" if timed_out else "the answer is not in the Redis protocol"
    return as_error(explain_no_answer(address, login, detail))


def _detail(error: Exception) -> str:
    """Returns the text of an error; the server chooses it, and it ends in a status."""
    return str(error)[:MAX_DETAIL_CHARACTERS] or type(error).__name__
