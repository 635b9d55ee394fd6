"""Which pods may be evicted: each condition alone is enough to leave a pod, and so is every combination."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harbor_operator.model.pods import EvictionDecision, ObservedPod, Owner, StuckPodPolicy
from harbor_operator.plan.stuck_pods import decide_eviction, host_of, is_candidate

POLICY = StuckPodPolicy("uid-a", "harbor-pull", "cr.example.com:8443")
IMAGE = "cr.example.com:8443/team/app:1"
OWNER = Owner("ReplicaSet", "app-1", "rs")
STUCK = ObservedPod("shop", "app-1-x", "pod", 7, "default", images=(IMAGE,), refused=(IMAGE,), owner=OWNER)
INHERITED = ("harbor-pull",)


def test_a_pod_older_than_the_reference_is_evicted() -> None:
    assert decide_eviction(STUCK, POLICY, INHERITED) is EvictionDecision.EVICT


def test_references_that_the_account_had_before_ours_do_not_prevent_an_eviction() -> None:
    early = replace(STUCK, references=("theirs",))
    assert decide_eviction(early, POLICY, ("theirs", "harbor-pull")) is EvictionDecision.EVICT


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
    ids=["has it", "terminating", "not refused", "another image", "no port", "another port", "no host"],
)
def test_every_other_pod_is_left(pod: ObservedPod) -> None:
    assert decide_eviction(pod, POLICY, INHERITED) is EvictionDecision.LEAVE


@pytest.mark.parametrize("inherited", [(), ("theirs",)])
def test_a_pod_is_left_until_its_account_has_the_reference(inherited: tuple[str, ...]) -> None:
    assert decide_eviction(STUCK, POLICY, inherited) is EvictionDecision.LEAVE


def test_a_pod_without_controller_is_reported() -> None:
    assert decide_eviction(replace(STUCK, owner=None), POLICY, INHERITED) is EvictionDecision.ALONE


def test_a_pod_with_references_with_own_is_reported() -> None:
    with_own = replace(STUCK, references=("from-the-template",))
    assert decide_eviction(with_own, POLICY, INHERITED) is EvictionDecision.REPEATS
    assert decide_eviction(replace(with_own, owner=None), POLICY, INHERITED) is EvictionDecision.REPEATS


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
def test_the_host_is_returned_unchanged(image: str, host: str) -> None:
    assert host_of(image) == host


# Most drawn pods miss at most one condition: otherwise the interesting cases would hardly ever be drawn.
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
@given(pod=PODS, inherited=st.lists(SECRETS, unique=True).map(tuple))
def test_nothing_is_evicted_that_misses_one_condition(pod: ObservedPod, inherited: tuple[str, ...]) -> None:
    ours = [image for image in pod.refused if image.startswith("cr.example.com:8443/")]
    may_be_evicted = (
        "harbor-pull" in inherited
        and "harbor-pull" not in pod.references
        and bool(ours)
        and pod.owner is not None
        and not pod.terminating
    )
    decision = decide_eviction(pod, POLICY, inherited)
    assert may_be_evicted or decision is not EvictionDecision.EVICT
    if decision is not EvictionDecision.LEAVE:
        assert is_candidate(pod, POLICY)
    if decision is EvictionDecision.EVICT:
        assert all(reference in inherited for reference in pod.references)
