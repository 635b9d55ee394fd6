"""A Redis that Harbor cannot use: the condition names the cause, and becomes True after the fix."""

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
    """Starts a Redis in any mode; it stops at the end of the test."""
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


def test_cluster_mode_is_rejected_with_the_error_that_harbor_would_get(
    lab: Lab, start_redis: StartRedis, make_registry: MakeRegistry
) -> None:
    registry, cluster, standalone = make_registry("cache-cluster"), start_redis("cluster", PASSWORD), lab.services.redis
    registry.put_secret("redis", {"password": PASSWORD})
    registry.apply(spec_for(cluster))

    seen = registry.wait_condition("CacheReady", "False", "CacheIsCluster")
    assert f"at '{cluster.host}:{cluster.port}' (`spec.cache.addresses`) runs in cluster mode" in seen["message"]
    assert "'MOVED'" in seen["message"]
    assert "use one primary" in seen["message"]

    registry.put_secret("redis", {"password": standalone.password or ""})
    registry.patch(spec_for(standalone))
    registry.wait_condition("CacheReady", "True", "Converged")


def test_a_replica_is_rejected_with_its_primary_and_accepted_after_promotion(
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
    recovered = registry.wait_condition("CacheReady", "True", "Converged")
    assert f"at '{replica.host}:{replica.port}' is a primary" in recovered["message"]


def test_a_sentinel_needs_the_name_of_its_master_set(start_redis: StartRedis, make_registry: MakeRegistry) -> None:
    registry, sentinel = make_registry("cache-sentinel"), start_redis("sentinel", None)
    registry.put_secret("redis", {"password": PASSWORD})
    registry.apply(spec_for(sentinel))

    # A Sentinel without a password rejects any password before it can be identified as a Sentinel.
    seen = registry.wait_condition("CacheReady", "False", "CacheCredentialsRejected")
    assert "if it is a Sentinel, keep the Secret for its primary and set `spec.cache.sentinelMaster`" in seen["message"]

    registry.patch({"cache": {"passwordSecretRef": None}})
    seen = registry.wait_condition("CacheReady", "False", "CacheIsSentinel")
    assert "is a Sentinel: set `spec.cache.sentinelMaster` to the name of its master set" in seen["message"]

    registry.patch({"cache": {"sentinelMaster": "absent"}})
    seen = registry.wait_condition("CacheReady", "False", "SentinelMasterUnknown")
    assert "knows no master set 'absent': correct `spec.cache.sentinelMaster`" in seen["message"]

    registry.patch({"cache": {"sentinelMaster": sentinel.master_name}})
    recovered = registry.wait_condition("CacheReady", "True", "Converged")
    primary = sentinel.nodes[0]
    assert f"'{primary.host}:{primary.port}', found through master set '{sentinel.master_name}'" in recovered["message"]


def test_a_sentinel_with_a_password_is_rejected_because_harbor_cannot_send_one(
    start_redis: StartRedis, make_registry: MakeRegistry
) -> None:
    registry, sentinel = make_registry("cache-locked"), start_redis("sentinel", PASSWORD)
    registry.put_secret("redis", {"password": PASSWORD})
    registry.apply(spec_for(sentinel, sentinelMaster=sentinel.master_name))

    seen = registry.wait_condition("CacheReady", "False", "SentinelRequiresPassword")
    assert "remove `requirepass` from the Sentinels' configuration" in seen["message"]


def test_a_wrong_password_names_its_secret_and_recovers_after_the_fix(lab: Lab, make_registry: MakeRegistry) -> None:
    registry, standalone = make_registry("cache-password"), lab.services.redis
    registry.put_secret("redis", {"password": "notThePassword0123"})
    registry.apply(spec_for(standalone))

    seen = registry.wait_condition("CacheReady", "False", "CacheCredentialsRejected")
    assert "correct key 'password' of Secret 'redis' (`spec.cache.passwordSecretRef`)" in seen["message"]

    registry.put_secret("redis", {"password": standalone.password or ""})
    registry.wait_condition("CacheReady", "True", "Converged")
