"""Stuck pods -> evictions, events and facts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harbor_operator.injector.stuck_pods.evictor import EVICT_ERROR_RETENTION_SECONDS
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


async def test_a_pod_waits_until_its_account_has_the_reference(fixture: EvictorFixture) -> None:
    fixture.inherited.clear()
    fixture.pods.put(stuck())
    await fixture.settle(within=60)
    assert fixture.pods.requests == 0
    fixture.inherited["shop", "default"] = (NAME,)
    await fixture.settle(within=10)
    assert names(fixture.pods.evicted) == ["app-1-x"]


async def test_a_pod_that_waits_for_its_node_stays_a_candidate(fixture: EvictorFixture) -> None:
    waiting = fixture.pods.put(stuck(refused=()))
    await fixture.settle()
    assert await fixture.evictor.evict_due() is None
    fixture.pods.put(replace(waiting, refused=waiting.images))
    await fixture.settle()
    assert names(fixture.pods.evicted) == ["app-1-x"]


async def test_a_pod_with_the_reference_is_no_candidate(fixture: EvictorFixture) -> None:
    fixture.pods.put(stuck(references=(NAME,)))
    await fixture.settle(within=60)
    assert fixture.pods.requests == 0
    assert await fixture.evictor.evict_due() is None


async def test_without_a_policy_nothing_is_evicted(fixture: EvictorFixture) -> None:
    fixture.pods.put(stuck())
    fixture.feed()
    fixture.evictor.withdraw("uid-a")
    await fixture.settle(within=60)
    assert fixture.pods.requests == 0
    assert fixture.evictor.policies() == frozenset()


async def test_a_pod_that_comes_back_stuck_waits_longer_each_time_and_is_reported(fixture: EvictorFixture) -> None:
    fixture.pods.put(stuck("first"))
    await fixture.settle()
    began, pauses = fixture.clock.now, []
    for name in ("second", "third", "fourth"):
        fixture.pods.put(stuck(name))
        await fixture.settle()
        (problem,) = fixture.evictor.read("uid-a").left
        assert "pod 'shop/" in problem
        assert "came back without the reference" in problem
        await fixture.settle(within=100_000)
        pauses.append(fixture.clock.now - began)
        began = fixture.clock.now
    assert names(fixture.pods.evicted) == ["first", "second", "third", "fourth"]
    assert pauses == [15, 60, 240]


async def test_an_owner_without_stuck_pods_for_hours_starts_again(fixture: EvictorFixture) -> None:
    for name in ("first", "second"):
        fixture.pods.put(stuck(name))
        await fixture.settle(within=15)
    fixture.clock.now += 5 * 3600
    for name in ("third", "fourth"):
        fixture.pods.put(stuck(name))
        await fixture.settle(within=15)
    assert names(fixture.pods.evicted) == ["first", "second", "third", "fourth"]


async def test_a_pod_that_comes_back_stuck_delays_no_others(fixture: EvictorFixture) -> None:
    fixture.pods.put(stuck("first"))
    await fixture.settle()
    fixture.pods.put(stuck("again"))
    fixture.pods.put(stuck("other", owner=replace(OWNER, uid="rs-2")))
    await fixture.settle()
    assert names(fixture.pods.evicted) == ["first", "other"]


async def test_all_pods_that_came_back_are_evicted_together(fixture: EvictorFixture) -> None:
    fixture.pods.put(stuck("first"))
    await fixture.settle()
    for name in ("second", "third"):
        fixture.pods.put(stuck(name))
    await fixture.settle(within=15)
    assert names(fixture.pods.evicted) == ["first", "second", "third"]


async def test_a_pod_without_controller_is_reported_once_and_left(fixture: EvictorFixture) -> None:
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


async def test_a_pod_that_a_budget_protects_is_reported_and_evicted_later(fixture: EvictorFixture) -> None:
    fixture.pods.budgeted.add("uid-app-1-x")
    fixture.pods.put(stuck())
    await fixture.settle(within=60)
    assert 2 <= fixture.pods.requests <= 4
    (problem,) = fixture.evictor.read("uid-a").left
    assert "PodDisruptionBudget" in problem
    fixture.pods.budgeted.clear()
    await fixture.settle(within=300)
    assert names(fixture.pods.evicted) == ["app-1-x"]
    assert fixture.evictor.read("uid-a").left == ()


async def test_a_pod_that_has_changed_is_not_evicted(fixture: EvictorFixture) -> None:
    pod = fixture.pods.put(stuck())
    fixture.feed()
    fixture.pods.put(replace(pod, references=(NAME,)))
    await fixture.evictor.evict_due()
    assert fixture.metrics.evictions["stale"] == 1
    await fixture.settle(within=60)
    assert fixture.pods.evicted == []


async def test_a_missed_deletion_is_found_by_the_next_list(fixture: EvictorFixture) -> None:
    fixture.inherited.clear()
    fixture.pods.put(stuck())
    fixture.feed()
    fixture.pods.pods.clear()
    fixture.pods.revision += 1
    fixture.relist()
    assert await fixture.evictor.evict_due() is None


async def test_an_old_event_changes_nothing(fixture: EvictorFixture) -> None:
    fixture.inherited.clear()
    old = fixture.pods.put(stuck())
    new = fixture.pods.put(replace(old, refused=()))
    fixture.feed()
    fixture.evictor.observe(old)
    fixture.inherited["shop", "default"] = (NAME,)
    await fixture.settle(within=60)
    assert fixture.pods.requests == 0
    assert new.refused == ()


async def test_a_server_without_answer_gets_one_request_for_all_pods(fixture: EvictorFixture) -> None:
    for number in range(20):
        fixture.pods.put(stuck(f"pod-{number}"))
    fixture.pods.failure = Unavailable("no answer", retry_after=5.0)
    await fixture.settle(within=4)
    assert fixture.pods.requests == 1
    fixture.pods.failure = None
    await fixture.settle(within=60)
    assert len(fixture.pods.evicted) == 20


async def test_missing_rights_are_reported_until_they_are_granted(fixture: EvictorFixture) -> None:
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


async def test_a_refused_event_does_not_stop_the_eviction(fixture: EvictorFixture) -> None:
    async def refuse(pod: ObservedPod, kind: str, reason: str, message: str) -> None:
        raise Refused(Reason.RIGHTS_MISSING, "no events")

    fixture.pods.post_event = refuse  # type: ignore[method-assign]
    fixture.pods.put(stuck())
    await fixture.settle()
    assert names(fixture.pods.evicted) == ["app-1-x"]


async def test_an_old_refusal_is_no_longer_reported(fixture: EvictorFixture) -> None:
    """Finding R15: the pod is gone, so no later eviction could show that the right exists."""
    pod = fixture.pods.put(stuck())
    fixture.pods.failure = Refused(Reason.RIGHTS_MISSING, "no `create` pods/eviction")
    await fixture.settle()
    assert "pods/eviction" in fixture.evictor.read("uid-a").unable
    fixture.pods.remove(pod.namespace, pod.name)
    fixture.feed()
    fixture.clock.now += EVICT_ERROR_RETENTION_SECONDS + 1
    assert fixture.evictor.read("uid-a") == StuckPodFacts()
