"""The Cache step on a real Redis that Harbor cannot use, and on the same one after the remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harbor_operator.adapters.redis import RedisPyCache
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.outcomes import Blocked, Done, Outcome
from harbor_operator.reasons import Reason
from harbor_operator.steps.attempt import attempt
from harbor_operator.steps.cache import CacheStep
from lab.controlplane import ControlPlane
from lab.process import LabError, Processes
from lab.redis import Redis, sentinel_lines
from lab.registries import Registry
from tests.fakes.kube import FakeKube

pytestmark = pytest.mark.lab

PASSWORD = "cachePassword0123456789"


async def reconcile(redis: Redis, **cache: Any) -> Outcome:
    kube = FakeKube()
    kube.put("intra", "redis", {"password": PASSWORD})
    section = {"addresses": [f"{redis.host}:{redis.port}"], "passwordSecretRef": {"name": "redis"}, **cache}
    metadata = {"name": "cr", "namespace": "intra", "uid": "uid-1"}
    spec = {"externalURL": "https://cr.example.com", "cache": section}
    step = CacheStep(kube, RedisPyCache())
    return await attempt(step.reconcile, HarborRegistry.parse({"metadata": metadata, "spec": spec}))


async def test_a_sentinel_gives_up_its_password_and_its_primary_keeps_one(tmp_path: Path, processes: Processes) -> None:
    redis = Redis.start(tmp_path / "redis", processes, mode="sentinel", password=PASSWORD)
    primary, sentinel = redis.nodes[0], redis.front
    refused = await reconcile(redis, sentinelMaster=redis.master_name)
    assert isinstance(refused, Blocked)
    assert refused.reason is Reason.SENTINEL_REQUIRES_PASSWORD
    remedy = "remove `requirepass` from the Sentinels' configuration (the primary may keep its own)"
    assert remedy in refused.message

    sentinel.stop()
    sentinel.password = None
    sentinel.configure(sentinel_lines(primary), sentinel=True)
    sentinel.run()
    accepted = await reconcile(redis, sentinelMaster=redis.master_name)
    assert isinstance(accepted, Done), accepted.message
    assert f"'{primary.host}:{primary.port}', found through master set" in accepted.message


async def test_a_sentinel_is_used_without_tls(plane: ControlPlane, tmp_path: Path, processes: Processes) -> None:
    """The chart's registry does not find the primary of Sentinels with TLS, so the API server refuses such a spec."""
    redis = Redis.start(tmp_path / "redis", processes, mode="sentinel")
    registry = Registry(plane, "sentinel-tls", "cr")
    registry.prepare()
    cache = {"addresses": [f"{redis.host}:{redis.port}"], "sentinelMaster": redis.master_name}
    spec = {"externalURL": "https://localhost:1", "suspend": True}
    with pytest.raises(LabError) as refused:
        registry.apply({**spec, "cache": {**cache, "tls": True}})
    assert "`tls` with `sentinelMaster` is broken in the chart's registry: use one of them" in str(refused.value)
    with pytest.raises(ValueError, match="use one of them"):  # doctor reads the same model
        await reconcile(redis, sentinelMaster=redis.master_name, passwordSecretRef=None, tls=True)

    registry.apply({**spec, "cache": cache})
    plane.kubectl("-n", registry.namespace, "delete", "hreg", "cr")
    accepted = await reconcile(redis, sentinelMaster=redis.master_name, passwordSecretRef=None)
    assert isinstance(accepted, Done), accepted.message


async def test_too_few_databases_become_enough(tmp_path: Path, processes: Processes) -> None:
    redis = Redis.start(tmp_path / "redis", processes, password=PASSWORD, databases=4)
    refused = await reconcile(redis)
    assert isinstance(refused, Blocked)
    assert refused.reason is Reason.CACHE_TOO_FEW_DATABASES
    assert "set `databases 8` or more in its configuration and restart it" in refused.message

    redis.stop()
    redis.front.configure(["databases 8"])
    redis.front.run()
    assert isinstance(await reconcile(redis), Done)


async def test_a_server_that_drops_keys_is_a_warning_until_it_keeps_them(tmp_path: Path, processes: Processes) -> None:
    redis = Redis.start(tmp_path / "redis", processes, password=PASSWORD)
    with redis.client() as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        warned = await reconcile(redis)
        assert isinstance(warned, Done), warned.message
        (warning,) = warned.warnings
        assert warning.code is Reason.CACHE_EVICTS_KEYS
        assert "set `maxmemory-policy noeviction`" in warning.message
        client.config_set("maxmemory-policy", "noeviction")
    accepted = await reconcile(redis)
    assert isinstance(accepted, Done), accepted.message
    assert accepted.warnings == ()
