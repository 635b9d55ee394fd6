from __future__ import annotations

import pytest

from harbor_operator.api.v1alpha1 import ConflictPolicy, LabelSelector, NamespaceSelection
from harbor_operator.plan.holding import digest_of, encode
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.cluster import Kind, Source
from harbor_operator.ports.distribution import Claim
from harbor_operator.reasons import Reason
from tests.unit.injector.world import CLAIM, NAME, World, wish

SECRETS = Source(Kind.SECRETS, NAME)
ACCOUNTS = Source(Kind.ACCOUNTS, "default")
TEAM = NamespaceSelection(selector=LabelSelector(match_labels={"team": "a"}))


@pytest.fixture
def world() -> World:
    return World()


async def test_fresh_namespace_costs_two_writes_and_no_read(world: World) -> None:
    world.injector.declare(wish())
    await world.settle()
    world.add_namespace("app")
    await world.settle()
    assert world.cluster.writes == [f"apply app/{NAME}", "patch app/default"]
    assert world.references("app") == (NAME,)
    assert world.owner("app") == "uid-a"


async def test_second_look_and_restart_write_nothing(world: World) -> None:
    world.injector.declare(wish())
    for name in ("a", "b", "c"):
        world.add_namespace(name)
    await world.settle()
    world.cluster.writes.clear()
    await world.settle()
    world.start()
    world.injector.declare(wish())
    await world.settle()
    assert world.cluster.writes == []
    facts = world.injector.read(CLAIM)
    assert facts is not None
    assert (facts.namespaces, facts.ready, facts.failed) == (3, 3, 0)


async def test_crash_between_the_two_writes_heals_from_the_lists(world: World) -> None:
    world.injector.declare(wish())
    await world.settle()
    world.cluster.add_namespace("app")
    await world.settle()
    assert world.owner("app") == "uid-a"
    world.cluster.put_account("app", "default")
    world.start()
    world.injector.declare(wish())
    await world.settle()
    assert world.references("app") == (NAME,)


async def test_secret_waits_for_a_late_service_account(world: World) -> None:
    world.injector.declare(wish())
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
    world.injector.declare(wish())
    assert world.injector.read(CLAIM) is None
    assert world.injector.remaining(Claim("uid-z", NAME, ("default",))) is None
    assert not world.injector.ready
    assert not await world.work()
    world.feed()
    assert world.injector.ready


async def test_foreign_entries_are_kept_in_order(world: World) -> None:
    world.injector.declare(wish())
    world.cluster.add_namespace("app")
    world.cluster.put_account("app", "default", ("theirs", "more"))
    await world.settle()
    assert world.references("app") == ("theirs", "more", NAME)
    world.injector.withdraw(CLAIM)
    await world.settle()
    assert world.references("app") == ("theirs", "more")


async def test_foreign_secret_is_refused_and_gets_no_reference(world: World) -> None:
    world.injector.declare(wish())
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
    world.injector.declare(wish())
    world.add_namespace("app")
    world.feed()
    world.cluster.put_secret("app", NAME)
    assert await world.work()
    assert world.owner("app") == ""
    await world.settle()
    assert world.owner("app") == ""
    assert world.references("app") == ()


@pytest.mark.parametrize("fixed", [False, True])
async def test_adopted_secret_is_ours_to_the_end(world: World, fixed: bool) -> None:
    world.injector.declare(wish(policy=ConflictPolicy.ADOPT))
    world.add_namespace("app")
    world.cluster.put_secret("app", NAME, fixed=fixed)
    await world.settle()
    assert world.owner("app") == "uid-a"
    assert world.cluster.secrets["app", NAME].adopted is not fixed
    world.injector.declare(wish(policy=ConflictPolicy.ADOPT, config="two"))
    await world.settle()
    assert world.cluster.secrets["app", NAME].adopted is not fixed
    world.injector.withdraw(CLAIM)
    await world.settle()
    assert world.owner("app") is None


async def test_two_registries_never_fight_for_one_secret(world: World) -> None:
    other = Claim("uid-b", NAME, ("default",))
    world.injector.declare(wish())
    world.injector.declare(wish(other, policy=ConflictPolicy.ADOPT))
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


async def test_rotation_rewrites_each_secret_once(world: World) -> None:
    world.injector.declare(wish())
    for name in ("a", "b"):
        world.add_namespace(name)
    await world.settle()
    world.cluster.writes.clear()
    world.injector.declare(wish(config="two"))
    facts = world.injector.read(CLAIM)
    assert facts is not None
    assert facts.ready == 0
    await world.settle()
    assert sorted(world.cluster.writes) == [f"apply a/{NAME}", f"apply b/{NAME}"]
    assert world.cluster.secrets["a", NAME].digest == digest_of(encode("two"))


async def test_fresh_namespace_overtakes_a_rotation(world: World) -> None:
    world.injector.declare(wish())
    for index in range(20):
        world.add_namespace(f"old-{index:02}")
    await world.settle()
    world.injector.declare(wish(config="two"))
    world.add_namespace("new")
    world.feed()
    world.cluster.writes.clear()
    await world.work()
    assert world.cluster.writes == [f"apply new/{NAME}", "patch new/default"]


async def test_excluded_namespaces_are_left_alone_and_cleaned_up(world: World) -> None:
    world.injector.declare(wish(namespaces=TEAM))
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
    world.injector.declare(wish())
    world.add_namespace("app")
    await world.settle()
    world.injector.declare(wish(renamed))
    world.injector.withdraw(CLAIM)
    await world.settle()
    assert world.references("app") == ("other-pull",)
    assert world.owner("app") is None
    assert world.owner("app", "other-pull") == "uid-a"
    assert world.injector.remaining(CLAIM) == 0


