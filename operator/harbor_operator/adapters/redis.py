"""The Redis port on redis-py: short timeouts, no retries, nothing written."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import Redis as Client
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError

from harbor_operator.model.cache import REQUIRED_DATABASES, Address, Mode, ObservedCache, ObservedSentinel, RedisLogin
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason

_SECONDS = 3
_WHOLE_LOOK_SECONDS = 8


class RedisPyCache:
    """Redis and Valkey as the operator reaches them; `ca_file` is trusted instead of the system's authorities."""

    def __init__(self, ca_file: str | None = None) -> None:
        self._ca_file = ca_file

    async def read(self, address: Address, login: RedisLogin) -> ObservedCache:
        """Returns what INFO says, and whether the highest database that Harbor may use can be selected."""
        async with self._connected(address, login) as client:
            info = await client.info()
            mode = _mode(info)
            # A Sentinel and a cluster refuse SELECT for reasons of their own, and are refused before this counts.
            enough = mode is not Mode.STANDALONE or await _has_database(client, REQUIRED_DATABASES - 1)
        return ObservedCache(
            product=_product(info),
            mode=mode,
            is_primary=info.get("role", "master") == "master",
            primary=f"{info['master_host']}:{info.get('master_port', '')}" if "master_host" in info else "",
            has_enough_databases=enough,
            eviction=info.get("maxmemory_policy", "noeviction"),
        )

    async def read_sentinel(self, address: Address, master: str) -> ObservedSentinel:
        """Returns where the Sentinel says the primary is."""
        try:
            async with self._connected(address, RedisLogin()) as client:
                if _mode(await client.info()) is not Mode.SENTINEL:
                    return ObservedSentinel(is_sentinel=False)
                found = await client.sentinel_get_master_addr_by_name(master)
        except Refused as refusal:
            if refusal.reason is Reason.CACHE_CREDENTIALS_REJECTED:
                return ObservedSentinel(requires_password=True)
            raise
        return ObservedSentinel(master=Address(str(found[0]), int(found[1])) if isinstance(found, tuple) else None)

    @asynccontextmanager
    async def _connected(self, address: Address, login: RedisLogin) -> AsyncIterator[Client]:
        client = self._client(address, login)
        try:
            async with asyncio.timeout(_WHOLE_LOOK_SECONDS):
                yield client
        except (AuthenticationError, NoPermissionError) as error:
            raise _rejected(address, login, str(error)) from None
        except (RedisError, OSError, TimeoutError) as error:
            raise _trouble(address, login, error) from None
        finally:
            await client.aclose()

    def _client(self, address: Address, login: RedisLogin) -> Client:
        # Protocol 2, so that the password is given as Harbor gives it, by AUTH, and servers before HELLO answer too.
        return Client(
            host=address.host,
            port=address.port,
            password=login.password.get_secret_value() if login.password else None,
            ssl=login.tls,
            ssl_ca_certs=self._ca_file,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            single_connection_client=True,
            decode_responses=True,
            socket_connect_timeout=_SECONDS,
            socket_timeout=_SECONDS,
        )


def _mode(info: dict[str, Any]) -> Mode:
    # Valkey says `server_mode`; `cluster_enabled` is the same on both.
    if "sentinel" in {info.get("redis_mode"), info.get("server_mode")}:
        return Mode.SENTINEL
    return Mode.CLUSTER if int(info.get("cluster_enabled", 0)) else Mode.STANDALONE


def _product(info: dict[str, Any]) -> str:
    if "valkey_version" in info:
        return f"Valkey {info['valkey_version']}"
    return f"Redis {info.get('redis_version', 'of unknown version')}"


async def _has_database(client: Client, index: int) -> bool:
    try:
        await client.select(index)
    except NoPermissionError:
        raise
    except ResponseError:
        return False
    return True


def _rejected(address: Address, login: RedisLogin, said: str) -> Refused:
    if login.password is None:
        remedy = "the server demands a password: name its Secret in `spec.cache.passwordSecretRef`"
    elif "without any password configured" in said:
        remedy = (
            "the server has no password: remove `spec.cache.passwordSecretRef`, or set `requirepass`; if it is a "
            "Sentinel, keep the Secret for its primary and set `spec.cache.sentinelMaster`"
        )
    else:
        remedy = f"correct {login.origin}"
    return Refused(
        Reason.CACHE_CREDENTIALS_REJECTED, f"Redis at '{address.text}' rejected us: {said.rstrip('. ')}; {remedy}"
    )


def _trouble(address: Address, login: RedisLogin, error: Exception) -> Unavailable | Refused:
    if isinstance(error.__context__, ssl.SSLCertVerificationError):
        return Refused(
            Reason.CERTIFICATE_UNTRUSTED,
            f"the certificate of Redis at '{address.text}' is not trusted: {error.__context__.verify_message}; it must "
            "come from an authority the system trusts, or set `spec.cache.tls` to false",
        )
    said = str(error) or f"no answer within {_WHOLE_LOOK_SECONDS} s"
    hint = "`spec.cache.tls` is true: does the server speak TLS on this port?" if login.tls else "is it a TLS port?"
    return Unavailable(
        f"Redis at '{address.text}' (`spec.cache.addresses`) does not answer: {said}; {hint}", Reason.CACHE_UNREACHABLE
    )
