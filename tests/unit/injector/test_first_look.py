from __future__ import annotations

import pytest

from harbor_operator.model.watch import Kind, Source
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from tests.unit.injector.world import CLAIM, NAME, World, desired

PATIENCE = 5.0


@pytest.fixture
def world() -> World:
    world = World()
    world.add_namespace("app")
    world.injector.declare(desired())
    return world


async def test_it_is_awaited_for_so_long_and_no_longer(world: World) -> None:
    begin = world.clock.now
    await world.injector.wait_for_sync(CLAIM, PATIENCE)
    assert PATIENCE <= world.clock.now - begin < PATIENCE + 1
    assert world.injector.read(CLAIM) is None


async def test_once_it_was_had_nobody_waits(world: World) -> None:
    world.feed()
    begin = world.clock.now
    await world.injector.wait_for_sync(CLAIM, PATIENCE)
    assert world.clock.now == begin
    assert world.injector.read(CLAIM) is not None


async def test_missing_rights_are_told_at_once(world: World) -> None:
    world.injector.refuse(Source(Kind.SECRETS, NAME), Refused(Reason.RIGHTS_MISSING, "may not list secrets"))
    begin = world.clock.now
    with pytest.raises(Refused, match="may not list secrets"):
        await world.injector.wait_for_sync(CLAIM, PATIENCE)
    assert world.clock.now == begin
