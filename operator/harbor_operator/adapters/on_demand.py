"""Adapters whose clients are imported when the first registry needs them.

The clients of PostgreSQL, Redis and Swift take 18 MiB together, a sixth of the memory budget with ten thousand
namespaces. A registry that only injects pull Secrets uses none of them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar, cast

from harbor_operator.model.egress import UNRESTRICTED, Egress
from harbor_operator.ports.object_store import ObjectStore
from harbor_operator.ports.postgres import Postgres
from harbor_operator.ports.redis import Redis

# ruff: noqa: PLC0415 - late imports are the purpose of this module

Port = TypeVar("Port")


class _OnDemand:
    """A proxy that loads the adapter at the first access to an attribute."""

    def __init__(self, load: Callable[[], object]) -> None:
        self._load = cache(load)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._load(), name)


def postgres(egress: Egress = UNRESTRICTED, *, permits_md5: bool = False) -> Postgres:
    """Returns the Postgres port."""

    def load() -> Postgres:
        from harbor_operator.adapters.postgres import PsycopgPostgres

        return PsycopgPostgres(egress, permits_md5=permits_md5)

    return _on_demand(load)


def redis(egress: Egress = UNRESTRICTED) -> Redis:
    """Returns the Redis port."""

    def load() -> Redis:
        from harbor_operator.adapters.redis import RedisPyCache

        return RedisPyCache(egress)

    return _on_demand(load)


def swift(egress: Egress = UNRESTRICTED) -> ObjectStore:
    """Returns the ObjectStore port."""

    def load() -> ObjectStore:
        from harbor_operator.adapters.swift import SwiftObjectStore

        return SwiftObjectStore(egress)

    return _on_demand(load)


def _on_demand(load: Callable[[], Port]) -> Port:
    return cast("Port", _OnDemand(load))
