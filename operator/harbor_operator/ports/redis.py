"""What we may ask of a Redis, a Valkey or a Sentinel; nothing here writes."""

from __future__ import annotations

from typing import Protocol

from harbor_operator.model.cache import Address, ObservedCache, ObservedSentinel, RedisLogin


class Redis(Protocol):
    """A Redis or Valkey server, read only.

    Raises Unavailable(CACHE_UNREACHABLE), Refused(CACHE_CREDENTIALS_REJECTED) and Refused(CERTIFICATE_UNTRUSTED).
    """

    async def read(self, address: Address, login: RedisLogin) -> ObservedCache:
        """Returns what answers at the address and whether it has the logical databases Harbor needs."""
        ...

    async def read_sentinel(self, address: Address, master: str) -> ObservedSentinel:
        """Returns what a Sentinel knows of the master set, asked without a password as Harbor asks it."""
        ...
