"""Stuck pods before -> evictions, events and facts after."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harbor_operator.model.outcomes import StuckPodFacts
from harbor_operator.model.pods import ObservedPod
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from tests.unit.injector.rescue.world import OWNER, WISH, RescueWorld, stuck
from tests.unit.injector.world import NAME


@pytest.fixture
def world() -> RescueWorld:
    world = RescueWorld()
    world.rescuer.declare(WISH)
    return world


def names(pods: list[ObservedPod]) -> list[str]:
    return [pod.name for pod in pods]


async def test_all_stuck_pods_of_one_owner_go_at_once(world: RescueWorld) -> None:
    for name in ("one", "two", "three"):
        world.pods.put(stuck(name))
    await world.settle()
    assert names(world.pods.evicted) == ["one", "two", "three"]
    assert world.metrics.evictions["evicted"] == 3
    assert {kind for _, kind, _, _ in world.pods.events} == {"Normal"}
    assert world.rescuer.read("uid-a") == StuckPodFacts()


async def test_a_pod_waits_until_its_account_offers_the_reference(world: RescueWorld) -> None:
    world.offers.clear()
    world.pods.put(stuck())
    await world.settle(policy=60)
    assert world.pods.asked == 0
    world.offers["shop", "default"] = (NAME,)
    await world.settle(policy=10)
    assert names(world.pods.evicted) == ["app-1-x"]


async def test_a_pod_that_only_waits_for_its_node_is_watched_until_it_is_refused(world: RescueWorld) -> None:
    waiting = world.pods.put(stuck(refused=()))
    await world.settle()
    assert await world.rescuer.work() is None
    world.pods.put(replace(waiting, refused=waiting.images))
    await world.settle()
    assert names(world.pods.evicted) == ["app-1-x"]


async def test_what_has_the_reference_is_not_even_kept(world: RescueWorld) -> None:
    world.pods.put(stuck(references=(NAME,)))
    await world.settle(policy=60)
    assert world.pods.asked == 0
    assert await world.rescuer.work() is None


async def test_without_a_wish_nothing_is_evicted(world: RescueWorld) -> None:
    world.pods.put(stuck())
    world.feed()
    world.rescuer.withdraw("uid-a")
    await world.settle(policy=60)
    assert world.pods.asked == 0
    assert world.rescuer.wishes() == frozenset()


async def test_a_pod_that_comes_back_stuck_is_left_ever_longer_and_reported(world: RescueWorld) -> None:
    world.pods.put(stuck("first"))
    await world.settle()
    began, pauses = world.clock.now, []
    for name in ("second", "third", "fourth"):
        world.pods.put(stuck(name))
        await world.settle()
        (told,) = world.rescuer.read("uid-a").left
        assert "pod 'shop/" in told
        assert "came back without the reference" in told
        await world.settle(policy=100_000)
        pauses.append(world.clock.now - began)
        began = world.clock.now
    assert names(world.pods.evicted) == ["first", "second", "third", "fourth"]
    assert pauses == [15, 60, 240]


async def test_an_owner_that_was_well_for_hours_begins_anew(world: RescueWorld) -> None:
    for name in ("first", "second"):
        world.pods.put(stuck(name))
        await world.settle(policy=15)
    world.clock.now += 5 * 3600
    for name in ("third", "fourth"):
        world.pods.put(stuck(name))
        await world.settle(policy=15)
    assert names(world.pods.evicted) == ["first", "second", "third", "fourth"]


async def test_what_comes_back_stuck_does_not_hold_up_others(world: RescueWorld) -> None:
    world.pods.put(stuck("first"))
    await world.settle()
    world.pods.put(stuck("again"))
    world.pods.put(stuck("other", owner=replace(OWNER, uid="rs-2")))
    await world.settle()
    assert names(world.pods.evicted) == ["first", "other"]


async def test_all_that_came_back_goes_together(world: RescueWorld) -> None:
    world.pods.put(stuck("first"))
    await world.settle()
    for name in ("second", "third"):
        world.pods.put(stuck(name))
    await world.settle(policy=15)
    assert names(world.pods.evicted) == ["first", "second", "third"]


async def test_a_pod_that_nobody_makes_again_is_told_once_and_left(world: RescueWorld) -> None:
    missed = world.pods.put(stuck("bare", owner=None))
    await world.settle(policy=60)
    world.pods.put(missed)
    await world.settle(policy=60)
    assert world.pods.asked == 0
    ((name, kind, reason, message),) = world.pods.events
    assert (name, kind, reason) == ("bare", "Warning", Reason.PODS_STUCK)
    assert "create it again" in message
    assert world.rescuer.read("uid-a").left == (
        "pod 'shop/bare': no controller would make another: delete it and create it again",
    )


async def test_a_pod_that_a_budget_holds_is_reported_and_evicted_later(world: RescueWorld) -> None:
    world.pods.budgeted.add("uid-app-1-x")
    world.pods.put(stuck())
    await world.settle(policy=60)
    assert 2 <= world.pods.asked <= 4
    (told,) = world.rescuer.read("uid-a").left
    assert "PodDisruptionBudget" in told
    world.pods.budgeted.clear()
    await world.settle(policy=300)
    assert names(world.pods.evicted) == ["app-1-x"]
    assert world.rescuer.read("uid-a").left == ()


async def test_a_pod_that_has_changed_since_is_not_evicted(world: RescueWorld) -> None:
    pod = world.pods.put(stuck())
    world.feed()
    world.pods.put(replace(pod, references=(NAME,)))
    await world.rescuer.work()
    assert world.metrics.evictions["stale"] == 1
    await world.settle(policy=60)
    assert world.pods.evicted == []


async def test_a_deletion_that_was_missed_is_made_good_by_the_next_list(world: RescueWorld) -> None:
    world.offers.clear()
    world.pods.put(stuck())
    world.feed()
    world.pods.pods.clear()
    world.pods.revision += 1
    world.relist()
    assert await world.rescuer.work() is None


async def test_an_old_piece_of_news_changes_nothing(world: RescueWorld) -> None:
    world.offers.clear()
    old = world.pods.put(stuck())
    new = world.pods.put(replace(old, refused=()))
    world.feed()
    world.rescuer.observe(old)
    world.offers["shop", "default"] = (NAME,)
    await world.settle(policy=60)
    assert world.pods.asked == 0
    assert new.refused == ()


async def test_a_server_that_does_not_answer_is_left_alone_for_all_pods(world: RescueWorld) -> None:
    for number in range(20):
        world.pods.put(stuck(f"pod-{number}"))
    world.pods.failure = Unavailable("no answer", retry_after=5.0)
    await world.settle(policy=4)
    assert world.pods.asked == 1
    world.pods.failure = None
    await world.settle(policy=60)
    assert len(world.pods.evicted) == 20


async def test_missing_rights_are_told_until_they_are_there(world: RescueWorld) -> None:
    world.rescuer.refuse(Refused(Reason.RIGHTS_MISSING, "no `list` pods"))
    assert world.rescuer.read("uid-a").unable == "no `list` pods"
    world.pods.put(stuck())
    world.pods.failure = Refused(Reason.RIGHTS_MISSING, "no `create` pods/eviction")
    await world.settle(policy=10)
    assert world.rescuer.read("uid-a").unable == "no `create` pods/eviction"
    world.pods.failure = None
    await world.settle(policy=600)
    assert world.rescuer.read("uid-a") == StuckPodFacts()
    assert names(world.pods.evicted) == ["app-1-x"]


async def test_an_event_that_is_not_taken_disturbs_nobody(world: RescueWorld) -> None:
    async def refuse(pod: ObservedPod, kind: str, reason: str, message: str) -> None:
        raise Refused(Reason.RIGHTS_MISSING, "no events")

    world.pods.post_event = refuse  # type: ignore[method-assign]
    world.pods.put(stuck())
    await world.settle()
    assert names(world.pods.evicted) == ["app-1-x"]
