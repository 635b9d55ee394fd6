from __future__ import annotations

import pytest

from harbor_operator.api.v1alpha1 import LabelSelector, NamespaceSelection
from harbor_operator.injector.limits import UNANSWERED_WRITE_SECONDS
from harbor_operator.model.injection import Claim, RemainingNamespaces
from harbor_operator.model.watch import Heartbeat, Kind, Source
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from tests.unit.injector.fixture import CLAIM, NAME, InjectorFixture, desired

TEAM = NamespaceSelection(selector=LabelSelector(match_labels={"team": "a"}))


@pytest.fixture
def fixture() -> InjectorFixture:
    return InjectorFixture()


async def test_excluded_namespaces_are_left_alone_and_cleaned_up(fixture: InjectorFixture) -> None:
    fixture.injector.declare(desired(namespaces=TEAM))
    fixture.add_namespace("kube-system", {"team": "a"})
    fixture.add_namespace("app", {"team": "a"})
    fixture.add_namespace("other", {"team": "b"})
    await fixture.settle()
    assert [fixture.owner(name) for name in ("kube-system", "app", "other")] == [None, "uid-a", None]
    fixture.cluster.writes.clear()
    fixture.cluster.add_namespace("app", {"team": "b"})
    await fixture.settle()
    assert fixture.cluster.writes == ["patch app/default", f"delete app/{NAME}"]
    assert fixture.references("app") == ()
    facts = fixture.injector.read(CLAIM)
    assert facts is not None
    assert facts.namespaces == 0


async def test_renaming_adds_the_new_secret_before_it_removes_the_old(fixture: InjectorFixture) -> None:
    renamed = Claim("uid-a", "other-pull", ("default",))
    fixture.injector.declare(desired())
    fixture.add_namespace("app")
    await fixture.settle()
    fixture.injector.declare(desired(renamed))
    fixture.injector.withdraw(CLAIM)
    await fixture.settle()
    assert fixture.references("app") == ("other-pull",)
    assert fixture.owner("app") is None
    assert fixture.owner("app", "other-pull") == "uid-a"
    assert fixture.injector.remaining(CLAIM) == 0


async def test_fewer_accounts_lose_only_their_references(fixture: InjectorFixture) -> None:
    both = Claim("uid-a", NAME, ("default", "builder"))
    fixture.injector.declare(desired(both))
    fixture.add_namespace("app")
    fixture.cluster.put_account("app", "builder")
    await fixture.settle()
    assert fixture.references("app", "builder") == (NAME,)
    fixture.injector.declare(desired())
    fixture.injector.withdraw(both)
    await fixture.settle()
    assert fixture.references("app", "builder") == ()
    assert fixture.references("app") == (NAME,)
    assert fixture.owner("app") == "uid-a"


async def test_withdrawal_removes_references_first_and_nothing_foreign(fixture: InjectorFixture) -> None:
    fixture.injector.declare(desired())
    fixture.add_namespace("app")
    fixture.add_namespace("theirs")
    await fixture.settle()
    fixture.cluster.delete_secret("theirs", NAME)
    fixture.cluster.put_secret("theirs", NAME)
    fixture.cluster.writes.clear()
    fixture.injector.withdraw(CLAIM)
    fixture.feed()
    assert fixture.injector.remaining(CLAIM) == 1
    await fixture.settle()
    assert fixture.cluster.writes == ["patch app/default", f"delete app/{NAME}"]
    assert fixture.references("theirs") == (NAME,)
    assert fixture.injector.remaining(CLAIM) == 0


async def test_terminating_namespace_blocks_nothing(fixture: InjectorFixture) -> None:
    fixture.injector.declare(desired())
    fixture.add_namespace("app")
    await fixture.settle()
    fixture.cluster.add_namespace("app", terminating=True)
    fixture.injector.withdraw(CLAIM)
    fixture.cluster.writes.clear()
    await fixture.settle()
    assert fixture.cluster.writes == []
    assert fixture.injector.remaining(CLAIM) == 0


async def test_withdrawal_after_a_write_without_answer_waits_until_its_effect_is_known(
    fixture: InjectorFixture,
) -> None:
    fixture.injector.declare(desired())
    fixture.add_namespace("app")
    fixture.cluster.failure = Unavailable("no answer")
    fixture.feed()
    await fixture.work()
    fixture.injector.withdraw(CLAIM)
    assert fixture.injector.remaining(CLAIM) == 1
    fixture.clock.now += UNANSWERED_WRITE_SECONDS + 1
    assert fixture.injector.remaining(CLAIM) == 1  # the watches may have been interrupted as well
    for source in fixture.injector.sources():
        fixture.injector.observe(source, Heartbeat())
    assert fixture.injector.remaining(CLAIM) == 0


