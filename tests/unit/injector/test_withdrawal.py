from __future__ import annotations

import pytest

from harbor_operator.api.v1alpha1 import LabelSelector, NamespaceSelection
from harbor_operator.injector.backoff import UNANSWERED_WRITE_SECONDS
from harbor_operator.model.injection import Claim
from harbor_operator.model.watch import Heartbeat, Kind, Source
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from tests.unit.injector.world import CLAIM, NAME, World, desired

TEAM = NamespaceSelection(selector=LabelSelector(match_labels={"team": "a"}))


@pytest.fixture
def world() -> World:
    return World()


async def test_excluded_namespaces_are_left_alone_and_cleaned_up(world: World) -> None:
    world.injector.declare(desired(namespaces=TEAM))
    world.add_namespace("kube-system", {"team": "a"})
    world.add_namespace("app", {"team": "a"})
    world.add_namespace("other", {"team": "b"})
    await world.settle()
    assert [world.owner(name) for name in ("kube-system", "app", "other")] == [None, "uid-a", None]
    world.cluster.writes.clear()
    world.cluster.add_namespace("app", {"team": "b"})
    await world.settle()
    assert world.cluster.writes == ["patch app/default", f"delete app/{NAME}"]
    assert world.references("app") == ()
    facts = world.injector.read(CLAIM)
    assert facts is not None
    assert facts.namespaces == 0


async def test_renaming_brings_the_new_before_the_old_is_gone(world: World) -> None:
    renamed = Claim("uid-a", "other-pull", ("default",))
    world.injector.declare(desired())
    world.add_namespace("app")
    await world.settle()
    world.injector.declare(desired(renamed))
    world.injector.withdraw(CLAIM)
    await world.settle()
    assert world.references("app") == ("other-pull",)
    assert world.owner("app") is None
    assert world.owner("app", "other-pull") == "uid-a"
    assert world.injector.remaining(CLAIM) == 0


async def test_shrinking_the_accounts_drops_only_their_references(world: World) -> None:
    both = Claim("uid-a", NAME, ("default", "builder"))
    world.injector.declare(desired(both))
    world.add_namespace("app")
    world.cluster.put_account("app", "builder")
    await world.settle()
    assert world.references("app", "builder") == (NAME,)
    world.injector.declare(desired())
    world.injector.withdraw(both)
    await world.settle()
    assert world.references("app", "builder") == ()
    assert world.references("app") == (NAME,)
    assert world.owner("app") == "uid-a"


async def test_withdrawal_removes_references_first_and_nothing_foreign(world: World) -> None:
    world.injector.declare(desired())
    world.add_namespace("app")
    world.add_namespace("theirs")
    await world.settle()
    world.cluster.delete_secret("theirs", NAME)
    world.cluster.put_secret("theirs", NAME)
    world.cluster.writes.clear()
    world.injector.withdraw(CLAIM)
    world.feed()
    assert world.injector.remaining(CLAIM) == 1
    await world.settle()
    assert world.cluster.writes == ["patch app/default", f"delete app/{NAME}"]
    assert world.references("theirs") == (NAME,)
    assert world.injector.remaining(CLAIM) == 0


async def test_terminating_namespace_blocks_nothing(world: World) -> None:
    world.injector.declare(desired())
    world.add_namespace("app")
    await world.settle()
    world.cluster.add_namespace("app", terminating=True)
    world.injector.withdraw(CLAIM)
    world.cluster.writes.clear()
    await world.settle()
    assert world.cluster.writes == []
    assert world.injector.remaining(CLAIM) == 0


async def test_withdrawal_while_a_write_got_no_answer_waits_until_its_effect_would_be_known(world: World) -> None:
    world.injector.declare(desired())
    world.add_namespace("app")
    world.cluster.failure = Unavailable("no answer")
    world.feed()
    await world.work()
    world.injector.withdraw(CLAIM)
    assert world.injector.remaining(CLAIM) == 1
    world.clock.now += UNANSWERED_WRITE_SECONDS + 1
    assert world.injector.remaining(CLAIM) == 1  # the watches may have been down as well
    for source in world.injector.sources():
        world.injector.observe(source, Heartbeat())
    assert world.injector.remaining(CLAIM) == 0


async def test_withdrawal_removes_what_an_unanswered_write_left_behind(world: World) -> None:
    world.injector.declare(desired())
    world.add_namespace("app")
    world.feed()
    world.cluster.failure = Unavailable("no answer")
    await world.work()
    world.cluster.failure = None
    world.cluster.put_secret("app", NAME, owner="uid-a")  # it was done all the same
    world.injector.withdraw(CLAIM)
    world.clock.now += 1
    assert world.injector.remaining(CLAIM) == 1
    await world.settle()
    assert world.owner("app") is None
    world.clock.now += UNANSWERED_WRITE_SECONDS
    assert world.injector.remaining(CLAIM) == 0


async def test_refused_removal_is_raised_to_the_caller(world: World) -> None:
    world.injector.declare(desired())
    world.add_namespace("app")
    await world.settle()
    world.injector.withdraw(CLAIM)
    world.cluster.failure = Refused(Reason.RIGHTS_MISSING, "may not")
    world.feed()
    await world.work()
    with pytest.raises(Refused, match="may not"):
        world.injector.remaining(CLAIM)


async def test_source_that_nobody_wants_is_given_up(world: World) -> None:
    world.injector.declare(desired())
    await world.settle()
    world.injector.withdraw(CLAIM)
    await world.settle()
    assert world.injector.remaining(CLAIM) == 0
    assert world.injector.sources() == {Source(Kind.NAMESPACES)}
    world.feed()
    assert world.injector.remaining(CLAIM) == 0


async def test_what_another_view_still_shows_is_not_forgotten(world: World) -> None:
    every = Claim("uid-a", "other-pull", ("*",))
    world.injector.declare(desired())
    world.add_namespace("app")
    await world.settle()
    world.injector.declare(desired(every))
    world.injector.withdraw(CLAIM)
    await world.settle()
    assert world.injector.remaining(CLAIM) == 0
    world.feed()  # here the view of accounts named 'default' ends, while that of all accounts goes on
    world.cluster.writes.clear()
    world.injector.withdraw(every)
    await world.settle()
    assert world.cluster.writes == ["patch app/default", "delete app/other-pull"]
    assert world.references("app") == ()
