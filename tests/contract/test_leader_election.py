"""Leader election on a real API server; the clock is the test's."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.leader_election import LeaderElectionConfig, LeaderElector
from lab.process import scaled

NOON = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
DURATION_SECONDS = 15.0


class Clock:
    """Stands still until a test advances it."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def candidate(client: KubernetesClient, lease: str, identity: str, clock: Clock) -> LeaderElector:
    return LeaderElector(
        client, LeaderElectionConfig("default", lease, identity, DURATION_SECONDS), lambda: NOON, clock
    )


async def is_acquired_at_once(elector: LeaderElector) -> bool:
    try:
        async with asyncio.timeout(1):
            return await elector.acquire(asyncio.Event())
    except TimeoutError:
        return False


async def test_one_acquires_it_and_the_other_waits(http: KubernetesClient) -> None:
    clock = Clock()
    first, second = candidate(http, "two", "a", clock), candidate(http, "two", "b", clock)
    assert await is_acquired_at_once(first)
    assert not await is_acquired_at_once(second)
    assert first.held
    assert not second.held


async def test_the_lease_of_a_dead_holder_expires_after_the_duration(http: KubernetesClient) -> None:
    clock = Clock()
    first, second = candidate(http, "dead", "a", clock), candidate(http, "dead", "b", clock)
    assert await is_acquired_at_once(first)
    assert not await is_acquired_at_once(second)  # it counts from this observation
    clock.seconds += DURATION_SECONDS + 1
    assert not first.held
    assert await is_acquired_at_once(second)


async def test_a_holder_that_returns_in_time_keeps_it(http: KubernetesClient) -> None:
    clock = Clock()
    first, second = candidate(http, "kept", "a", clock), candidate(http, "kept", "b", clock)
    await first.acquire(asyncio.Event())
    assert not await is_acquired_at_once(second)
    clock.seconds += DURATION_SECONDS - 1
    assert await is_acquired_at_once(candidate(http, "kept", "a", clock))


async def test_a_waiting_replica_that_is_stopped_waits_no_longer(http: KubernetesClient) -> None:
    clock, stop = Clock(), asyncio.Event()
    first, second = candidate(http, "stop", "a", clock), candidate(http, "stop", "b", clock)
    await first.acquire(stop)
    waiting = asyncio.create_task(second.acquire(stop))
    stop.set()
    assert not await waiting
    assert first.held


async def test_after_a_release_the_next_acquires_at_once(http: KubernetesClient) -> None:
    clock = Clock()
    first, second = candidate(http, "back", "a", clock), candidate(http, "back", "b", clock)
    await first.acquire(asyncio.Event())
    await first.release()
    assert not first.held
    assert await is_acquired_at_once(second)


async def test_a_holder_that_was_replaced_notices(http: KubernetesClient) -> None:
    clock, late = Clock(), Clock()
    config = LeaderElectionConfig("default", "lost", "a", duration_seconds=1)
    first = LeaderElector(http, config, lambda: NOON, clock)
    await first.acquire(asyncio.Event())
    second = candidate(http, "lost", "b", late)
    assert not await is_acquired_at_once(second)
    late.seconds += DURATION_SECONDS + 1
    assert await is_acquired_at_once(second)
    async with asyncio.timeout(scaled(5)):
        await first.renew_loop()
    assert first.lost_to_other
