"""Which pods may be evicted: each of the conditions alone is enough to leave one, and no mixture slips through."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harbor_operator.model.pods import EvictionDecision, ObservedPod, Owner, StuckPodPolicy
from harbor_operator.plan.stuck_pods import decide_eviction, host_of, is_candidate

WISH = StuckPodPolicy("uid-a", "harbor-pull", "cr.example.com:8443")
IMAGE = "cr.example.com:8443/team/app:1"
OWNER = Owner("ReplicaSet", "app-1", "rs")
STUCK = ObservedPod("shop", "app-1-x", "pod", 7, "default", images=(IMAGE,), refused=(IMAGE,), owner=OWNER)
OFFERED = ("harbor-pull",)


def test_a_pod_that_was_made_too_early_is_evicted() -> None:
    assert decide_eviction(STUCK, WISH, OFFERED) is EvictionDecision.EVICT


def test_what_the_account_had_before_ours_was_copied_too_and_is_no_obstacle() -> None:
    early = replace(STUCK, references=("theirs",))
    assert decide_eviction(early, WISH, ("theirs", "harbor-pull")) is EvictionDecision.EVICT


@pytest.mark.parametrize(
    "pod",
    [
        replace(STUCK, references=("harbor-pull",)),
        replace(STUCK, terminating=True),
        replace(STUCK, refused=()),
        replace(STUCK, refused=("docker.io/library/busybox",), images=(IMAGE, "docker.io/library/busybox")),
        replace(STUCK, images=("cr.example.com/team/app:1",), refused=("cr.example.com/team/app:1",)),
        replace(STUCK, images=("cr.example.com:84430/a",), refused=("cr.example.com:84430/a",)),
        replace(STUCK, images=("busybox",), refused=("busybox",)),
    ],
    ids=["has it", "leaving", "not refused", "another image", "no port", "another port", "no host"],
)
def test_every_other_pod_is_left(pod: ObservedPod) -> None:
    assert decide_eviction(pod, WISH, OFFERED) is EvictionDecision.LEAVE


@pytest.mark.parametrize("offered", [(), ("theirs",)])
def test_a_pod_is_left_until_the_next_one_would_be_luckier(offered: tuple[str, ...]) -> None:
    assert decide_eviction(STUCK, WISH, offered) is EvictionDecision.LEAVE


def test_a_pod_that_nobody_would_make_again_is_reported() -> None:
    assert decide_eviction(replace(STUCK, owner=None), WISH, OFFERED) is EvictionDecision.ALONE


def test_a_pod_whose_next_one_would_be_the_same_is_reported() -> None:
    of_its_own = replace(STUCK, references=("from-the-template",))
    assert decide_eviction(of_its_own, WISH, OFFERED) is EvictionDecision.REPEATS
    assert decide_eviction(replace(of_its_own, owner=None), WISH, OFFERED) is EvictionDecision.REPEATS


@pytest.mark.parametrize(
    ("image", "host"),
    [
        ("cr.example.com/a/b:1", "cr.example.com"),
        ("localhost:5000/a@sha256:0", "localhost:5000"),
        ("library/busybox", "library"),
        ("busybox:1", ""),
        ("", ""),
    ],
)
def test_the_host_is_taken_as_it_stands(image: str, host: str) -> None:
    assert host_of(image) == host


# Most of what is drawn may be evicted but for one thing: else chance would hardly ever try that thing.
SECRETS = st.sampled_from(["harbor-pull", "theirs", "other"])
IMAGES = st.sampled_from(
    [IMAGE, IMAGE, IMAGE, "cr.example.com/team/app:1", "busybox", "other:8443/cr.example.com:8443/app"]
)
PODS = st.builds(
    ObservedPod,
    namespace=st.just("shop"),
    name=st.just("app"),
    uid=st.just("pod"),
    revision=st.just(1),
    account=st.just("default"),
    references=st.sampled_from([(), (), ("theirs",), ("other",), ("harbor-pull",), ("theirs", "harbor-pull")]),
    images=st.lists(IMAGES, min_size=1, max_size=3).map(tuple),
    refused=st.lists(IMAGES, min_size=1, max_size=2).map(tuple),
    owner=st.sampled_from([OWNER, None]),
    terminating=st.booleans(),
)


@settings(max_examples=500)
@given(pod=PODS, offered=st.lists(SECRETS, unique=True).map(tuple))
def test_nothing_is_evicted_that_misses_one_condition(pod: ObservedPod, offered: tuple[str, ...]) -> None:
    mine = [image for image in pod.refused if image.startswith("cr.example.com:8443/")]
    may_be_evicted = (
        "harbor-pull" in offered
        and "harbor-pull" not in pod.references
        and bool(mine)
        and pod.owner is not None
        and not pod.terminating
    )
    fate = decide_eviction(pod, WISH, offered)
    assert may_be_evicted or fate is not EvictionDecision.EVICT
    if fate is not EvictionDecision.LEAVE:
        assert is_candidate(pod, WISH)
    if fate is EvictionDecision.EVICT:
        assert all(reference in offered for reference in pod.references)
