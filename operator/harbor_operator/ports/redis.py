"""What we may ask of a Redis, a Valkey or a Sentinel; nothing here writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pydantic import SecretStr

from harbor_operator.diagnosis.cache import Address, CacheSeen, SentinelSeen


@dataclass(frozen=True, slots=True)
class RedisLogin:
    """How a Redis is spoken to; `origin` names the Secret and the field of the spec, for messages."""

    password: SecretStr | None = None
    tls: bool = False
    origin: str = "`spec.cache.passwordSecretRef`"


class Redis(Protocol):
    """A Redis or Valkey server, read only.

    Raises Unavailable(CACHE_UNREACHABLE), Refused(CACHE_CREDENTIALS_REJECTED) and Refused(CERTIFICATE_UNTRUSTED).
    """

    async def read(self, address: Address, login: RedisLogin) -> CacheSeen:
        """Returns what answers at the address and whether it has the logical databases Harbor needs."""
        ...

    async def read_sentinel(self, address: Address, master: str) -> SentinelSeen:
        """Returns what a Sentinel knows of the master set, asked without a password as Harbor asks it."""
        ...
