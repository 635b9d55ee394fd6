from __future__ import annotations

import pytest

from harbor_operator.model.watch import Kind, Source
from harbor_operator.plan.docker_config import digest_of, encode
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from tests.unit.injector.interleaving import SlowCluster, Worker
from tests.unit.injector.world import CLAIM, NAME, World, desired

SECRETS = Source(Kind.SECRETS, NAME)
ACCOUNTS = Source(Kind.ACCOUNTS, "default")


@pytest.fixture
def world() -> World:
    return World()


async def test_crash_between_the_two_writes_heals_from_the_lists(world: World) -> None:
    world.injector.declare(desired())
    await world.settle()
    world.cluster.add_namespace("app")
    await world.settle()
    assert world.owner("app") == "uid-a"
    world.cluster.put_account("app", "default")
    world.start()
    world.injector.declare(desired())
    await world.settle()
    assert world.references("app") == (NAME,)


async def test_outage_is_survived(world: World) -> None:
    world.injector.declare(desired())
    world.add_namespace("app")
    world.cluster.failure = Unavailable("slow down", retry_after=7.0)
    for _ in range(5):
        world.feed()
        await world.work()
        world.clock.now += world.injector.queue.next_due() or 0.0
    assert world.metrics.written["apply", "unavailable"] >= 2
    world.cluster.failure = None
    await world.settle()
    assert world.references("app") == (NAME,)


async def test_refused_write_is_a_finding_and_does_not_stop_others(world: World) -> None:
    world.injector.declare(desired())
    world.add_namespace("app")
    world.cluster.failure = Refused(Reason.RIGHTS_MISSING, "may not")
    world.feed()
    await world.work()
    facts = world.injector.read(CLAIM)
    assert facts is not None
    assert [(f.namespace, f.reason, f.message) for f in facts.failures] == [("app", Reason.RIGHTS_MISSING, "may not")]
    world.cluster.failure = None
    await world.settle()
    facts = world.injector.read(CLAIM)
    assert facts is not None
    assert (facts.ready, facts.failed) == (1, 0)


async def test_refused_watch_is_raised_to_the_caller(world: World) -> None:
    world.injector.declare(desired())
    world.injector.refuse(SECRETS, Refused(Reason.RIGHTS_MISSING, "may not watch"))
    with pytest.raises(Refused, match="may not watch"):
        world.injector.read(CLAIM)


async def test_repairs_are_made_at_once(world: World) -> None:
    world.injector.declare(desired())
    world.add_namespace("app")
    await world.settle()
    before = world.clock.now
    world.cluster.put_secret("app", NAME, owner="uid-a")
    await world.settle(policy=0)
    assert world.cluster.secrets["app", NAME].digest == digest_of(encode("one"))
    world.cluster.put_account("app", "default")
    await world.settle(policy=0)
    assert world.references("app") == (NAME,)
    assert world.clock.now == before


async def test_recreated_namespace_is_new(world: World) -> None:
    world.injector.declare(desired())
    for _ in range(10):
        world.add_namespace("ci")
        await world.settle(policy=0)
        assert world.references("ci") == (NAME,)
        world.cluster.delete_namespace("ci")
        await world.settle(policy=0)
    assert world.metrics.contests == 0


async def test_deletion_missed_by_the_watch_is_found_by_the_next_list(world: World) -> None:
    world.injector.declare(desired())
    world.add_namespace("app")
    await world.settle()
    world.cluster.delete_secret("app", NAME)
    world.lose(SECRETS)
    await world.settle()
    assert world.owner("app") is None
    world.relist(SECRETS)
    await world.settle()
    assert world.owner("app") == "uid-a"


async def test_old_news_after_our_own_write_changes_nothing(world: World) -> None:
    world.injector.declare(desired())
    world.add_namespace("app")
    old = world.cluster.accounts["app", "default"]
    await world.settle()
    world.cluster.writes.clear()
    world.repeat(ACCOUNTS, old)
    await world.settle()
    assert world.cluster.writes == []


async def test_failures_in_a_namespace_that_goes_meanwhile_leave_nothing_behind() -> None:
    cluster = SlowCluster()
    world = World(cluster)
    world.injector.declare(desired())
    world.feed()
    cluster.slow = True
    world.add_namespace("app")
    world.feed()
    assert world.injector.take() == "app"
    worker = Worker("app", world.injector.converge("app"))
    cluster.delete_namespace("app")
    world.feed()
    while not worker.is_done:
        worker.step()
    assert world.metrics.written["apply", "stale"] == 1
    assert world.injector._writer.backoff._failures == {}
