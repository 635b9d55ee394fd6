from __future__ import annotations

import pytest

from harbor_operator.api.v1alpha1 import ConflictPolicy
from harbor_operator.model.injection import Claim
from harbor_operator.reasons import Reason
from tests.unit.injector.world import CLAIM, NAME, World, desired


@pytest.fixture
def world() -> World:
    return World()


async def test_foreign_entries_are_kept_in_order(world: World) -> None:
    world.injector.declare(desired())
    world.cluster.add_namespace("app")
    world.cluster.put_account("app", "default", ("theirs", "more"))
    await world.settle()
    assert world.references("app") == ("theirs", "more", NAME)
    world.injector.withdraw(CLAIM)
    await world.settle()
    assert world.references("app") == ("theirs", "more")


async def test_foreign_secret_is_refused_and_gets_no_reference(world: World) -> None:
    world.injector.declare(desired())
    world.add_namespace("app")
    world.cluster.put_secret("app", NAME)
    await world.settle()
    facts = world.injector.read(CLAIM)
    assert facts is not None
    assert [failure.reason for failure in facts.failures] == [Reason.FOREIGN_SECRET]
    assert "conflictPolicy" in facts.failures[0].message
    assert world.cluster.writes == []
    world.cluster.delete_secret("app", NAME)
    await world.settle()
    assert world.references("app") == (NAME,)


async def test_secret_that_came_between_look_and_write_is_not_overwritten(world: World) -> None:
    world.injector.declare(desired())
    world.add_namespace("app")
    world.feed()
    world.cluster.put_secret("app", NAME)
    assert await world.work()
    assert world.owner("app") == ""
    await world.settle()
    assert world.owner("app") == ""
    assert world.references("app") == ()


@pytest.mark.parametrize("immutable", [False, True])
async def test_adopted_secret_is_ours_to_the_end(world: World, immutable: bool) -> None:
    world.injector.declare(desired(policy=ConflictPolicy.ADOPT))
    world.add_namespace("app")
    world.cluster.put_secret("app", NAME, immutable=immutable)
    await world.settle()
    assert world.owner("app") == "uid-a"
    assert world.cluster.secrets["app", NAME].adopted is not immutable
    world.injector.declare(desired(policy=ConflictPolicy.ADOPT, config="two"))
    await world.settle()
    assert world.cluster.secrets["app", NAME].adopted is not immutable
    world.injector.withdraw(CLAIM)
    await world.settle()
    assert world.owner("app") is None


async def test_two_registries_never_fight_for_one_secret(world: World) -> None:
    other = Claim("uid-b", NAME, ("default",))
    world.injector.declare(desired())
    world.injector.declare(desired(other, policy=ConflictPolicy.ADOPT))
    world.add_namespace("app")
    await world.settle()
    assert world.owner("app") == "uid-a"
    facts = world.injector.read(other)
    assert facts is not None
    assert facts.failures[0].reason is Reason.SECRET_NAME_TAKEN
    world.injector.withdraw(CLAIM)
    await world.settle()
    assert world.owner("app") == "uid-b"
    assert world.references("app") == (NAME,)
    assert world.injector.remaining(CLAIM) == 0
    assert not any(write.startswith("delete") for write in world.cluster.writes)


async def test_stale_account_is_left_to_the_watch(world: World) -> None:
    world.injector.declare(desired())
    world.add_namespace("app")
    world.feed()
    world.cluster.put_account("app", "default", ("theirs",))
    await world.work()
    assert world.references("app") == ("theirs",)
    assert world.metrics.written["patch", "stale"] == 1
    await world.settle()
    assert world.references("app") == ("theirs", NAME)


async def test_somebody_who_keeps_removing_our_entry_is_not_fought_in_a_hot_loop(world: World) -> None:
    world.injector.declare(desired())
    world.add_namespace("app")
    await world.settle()
    for _ in range(100):
        world.cluster.put_account("app", "default")
        await world.settle(policy=0)
        world.clock.now += 0.1
    patches = [write for write in world.cluster.writes if write.startswith("patch")]
    assert len(patches) < 10
    assert world.metrics.contests == 1
    assert [contest.subject for contest in world.injector.contests()] == ["ServiceAccount 'default'"]
    await world.settle()
    assert world.references("app") == (NAME,)
