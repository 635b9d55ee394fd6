"""The wish for the cache: whom to ask, a primary itself or the Sentinels that know it."""

from __future__ import annotations

from dataclasses import dataclass

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.diagnosis.cache import Address


@dataclass(frozen=True, slots=True)
class CacheWish:
    """Where the primary is, or the Sentinels and the master set they watch."""

    addresses: tuple[Address, ...]
    sentinel_master: str
    tls: bool

    @property
    def is_sentinel(self) -> bool:
        """Whether the addresses are those of Sentinels."""
        return bool(self.sentinel_master)


def plan_cache(registry: HarborRegistry) -> CacheWish:
    """Returns whom to ask; the spec must have a `cache` section."""
    cache = registry.spec.cache
    if cache is None:
        raise ValueError("a registry without `spec.cache` wishes for no cache")
    return CacheWish(tuple(map(Address.parse, cache.addresses)), cache.sentinel_master, cache.tls)
