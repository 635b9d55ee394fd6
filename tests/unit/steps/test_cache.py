"""One case per test: servers before, and the outcome; nothing is written."""

from __future__ import annotations

from typing import Any

import pytest

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.cache import Address, Mode, ObservedCache
from harbor_operator.model.outcomes import Blocked, Done, Pending
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from harbor_operator.steps.attempt import attempt
from harbor_operator.steps.cache import CacheStep
from tests.fakes.kube import FakeKube
from tests.fakes.redis import FakeNode, FakeRedis

PRIMARY = Address("redis", 6379)
SENTINELS = (Address("s1", 26379), Address("s2", 26379), Address("s3", 26379))


def _registry(**cache: Any) -> HarborRegistry:
    return HarborRegistry.parse(
        {
            "metadata": {"name": "cr", "namespace": "intra", "uid": "uid-1"},
            "spec": {"externalURL": "https://cr.example.com", "cache": cache or None},
        }
    )


PLAIN = _registry(addresses=["redis:6379"])
LOCKED = _registry(addresses=["redis:6379"], passwordSecretRef={"name": "redis"})
WATCHED = _registry(addresses=[address.text for address in SENTINELS], sentinelMaster="mymaster")


def _watched(*answering: Address, master: Address = PRIMARY) -> FakeRedis:
    sentinel = ObservedCache("Redis 7", Mode.SENTINEL)
    nodes = {address: FakeNode(sentinel, masters={"mymaster": master}) for address in answering}
    return FakeRedis({**nodes, PRIMARY: FakeNode(ObservedCache("Redis 7"))})


async def test_no_section_no_condition() -> None:
    step = CacheStep(FakeKube(), FakeRedis())
    for outcome in (await step.reconcile(_registry()), await step.teardown(_registry())):
        assert outcome.reason is Reason.NOT_REQUESTED


async def test_a_primary() -> None:
    step = CacheStep(FakeKube(), FakeRedis({PRIMARY: FakeNode(ObservedCache("Redis 7"))}))
    outcome = await step.reconcile(PLAIN)
    assert isinstance(outcome, Done)
    assert outcome.warnings == ()
    assert isinstance(await step.teardown(PLAIN), Done)


async def test_a_cluster() -> None:
    outcome = await CacheStep(
        FakeKube(), FakeRedis({PRIMARY: FakeNode(ObservedCache("Redis 7", Mode.CLUSTER))})
    ).reconcile(PLAIN)
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.CACHE_IS_CLUSTER


async def test_eviction_is_a_warning() -> None:
    observed = ObservedCache("Redis 7", eviction="volatile-lru")
    outcome = await CacheStep(FakeKube(), FakeRedis({PRIMARY: FakeNode(observed)})).reconcile(PLAIN)
    assert [warning.code for warning in outcome.warnings] == [Reason.CACHE_EVICTS_KEYS]


async def test_a_server_that_is_down() -> None:
    with pytest.raises(Unavailable):
        await CacheStep(FakeKube(), FakeRedis()).reconcile(PLAIN)


@pytest.mark.parametrize(
    ("values", "reason"), [(None, Reason.SECRET_MISSING), ({"other": "x"}, Reason.SECRET_KEY_MISSING)]
)
async def test_a_password_that_is_missing(values: dict[str, str] | None, reason: Reason) -> None:
    kube = FakeKube()
    if values:
        kube.put("intra", "redis", values)
    outcome = await attempt(CacheStep(kube, FakeRedis()).reconcile, LOCKED)
    assert isinstance(outcome, Blocked)
    assert outcome.reason is reason
    assert "spec.cache.passwordSecretRef" in outcome.message


async def test_a_password_is_used() -> None:
    kube = FakeKube()
    kube.put("intra", "redis", {"password": "secret"})
    redis = FakeRedis({PRIMARY: FakeNode(ObservedCache("Redis 7"), "secret")})
    assert isinstance(await CacheStep(kube, redis).reconcile(LOCKED), Done)
    assert kube.writes == []


async def test_a_password_that_is_wrong_names_the_secret() -> None:
    kube = FakeKube()
    kube.put("intra", "redis", {"password": "wrong"})
    redis = FakeRedis({PRIMARY: FakeNode(ObservedCache("Redis 7"), "secret")})
    with pytest.raises(Refused, match="Secret 'redis'"):
        await CacheStep(kube, redis).reconcile(LOCKED)


async def test_sentinels_lead_to_the_primary() -> None:
    outcome = await CacheStep(FakeKube(), _watched(*SENTINELS)).reconcile(WATCHED)
    assert isinstance(outcome, Done)
    assert "'redis:6379'" in outcome.message
    assert "'mymaster'" in outcome.message


async def test_a_silent_sentinel_is_a_warning() -> None:
    outcome = await CacheStep(FakeKube(), _watched(*SENTINELS[1:])).reconcile(WATCHED)
    assert isinstance(outcome, Done)
    assert [warning.code for warning in outcome.warnings] == [Reason.CACHE_UNREACHABLE]
    assert "'s1:26379'" in outcome.warnings[0].message


async def test_silent_sentinels() -> None:
    with pytest.raises(Unavailable):
        await CacheStep(FakeKube(), _watched()).reconcile(WATCHED)


async def test_sentinels_that_disagree_are_waited_for() -> None:
    redis = _watched(*SENTINELS)
    redis.nodes[SENTINELS[2]].masters["mymaster"] = Address("old", 6379)
    assert isinstance(await CacheStep(FakeKube(), redis).reconcile(WATCHED), Pending)


async def test_a_sentinel_that_demands_a_password() -> None:
    redis = _watched(*SENTINELS)
    redis.nodes[SENTINELS[0]].password = "secret"
    outcome = await CacheStep(FakeKube(), redis).reconcile(WATCHED)
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.SENTINEL_REQUIRES_PASSWORD


async def test_a_primary_that_the_sentinels_name_is_checked_too() -> None:
    redis = _watched(*SENTINELS)
    redis.nodes[PRIMARY] = FakeNode(ObservedCache("Redis 7", is_primary=False))
    outcome = await CacheStep(FakeKube(), redis).reconcile(WATCHED)
    assert isinstance(outcome, Blocked)
    assert outcome.reason is Reason.CACHE_IS_REPLICA
