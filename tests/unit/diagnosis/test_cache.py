"""A Redis is seen; the judge names what Harbor cannot use."""

from __future__ import annotations

import pytest

from harbor_operator.diagnosis.cache import (
    Address,
    CacheSeen,
    Mode,
    SentinelSeen,
    cautions,
    obstacle,
    sentinel_obstacle,
    split_view,
)
from harbor_operator.reasons import Reason

HERE, THERE = Address("redis.example.com", 6379), Address("other.example.com", 6380)


@pytest.mark.parametrize(
    ("seen", "reason", "said"),
    [
        (CacheSeen("Redis 7", Mode.CLUSTER), Reason.CACHE_IS_CLUSTER, "'MOVED'"),
        (CacheSeen("Redis 7", Mode.CLUSTER, has_enough_databases=False), Reason.CACHE_IS_CLUSTER, "HAProxy"),
        (CacheSeen("Valkey 9", Mode.SENTINEL), Reason.CACHE_IS_SENTINEL, "spec.cache.sentinelMaster"),
        (CacheSeen("Redis 7", is_primary=False, primary="p:1"), Reason.CACHE_IS_REPLICA, "of 'p:1'"),
        (CacheSeen("Redis 7", has_enough_databases=False), Reason.CACHE_TOO_FEW_DATABASES, "`databases 8`"),
    ],
)
def test_what_harbor_cannot_use(seen: CacheSeen, reason: Reason, said: str) -> None:
    found = obstacle(HERE, seen)
    assert found
    assert found.reason is reason
    assert said in found.message
    assert "'redis.example.com:6379'" in found.message


def test_a_primary_is_fine() -> None:
    assert obstacle(HERE, CacheSeen("Redis 7")) is None
    assert cautions(HERE, CacheSeen("Redis 7")) == ()


def test_eviction_is_a_warning() -> None:
    (caution,) = cautions(HERE, CacheSeen("Redis 7", eviction="allkeys-lru"))
    assert caution.code is Reason.CACHE_EVICTS_KEYS
    assert "allkeys-lru" in caution.message


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        (SentinelSeen(is_sentinel=False), Reason.SENTINEL_MASTER_UNKNOWN),
        (SentinelSeen(requires_password=True), Reason.SENTINEL_REQUIRES_PASSWORD),
        (SentinelSeen(), Reason.SENTINEL_MASTER_UNKNOWN),
        (SentinelSeen(master=THERE), None),
    ],
)
def test_a_sentinel(seen: SentinelSeen, reason: Reason | None) -> None:
    found = sentinel_obstacle(HERE, "mymaster", seen)
    assert (found.reason if found else None) == reason


def test_sentinels_must_agree() -> None:
    assert split_view({HERE: THERE, THERE: THERE}) is None
    found = split_view({HERE: THERE, THERE: HERE})
    assert found
    assert "'redis.example.com:6379' says 'other.example.com:6380'" in found.message
