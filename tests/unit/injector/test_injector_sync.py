from __future__ import annotations

import pytest

from harbor_operator.model.watch import Kind, Source
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from tests.unit.injector.fixture import CLAIM, NAME, InjectorFixture, desired

PATIENCE = 5.0


@pytest.fixture
def fixture() -> InjectorFixture:
    fixture = InjectorFixture()
    fixture.add_namespace("app")
    fixture.injector.declare(desired())
    return fixture


async def test_it_is_awaited_for_so_long_and_no_longer(fixture: InjectorFixture) -> None:
    begin = fixture.clock.now
    await fixture.injector.wait_for_sync(CLAIM, PATIENCE)
    assert PATIENCE <= fixture.clock.now - begin < PATIENCE + 1
    assert fixture.injector.read(CLAIM) is None


async def test_once_it_was_had_nobody_waits(fixture: InjectorFixture) -> None:
    fixture.feed()
    begin = fixture.clock.now
    await fixture.injector.wait_for_sync(CLAIM, PATIENCE)
    assert fixture.clock.now == begin
    assert fixture.injector.read(CLAIM) is not None


async def test_missing_rights_are_told_at_once(fixture: InjectorFixture) -> None:
    fixture.injector.watch_refused(Source(Kind.SECRETS, NAME), Refused(Reason.RIGHTS_MISSING, "may not list secrets"))
    begin = fixture.clock.now
    with pytest.raises(Refused, match="may not list secrets"):
        await fixture.injector.wait_for_sync(CLAIM, PATIENCE)
    assert fixture.clock.now == begin
