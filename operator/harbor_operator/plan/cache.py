"""The wish for the cache: whom to ask, a primary itself or the Sentinels that know it."""

from __future__ import annotations

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.cache import Address, DesiredCache


def plan_cache(registry: HarborRegistry) -> DesiredCache:
    """Returns whom to ask; the spec must have a `cache` section."""
    cache = registry.spec.cache
    if cache is None:
        raise ValueError("a registry without `spec.cache` wishes for no cache")
    return DesiredCache(tuple(map(Address.parse, cache.addresses)), cache.sentinel_master, cache.tls)