async def test_withdrawal_removes_what_an_unanswered_write_left_behind(fixture: InjectorFixture) -> None:
    fixture.injector.declare(desired())
    fixture.add_namespace("app")
    fixture.feed()
    fixture.cluster.failure = Unavailable("no answer")
    await fixture.work()
    fixture.cluster.failure = None
    fixture.cluster.put_secret("app", NAME, owner="uid-a")  # it took effect
    fixture.injector.withdraw(CLAIM)
    fixture.clock.now += 1
    assert fixture.injector.remaining(CLAIM) == 1
    await fixture.settle()
    assert fixture.owner("app") is None
    fixture.clock.now += UNANSWERED_WRITE_SECONDS
    assert fixture.injector.remaining(CLAIM) == 0


async def test_refused_removal_is_raised_to_the_caller(fixture: InjectorFixture) -> None:
    fixture.injector.declare(desired())
    fixture.add_namespace("app")
    await fixture.settle()
    fixture.injector.withdraw(CLAIM)
    fixture.cluster.failure = Refused(Reason.RIGHTS_MISSING, "forbidden")
    fixture.feed()
    await fixture.work()
    with pytest.raises(Refused, match="forbidden"):
        fixture.injector.remaining(CLAIM)


async def test_unneeded_watch_ends(fixture: InjectorFixture) -> None:
    fixture.injector.declare(desired())
    await fixture.settle()
    fixture.injector.withdraw(CLAIM)
    await fixture.settle()
    assert fixture.injector.remaining(CLAIM) == 0
    assert fixture.injector.sources() == {Source(Kind.NAMESPACES)}
    fixture.feed()
    assert fixture.injector.remaining(CLAIM) == 0


async def test_objects_that_another_watch_delivers_are_kept(fixture: InjectorFixture) -> None:
    every = Claim("uid-a", "other-pull", ("*",))
    fixture.injector.declare(desired())
    fixture.add_namespace("app")
    await fixture.settle()
    fixture.injector.declare(desired(every))
    fixture.injector.withdraw(CLAIM)
    await fixture.settle()
    assert fixture.injector.remaining(CLAIM) == 0
    fixture.feed()  # the watch of accounts named 'default' ends, that of all accounts goes on
    fixture.cluster.writes.clear()
    fixture.injector.withdraw(every)
    await fixture.settle()
    assert fixture.cluster.writes == ["patch app/default", "delete app/other-pull"]
    assert fixture.references("app") == ()


async def test_queries_change_nothing(fixture: InjectorFixture) -> None:
    fixture.injector.declare(desired())
    fixture.add_namespace("app")
    await fixture.settle()
    fixture.injector.declare(desired(config="two"))
    for _ in range(2):
        facts = fixture.injector.read(CLAIM)
        assert facts is not None
        assert (facts.namespaces, facts.ready) == (1, 0)
        assert fixture.injector.queue.depth == 0
    await fixture.settle()
    fixture.cluster.delete_namespace("app")
    await fixture.settle()
    fixture.injector.withdraw(CLAIM)
    sources = fixture.injector.sources()
    assert fixture.injector.remaining(CLAIM) == 0
    assert fixture.injector.sources() is sources
    fixture.injector.settle_released_claims()
    assert fixture.injector.sources() == {Source(Kind.NAMESPACES)}


async def test_progress_is_unknown_until_every_namespace_is_planned(fixture: InjectorFixture) -> None:
    fixture.add_namespace("app")
    fixture.injector.declare(desired())
    for source in fixture.injector.sources():
        fixture.relist(source)
    assert fixture.injector.read(CLAIM) is None
    assert fixture.injector.progress() == {}
    fixture.injector.resync()
    facts = fixture.injector.read(CLAIM)
    assert facts is not None
    assert (facts.namespaces, facts.ready) == (1, 0)


async def test_a_finalizer_of_a_tenant_does_not_hold_up_the_release(fixture: InjectorFixture) -> None:
    """Finding R4: a finalizer on the pull Secret of one namespace blocked the deletion of the registry."""
    fixture.injector.declare(desired())
    fixture.add_namespace("app")
    fixture.add_namespace("held")
    await fixture.settle()
    fixture.cluster.finalize_secret("held", NAME)
    fixture.injector.withdraw(CLAIM)
    await fixture.settle()
    assert fixture.injector.remaining(CLAIM) == 0
    assert fixture.injector.remaining_in(CLAIM) == RemainingNamespaces(lingering=("held",))
    assert fixture.references("held") == ()
    fixture.injector.settle_released_claims()
    assert fixture.injector.remaining_in(CLAIM).lingering == ("held",)


async def test_a_desired_secret_that_a_tenant_keeps_is_named(fixture: InjectorFixture) -> None:
    """Finding R4: no message named the namespace."""
    fixture.injector.declare(desired())
    fixture.add_namespace("held")
    await fixture.settle()
    fixture.cluster.finalize_secret("held", NAME)
    fixture.cluster.delete_secret("held", NAME)
    await fixture.settle()
    facts = fixture.injector.read(CLAIM)
    assert facts is not None
    (failure,) = facts.failures
    assert (failure.namespace, failure.reason) == ("held", Reason.PULL_SECRET_LINGERS)
    assert "Secret 'harbor-pull' in namespace 'held' is being deleted" in failure.message
