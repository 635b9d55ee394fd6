from __future__ import annotations

import pytest

from harbor_operator.model.watch import Kind, Source
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from tests.unit.injector.fixture import CLAIM, NAME, InjectorFixture, desired

TIMEOUT_SECONDS = 5.0


@pytest.fixture
def fixture() -> InjectorFixture:
    fixture = InjectorFixture()
    fixture.add_namespace("app")
    fixture.injector.declare(desired())
    return fixture


async def test_it_waits_until_the_timeout(fixture: InjectorFixture) -> None:
    begin = fixture.clock.now
    await fixture.injector.wait_for_sync(CLAIM, TIMEOUT_SECONDS)
    assert TIMEOUT_SECONDS <= fixture.clock.now - begin < TIMEOUT_SECONDS + 1
    assert fixture.injector.read(CLAIM) is None


async def test_it_returns_at_once_when_synced(fixture: InjectorFixture) -> None:
    fixture.feed()
    begin = fixture.clock.now
    await fixture.injector.wait_for_sync(CLAIM, TIMEOUT_SECONDS)
    assert fixture.clock.now == begin
    assert fixture.injector.read(CLAIM) is not None


async def test_missing_rights_are_raised_at_once(fixture: InjectorFixture) -> None:
    fixture.injector.watch_refused(Source(Kind.SECRETS, NAME), Refused(Reason.RIGHTS_MISSING, "no `list` secrets"))
    begin = fixture.clock.now
    with pytest.raises(Refused, match="no `list` secrets"):
        await fixture.injector.wait_for_sync(CLAIM, TIMEOUT_SECONDS)
    assert fixture.clock.now == begin
