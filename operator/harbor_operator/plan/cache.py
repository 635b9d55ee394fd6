"""The desired cache: the address of a primary, or the addresses of the Sentinels that monitor it."""

from __future__ import annotations

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.cache import Address, DesiredCache


def plan_cache(registry: HarborRegistry) -> DesiredCache:
    """Returns the addresses to connect to; raises ValueError if the spec has no `cache` section."""
    cache = registry.spec.cache
    if cache is None:
        raise ValueError("the registry has no `spec.cache`")
    return DesiredCache(tuple(map(Address.parse, cache.addresses)), cache.sentinel_master, cache.tls)