async def test_shrinking_the_accounts_drops_only_their_references(world: World) -> None:
    both = Claim("uid-a", NAME, ("default", "builder"))
    world.injector.declare(wish(both))
    world.add_namespace("app")
    world.cluster.put_account("app", "builder")
    await world.settle()
    assert world.references("app", "builder") == (NAME,)
    world.injector.declare(wish())
    world.injector.withdraw(both)
    await world.settle()
    assert world.references("app", "builder") == ()
    assert world.references("app") == (NAME,)
    assert world.owner("app") == "uid-a"


async def test_all_accounts(world: World) -> None:
    claim = Claim("uid-a", NAME, ("*",))
    world.injector.declare(wish(claim))
    world.add_namespace("app")
    world.cluster.put_account("app", "builder")
    await world.settle()
    world.cluster.put_account("app", "late")
    await world.settle()
    assert [world.references("app", name) for name in ("default", "builder", "late")] == [(NAME,)] * 3
    world.injector.withdraw(claim)
    await world.settle()
    assert [world.references("app", name) for name in ("default", "builder", "late")] == [()] * 3


async def test_withdrawal_removes_references_first_and_nothing_foreign(world: World) -> None:
    world.injector.declare(wish())
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
    world.injector.declare(wish())
    world.add_namespace("app")
    await world.settle()
    world.cluster.add_namespace("app", terminating=True)
    world.injector.withdraw(CLAIM)
    world.cluster.writes.clear()
    await world.settle()
    assert world.cluster.writes == []
    assert world.injector.remaining(CLAIM) == 0


async def test_withdrawal_while_a_write_got_no_answer_waits_for_it(world: World) -> None:
    world.injector.declare(wish())
    world.add_namespace("app")
    world.cluster.failure = Unavailable("no answer")
    world.feed()
    await world.work()
    world.injector.withdraw(CLAIM)
    assert world.injector.remaining(CLAIM) == 1
    world.clock.now += 60
    assert world.injector.remaining(CLAIM) == 0


async def test_outage_is_survived(world: World) -> None:
    world.injector.declare(wish())
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
    world.injector.declare(wish())
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


async def test_refused_removal_is_raised_to_the_caller(world: World) -> None:
    world.injector.declare(wish())
    world.add_namespace("app")
    await world.settle()
    world.injector.withdraw(CLAIM)
    world.cluster.failure = Refused(Reason.RIGHTS_MISSING, "may not")
    world.feed()
    await world.work()
    with pytest.raises(Refused, match="may not"):
        world.injector.remaining(CLAIM)


async def test_refused_watch_is_raised_to_the_caller(world: World) -> None:
    world.injector.declare(wish())
    world.injector.refuse(SECRETS, Refused(Reason.RIGHTS_MISSING, "may not watch"))
    with pytest.raises(Refused, match="may not watch"):
        world.injector.read(CLAIM)


async def test_stale_account_is_left_to_the_watch(world: World) -> None:
    world.injector.declare(wish())
    world.add_namespace("app")
    world.feed()
    world.cluster.put_account("app", "default", ("theirs",))
    await world.work()
    assert world.references("app") == ("theirs",)
    assert world.metrics.written["patch", "moved"] == 1
    await world.settle()
    assert world.references("app") == ("theirs", NAME)


async def test_repairs_are_made_at_once(world: World) -> None:
    world.injector.declare(wish())
    world.add_namespace("app")
    await world.settle()
    before = world.clock.now
    world.cluster.put_secret("app", NAME, owner="uid-a")
    await world.settle(patience=0)
    assert world.cluster.secrets["app", NAME].digest == digest_of(encode("one"))
    world.cluster.put_account("app", "default")
    await world.settle(patience=0)
    assert world.references("app") == (NAME,)
    assert world.clock.now == before


async def test_somebody_who_keeps_removing_our_entry_is_not_fought_in_a_hot_loop(world: World) -> None:
    world.injector.declare(wish())
    world.add_namespace("app")
    await world.settle()
    for _ in range(100):
        world.cluster.put_account("app", "default")
        await world.settle(patience=0)
        world.clock.now += 0.1
    patches = [write for write in world.cluster.writes if write.startswith("patch")]
    assert len(patches) < 10
    assert world.metrics.contests == 1
    assert [contest.subject for contest in world.injector.contests()] == ["ServiceAccount 'default'"]
    await world.settle()
    assert world.references("app") == (NAME,)


async def test_recreated_namespace_is_new(world: World) -> None:
    world.injector.declare(wish())
    for _ in range(10):
        world.add_namespace("ci")
        await world.settle(patience=0)
        assert world.references("ci") == (NAME,)
        world.cluster.delete_namespace("ci")
        await world.settle(patience=0)
    assert world.metrics.contests == 0


async def test_deletion_missed_by_the_watch_is_found_by_the_next_list(world: World) -> None:
    world.injector.declare(wish())
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
    world.injector.declare(wish())
    world.add_namespace("app")
    old = world.cluster.accounts["app", "default"]
    await world.settle()
    world.cluster.writes.clear()
    world.repeat(ACCOUNTS, old)
    await world.settle()
    assert world.cluster.writes == []


async def test_source_that_nobody_wants_is_given_up(world: World) -> None:
    world.injector.declare(wish())
    await world.settle()
    world.injector.withdraw(CLAIM)
    await world.settle()
    assert world.injector.remaining(CLAIM) == 0
    assert world.injector.sources() == {Source(Kind.NAMESPACES)}
    world.feed()
    assert world.injector.remaining(CLAIM) == 0
