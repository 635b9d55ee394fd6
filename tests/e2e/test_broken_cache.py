"""A Redis that Harbor cannot use: refused by name before Harbor finds out, and taken as soon as it is mended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lab.lab import Lab
from lab.redis import Mode, Redis
from tests.e2e.conftest import MakeRegistry

pytestmark = pytest.mark.e2e

PASSWORD = "cachePassword0123456789"
StartRedis = Callable[[Mode, str | None], Redis]


@pytest.fixture
def start_redis(lab: Lab, request: pytest.FixtureRequest) -> Iterator[StartRedis]:
    """Starts a Redis of any shape, which ends with the test."""
    started: list[Redis] = []

    def start(mode: Mode, password: str | None) -> Redis:
        directory = lab.directory / f"redis-{request.node.name}"
        started.append(Redis.start(directory, lab.processes, mode=mode, password=password))
        return started[-1]

    yield start
    for redis in started:
        redis.stop()


def spec_for(redis: Redis, **changes: Any) -> dict[str, Any]:
    cache = {"addresses": [f"{redis.host}:{redis.port}"], "passwordSecretRef": {"name": "redis"}, **changes}
    return {"externalURL": "https://localhost:1", "checkIntervalSeconds": 5, "cache": cache}


def test_a_cluster_is_refused_with_the_error_harbor_would_get(
    lab: Lab, start_redis: StartRedis, make_registry: MakeRegistry
) -> None:
    registry, cluster, alone = make_registry("cache-cluster"), start_redis("cluster", PASSWORD), lab.services.redis
    registry.put_secret("redis", {"password": PASSWORD})
    registry.apply(spec_for(cluster))

    seen = registry.wait_condition("CacheReady", "False", "CacheIsCluster")
    assert f"at '{cluster.host}:{cluster.port}' (`spec.cache.addresses`) runs in cluster mode" in seen["message"]
    assert "'MOVED'" in seen["message"]
    assert "use one primary" in seen["message"]

    registry.put_secret("redis", {"password": alone.password or ""})
    registry.patch(spec_for(alone))
    registry.wait_condition("CacheReady", "True", "Converged")


def test_a_replica_names_its_primary_and_is_taken_once_promoted(
    start_redis: StartRedis, make_registry: MakeRegistry
) -> None:
    registry, replica = make_registry("cache-replica"), start_redis("replica", PASSWORD)
    registry.put_secret("redis", {"password": PASSWORD})
    registry.apply(spec_for(replica))

    seen = registry.wait_condition("CacheReady", "False", "CacheIsReplica")
    primary = replica.nodes[0]
    assert f"is a replica of '{primary.host}:{primary.port}' and refuses writes" in seen["message"]
    assert "give the address of the primary" in seen["message"]

    with replica.client() as client:
        client.replicaof("NO", "ONE")
    healed = registry.wait_condition("CacheReady", "True", "Converged")
    assert f"at '{replica.host}:{replica.port}' is a primary" in healed["message"]


def test_a_sentinel_wants_the_name_of_its_master_set(start_redis: StartRedis, make_registry: MakeRegistry) -> None:
    registry, sentinel = make_registry("cache-sentinel"), start_redis("sentinel", None)
    registry.put_secret("redis", {"password": PASSWORD})
    registry.apply(spec_for(sentinel))

    # A Sentinel without a password of its own refuses any that it is given, before it says what it is.
    seen = registry.wait_condition("CacheReady", "False", "CacheCredentialsRejected")
    assert "if it is a Sentinel, keep the Secret for its primary and set `spec.cache.sentinelMaster`" in seen["message"]

    registry.patch({"cache": {"passwordSecretRef": None}})
    seen = registry.wait_condition("CacheReady", "False", "CacheIsSentinel")
    assert "is a Sentinel: set `spec.cache.sentinelMaster` to the name of its master set" in seen["message"]

    registry.patch({"cache": {"sentinelMaster": "nobody"}})
    seen = registry.wait_condition("CacheReady", "False", "SentinelMasterUnknown")
    assert "knows no master set 'nobody': correct `spec.cache.sentinelMaster`" in seen["message"]

    registry.patch({"cache": {"sentinelMaster": sentinel.master_name}})
    healed = registry.wait_condition("CacheReady", "True", "Converged")
    primary = sentinel.nodes[0]
    assert f"'{primary.host}:{primary.port}', found through master set '{sentinel.master_name}'" in healed["message"]


def test_a_sentinel_with_a_password_is_refused_because_harbor_cannot_give_one(
    start_redis: StartRedis, make_registry: MakeRegistry
) -> None:
    registry, sentinel = make_registry("cache-locked"), start_redis("sentinel", PASSWORD)
    registry.put_secret("redis", {"password": PASSWORD})
    registry.apply(spec_for(sentinel, sentinelMaster=sentinel.master_name))

    seen = registry.wait_condition("CacheReady", "False", "SentinelRequiresPassword")
    assert "take `requirepass` out of the Sentinels' configuration" in seen["message"]


def test_a_wrong_password_names_its_secret_and_heals_with_it(lab: Lab, make_registry: MakeRegistry) -> None:
    registry, alone = make_registry("cache-password"), lab.services.redis
    registry.put_secret("redis", {"password": "notThePassword0123"})
    registry.apply(spec_for(alone))

    seen = registry.wait_condition("CacheReady", "False", "CacheCredentialsRejected")
    assert "correct key 'password' of Secret 'redis' (`spec.cache.passwordSecretRef`)" in seen["message"]

    registry.put_secret("redis", {"password": alone.password or ""})
    registry.wait_condition("CacheReady", "True", "Converged")
