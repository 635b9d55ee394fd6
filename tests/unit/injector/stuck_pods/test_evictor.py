"""Stuck pods before -> evictions, events and facts after."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harbor_operator.model.outcomes import StuckPodFacts
from harbor_operator.model.pods import ObservedPod
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from tests.unit.injector.fixture import NAME
from tests.unit.injector.stuck_pods.fixture import OWNER, POLICY, EvictorFixture, stuck


@pytest.fixture
def fixture() -> EvictorFixture:
    fixture = EvictorFixture()
    fixture.evictor.declare(POLICY)
    return fixture


def names(pods: list[ObservedPod]) -> list[str]:
    return [pod.name for pod in pods]


async def test_all_stuck_pods_of_one_owner_go_at_once(fixture: EvictorFixture) -> None:
    for name in ("one", "two", "three"):
        fixture.pods.put(stuck(name))
    await fixture.settle()
    assert names(fixture.pods.evicted) == ["one", "two", "three"]
    assert fixture.metrics.evictions["evicted"] == 3
    assert {kind for _, kind, _, _ in fixture.pods.events} == {"Normal"}
    assert fixture.evictor.read("uid-a") == StuckPodFacts()


async def test_a_pod_waits_until_its_account_offers_the_reference(fixture: EvictorFixture) -> None:
    fixture.inherited.clear()
    fixture.pods.put(stuck())
    await fixture.settle(within=60)
    assert fixture.pods.requests == 0
    fixture.inherited["shop", "default"] = (NAME,)
    await fixture.settle(within=10)
    assert names(fixture.pods.evicted) == ["app-1-x"]


async def test_a_pod_that_only_waits_for_its_node_is_watched_until_it_is_refused(fixture: EvictorFixture) -> None:
    waiting = fixture.pods.put(stuck(refused=()))
    await fixture.settle()
    assert await fixture.evictor.evict_due() is None
    fixture.pods.put(replace(waiting, refused=waiting.images))
    await fixture.settle()
    assert names(fixture.pods.evicted) == ["app-1-x"]


async def test_what_has_the_reference_is_not_even_kept(fixture: EvictorFixture) -> None:
    fixture.pods.put(stuck(references=(NAME,)))
    await fixture.settle(within=60)
    assert fixture.pods.requests == 0
    assert await fixture.evictor.evict_due() is None


async def test_without_a_wish_nothing_is_evicted(fixture: EvictorFixture) -> None:
    fixture.pods.put(stuck())
    fixture.feed()
    fixture.evictor.withdraw("uid-a")
    await fixture.settle(within=60)
    assert fixture.pods.requests == 0
    assert fixture.evictor.policies() == frozenset()


async def test_a_pod_that_comes_back_stuck_is_left_ever_longer_and_reported(fixture: EvictorFixture) -> None:
    fixture.pods.put(stuck("first"))
    await fixture.settle()
    began, pauses = fixture.clock.now, []
    for name in ("second", "third", "fourth"):
        fixture.pods.put(stuck(name))
        await fixture.settle()
        (told,) = fixture.evictor.read("uid-a").left
        assert "pod 'shop/" in told
        assert "came back without the reference" in told
        await fixture.settle(within=100_000)
        pauses.append(fixture.clock.now - began)
        began = fixture.clock.now
    assert names(fixture.pods.evicted) == ["first", "second", "third", "fourth"]
    assert pauses == [15, 60, 240]


async def test_an_owner_that_was_well_for_hours_begins_anew(fixture: EvictorFixture) -> None:
    for name in ("first", "second"):
        fixture.pods.put(stuck(name))
        await fixture.settle(within=15)
    fixture.clock.now += 5 * 3600
    for name in ("third", "fourth"):
        fixture.pods.put(stuck(name))
        await fixture.settle(within=15)
    assert names(fixture.pods.evicted) == ["first", "second", "third", "fourth"]


async def test_what_comes_back_stuck_does_not_hold_up_others(fixture: EvictorFixture) -> None:
    fixture.pods.put(stuck("first"))
    await fixture.settle()
    fixture.pods.put(stuck("again"))
    fixture.pods.put(stuck("other", owner=replace(OWNER, uid="rs-2")))
    await fixture.settle()
    assert names(fixture.pods.evicted) == ["first", "other"]


async def test_all_that_came_back_goes_together(fixture: EvictorFixture) -> None:
    fixture.pods.put(stuck("first"))
    await fixture.settle()
    for name in ("second", "third"):
        fixture.pods.put(stuck(name))
    await fixture.settle(within=15)
    assert names(fixture.pods.evicted) == ["first", "second", "third"]


async def test_a_pod_that_nobody_makes_again_is_told_once_and_left(fixture: EvictorFixture) -> None:
    missed = fixture.pods.put(stuck("bare", owner=None))
    await fixture.settle(within=60)
    fixture.pods.put(missed)
    await fixture.settle(within=60)
    assert fixture.pods.requests == 0
    ((name, kind, reason, message),) = fixture.pods.events
    assert (name, kind, reason) == ("bare", "Warning", Reason.PODS_STUCK)
    assert "create it again" in message
    assert fixture.evictor.read("uid-a").left == (
        "pod 'shop/bare': no controller would create another pod: delete it and create it again",
    )


async def test_a_pod_that_a_budget_holds_is_reported_and_evicted_later(fixture: EvictorFixture) -> None:
    fixture.pods.budgeted.add("uid-app-1-x")
    fixture.pods.put(stuck())
    await fixture.settle(within=60)
    assert 2 <= fixture.pods.requests <= 4
    (told,) = fixture.evictor.read("uid-a").left
    assert "PodDisruptionBudget" in told
    fixture.pods.budgeted.clear()
    await fixture.settle(within=300)
    assert names(fixture.pods.evicted) == ["app-1-x"]
    assert fixture.evictor.read("uid-a").left == ()


async def test_a_pod_that_has_changed_since_is_not_evicted(fixture: EvictorFixture) -> None:
    pod = fixture.pods.put(stuck())
    fixture.feed()
    fixture.pods.put(replace(pod, references=(NAME,)))
    await fixture.evictor.evict_due()
    assert fixture.metrics.evictions["stale"] == 1
    await fixture.settle(within=60)
    assert fixture.pods.evicted == []


async def test_a_deletion_that_was_missed_is_made_good_by_the_next_list(fixture: EvictorFixture) -> None:
    fixture.inherited.clear()
    fixture.pods.put(stuck())
    fixture.feed()
    fixture.pods.pods.clear()
    fixture.pods.revision += 1
    fixture.relist()
    assert await fixture.evictor.evict_due() is None


async def test_an_old_piece_of_news_changes_nothing(fixture: EvictorFixture) -> None:
    fixture.inherited.clear()
    old = fixture.pods.put(stuck())
    new = fixture.pods.put(replace(old, refused=()))
    fixture.feed()
    fixture.evictor.observe(old)
    fixture.inherited["shop", "default"] = (NAME,)
    await fixture.settle(within=60)
    assert fixture.pods.requests == 0
    assert new.refused == ()


async def test_a_server_that_does_not_answer_is_left_alone_for_all_pods(fixture: EvictorFixture) -> None:
    for number in range(20):
        fixture.pods.put(stuck(f"pod-{number}"))
    fixture.pods.failure = Unavailable("no answer", retry_after=5.0)
    await fixture.settle(within=4)
    assert fixture.pods.requests == 1
    fixture.pods.failure = None
    await fixture.settle(within=60)
    assert len(fixture.pods.evicted) == 20


async def test_missing_rights_are_told_until_they_are_there(fixture: EvictorFixture) -> None:
    fixture.evictor.watch_refused(Refused(Reason.RIGHTS_MISSING, "no `list` pods"))
    assert fixture.evictor.read("uid-a").unable == "no `list` pods"
    fixture.pods.put(stuck())
    fixture.pods.failure = Refused(Reason.RIGHTS_MISSING, "no `create` pods/eviction")
    await fixture.settle(within=10)
    assert fixture.evictor.read("uid-a").unable == "no `create` pods/eviction"
    fixture.pods.failure = None
    await fixture.settle(within=600)
    assert fixture.evictor.read("uid-a") == StuckPodFacts()
    assert names(fixture.pods.evicted) == ["app-1-x"]


async def test_an_event_that_is_not_taken_disturbs_nobody(fixture: EvictorFixture) -> None:
    async def refuse(pod: ObservedPod, kind: str, reason: str, message: str) -> None:
        raise Refused(Reason.RIGHTS_MISSING, "no events")

    fixture.pods.post_event = refuse  # type: ignore[method-assign]
    fixture.pods.put(stuck())
    await fixture.settle()
    assert names(fixture.pods.evicted) == ["app-1-x"]
