from __future__ import annotations

import pytest

from harbor_operator.model.injection import Claim
from harbor_operator.plan.docker_config import digest_of, encode
from tests.unit.injector.fixture import CLAIM, NAME, InjectorFixture, desired


@pytest.fixture
def fixture() -> InjectorFixture:
    return InjectorFixture()


async def test_new_namespace_costs_two_writes_and_no_read(fixture: InjectorFixture) -> None:
    fixture.injector.declare(desired())
    await fixture.settle()
    fixture.add_namespace("app")
    await fixture.settle()
    assert fixture.cluster.writes == [f"apply app/{NAME}", "patch app/default"]
    assert fixture.references("app") == (NAME,)
    assert fixture.owner("app") == "uid-a"


async def test_second_reconciliation_and_restart_write_nothing(fixture: InjectorFixture) -> None:
    fixture.injector.declare(desired())
    for name in ("a", "b", "c"):
        fixture.add_namespace(name)
    await fixture.settle()
    fixture.cluster.writes.clear()
    await fixture.settle()
    fixture.start()
    fixture.injector.declare(desired())
    await fixture.settle()
    assert fixture.cluster.writes == []
    facts = fixture.injector.read(CLAIM)
    assert facts is not None
    assert (facts.namespaces, facts.ready, facts.failed) == (3, 3, 0)


async def test_secret_waits_for_a_late_service_account(fixture: InjectorFixture) -> None:
    fixture.injector.declare(desired())
    fixture.cluster.add_namespace("app")
    await fixture.settle()
    facts = fixture.injector.read(CLAIM)
    assert facts is not None
    assert (facts.namespaces, facts.ready) == (1, 0)
    fixture.cluster.put_account("app", "default")
    await fixture.settle()
    facts = fixture.injector.read(CLAIM)
    assert facts is not None
    assert (facts.ready, facts.failed) == (1, 0)
    assert len(fixture.metrics.seconds) == 1


async def test_nothing_is_reported_or_written_before_the_watches_sync(fixture: InjectorFixture) -> None:
    fixture.add_namespace("app")
    fixture.injector.declare(desired())
    assert fixture.injector.read(CLAIM) is None
    assert fixture.injector.remaining(Claim("uid-z", NAME, ("default",))) is None
    assert not fixture.injector.ready
    assert not await fixture.work()
    fixture.feed()
    assert fixture.injector.ready


async def test_rotation_rewrites_each_secret_once(fixture: InjectorFixture) -> None:
    fixture.injector.declare(desired())
    for name in ("a", "b"):
        fixture.add_namespace(name)
    await fixture.settle()
    fixture.cluster.writes.clear()
    fixture.injector.declare(desired(config="two"))
    facts = fixture.injector.read(CLAIM)
    assert facts is not None
    assert facts.ready == 0
    await fixture.settle()
    assert sorted(fixture.cluster.writes) == [f"apply a/{NAME}", f"apply b/{NAME}"]
    assert fixture.cluster.secrets["a", NAME].digest == digest_of(encode("two"))


async def test_new_namespace_overtakes_a_rotation(fixture: InjectorFixture) -> None:
    fixture.injector.declare(desired())
    for index in range(20):
        fixture.add_namespace(f"old-{index:02}")
    await fixture.settle()
    fixture.injector.declare(desired(config="two"))
    fixture.add_namespace("new")
    fixture.feed()
    fixture.cluster.writes.clear()
    await fixture.work()
    assert fixture.cluster.writes == [f"apply new/{NAME}", "patch new/default"]


async def test_all_accounts(fixture: InjectorFixture) -> None:
    claim = Claim("uid-a", NAME, ("*",))
    fixture.injector.declare(desired(claim))
    fixture.add_namespace("app")
    fixture.cluster.put_account("app", "builder")
    await fixture.settle()
    fixture.cluster.put_account("app", "late")
    await fixture.settle()
    assert [fixture.references("app", name) for name in ("default", "builder", "late")] == [(NAME,)] * 3
    fixture.injector.withdraw(claim)
    await fixture.settle()
    assert [fixture.references("app", name) for name in ("default", "builder", "late")] == [()] * 3


async def test_resync_plans_a_few_namespaces_at_a_time(fixture: InjectorFixture) -> None:
    """Finding R6."""
    fixture.injector.declare(desired())
    for index in range(10):
        fixture.add_namespace(f"old-{index}")
    await fixture.settle()
    fixture.injector.declare(desired(config="two"))
    assert fixture.injector.queue.depth == 0
    assert fixture.injector.resync(4)
    assert fixture.injector.queue.depth == 4
    facts = fixture.injector.read(CLAIM)
    assert facts is not None
    assert (facts.namespaces, facts.ready) == (10, 0)
    assert not fixture.injector.resync()
    assert fixture.injector.queue.depth == 10


async def test_resync_that_restarts_keeps_its_priority(fixture: InjectorFixture) -> None:
    fixture.injector.declare(desired())
    fixture.add_namespace("app")
    await fixture.settle()
    fixture.cluster.put_secret("app", NAME, owner="uid-a")
    fixture.start()
    fixture.injector.declare(desired())
    fixture.feed()
    fixture.injector.declare(desired(config="two"))
    fixture.injector.declare(desired(config="three"))
    fixture.injector.resync()
    assert fixture.injector.get() == "app"
    assert fixture.injector.queue.rotating == 0
