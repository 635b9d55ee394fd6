from __future__ import annotations

import pytest

from harbor_operator.model.injection import Claim
from harbor_operator.plan.docker_config import digest_of, encode
from tests.unit.injector.world import CLAIM, NAME, World, desired


@pytest.fixture
def world() -> World:
    return World()


async def test_fresh_namespace_costs_two_writes_and_no_read(world: World) -> None:
    world.injector.declare(desired())
    await world.settle()
    world.add_namespace("app")
    await world.settle()
    assert world.cluster.writes == [f"apply app/{NAME}", "patch app/default"]
    assert world.references("app") == (NAME,)
    assert world.owner("app") == "uid-a"


async def test_second_look_and_restart_write_nothing(world: World) -> None:
    world.injector.declare(desired())
    for name in ("a", "b", "c"):
        world.add_namespace(name)
    await world.settle()
    world.cluster.writes.clear()
    await world.settle()
    world.start()
    world.injector.declare(desired())
    await world.settle()
    assert world.cluster.writes == []
    facts = world.injector.read(CLAIM)
    assert facts is not None
    assert (facts.namespaces, facts.ready, facts.failed) == (3, 3, 0)


async def test_secret_waits_for_a_late_service_account(world: World) -> None:
    world.injector.declare(desired())
    world.cluster.add_namespace("app")
    await world.settle()
    facts = world.injector.read(CLAIM)
    assert facts is not None
    assert (facts.namespaces, facts.ready) == (1, 0)
    world.cluster.put_account("app", "default")
    await world.settle()
    facts = world.injector.read(CLAIM)
    assert facts is not None
    assert (facts.ready, facts.failed) == (1, 0)
    assert len(world.metrics.seconds) == 1


async def test_nothing_is_said_or_written_before_the_first_full_look(world: World) -> None:
    world.add_namespace("app")
    world.injector.declare(desired())
    assert world.injector.read(CLAIM) is None
    assert world.injector.remaining(Claim("uid-z", NAME, ("default",))) is None
    assert not world.injector.ready
    assert not await world.work()
    world.feed()
    assert world.injector.ready


async def test_rotation_rewrites_each_secret_once(world: World) -> None:
    world.injector.declare(desired())
    for name in ("a", "b"):
        world.add_namespace(name)
    await world.settle()
    world.cluster.writes.clear()
    world.injector.declare(desired(config="two"))
    facts = world.injector.read(CLAIM)
    assert facts is not None
    assert facts.ready == 0
    await world.settle()
    assert sorted(world.cluster.writes) == [f"apply a/{NAME}", f"apply b/{NAME}"]
    assert world.cluster.secrets["a", NAME].digest == digest_of(encode("two"))


async def test_fresh_namespace_overtakes_a_rotation(world: World) -> None:
    world.injector.declare(desired())
    for index in range(20):
        world.add_namespace(f"old-{index:02}")
    await world.settle()
    world.injector.declare(desired(config="two"))
    world.add_namespace("new")
    world.feed()
    world.cluster.writes.clear()
    await world.work()
    assert world.cluster.writes == [f"apply new/{NAME}", "patch new/default"]


async def test_all_accounts(world: World) -> None:
    claim = Claim("uid-a", NAME, ("*",))
    world.injector.declare(desired(claim))
    world.add_namespace("app")
    world.cluster.put_account("app", "builder")
    await world.settle()
    world.cluster.put_account("app", "late")
    await world.settle()
    assert [world.references("app", name) for name in ("default", "builder", "late")] == [(NAME,)] * 3
    world.injector.withdraw(claim)
    await world.settle()
    assert [world.references("app", name) for name in ("default", "builder", "late")] == [()] * 3


async def test_new_wish_is_looked_into_a_few_namespaces_at_a_time(world: World) -> None:
    world.injector.declare(desired())
    for index in range(10):
        world.add_namespace(f"old-{index}")
    await world.settle()
    world.injector.declare(desired(config="two"))
    assert world.injector.queue.depth == 0
    assert world.injector.review(4)
    assert world.injector.queue.depth == 4
    facts = world.injector.read(CLAIM)
    assert facts is not None
    assert (facts.namespaces, facts.ready) == (10, 0)
    assert not world.injector.review()
    assert world.injector.queue.depth == 10


async def test_review_that_begins_again_stays_as_urgent_as_it_was(world: World) -> None:
    world.injector.declare(desired())
    world.add_namespace("app")
    await world.settle()
    world.cluster.put_secret("app", NAME, owner="uid-a")
    world.start()
    world.injector.declare(desired())
    world.feed()
    world.injector.declare(desired(config="two"))
    world.injector.declare(desired(config="three"))
    world.injector.review()
    assert world.injector.take() == "app"
    assert world.injector.queue.rotating == 0
