"""A Redis, a Valkey or a Sentinel as the operator uses it: read only."""

from __future__ import annotations

from typing import Protocol

from harbor_operator.model.cache import Address, ObservedCache, ObservedSentinel, RedisLogin


class Redis(Protocol):
    """A Redis or Valkey server; every call has a deadline and changes nothing.

    Raises Unavailable(CACHE_UNREACHABLE) when no valid answer arrives, Refused(CACHE_CREDENTIALS_REJECTED) when the
    server rejects the password, and Refused(CERTIFICATE_UNTRUSTED).
    """

    async def read(self, address: Address, login: RedisLogin) -> ObservedCache:
        """Returns the server at the address, and whether it has the logical databases that Harbor needs."""
        ...

    async def read_sentinel(self, address: Address, master: str) -> ObservedSentinel:
        """Returns what a Sentinel knows about the master set; sends no password, as Harbor sends none."""
        ...
