"""Pods that were created before their service account had the reference: who they are, and what becomes of them.

Those that pull need the real node. `HARBOR_RACE_NAMESPACES` says how many namespaces race (default 20).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lab.lab import Lab
from lab.node.apps import deployment, write_app
from lab.observer import Observer
from lab.operator import USER
from lab.process import wait_until
from lab.stage import Stage, allow_admission_policy, allow_evictions, forbid_evictions
from tests.e2e.racing import Manifest, Track, has_reference, is_refused, is_running, name_of
from tests.e2e.world import create_namespace, listed, remove_namespace

pytestmark = pytest.mark.e2e

RACERS = int(os.environ.get("HARBOR_RACE_NAMESPACES", "20"))
POLICY_ROLE = "harbor-operator-admission-policy"


@contextmanager
def having(stage: Stage, **fields: object) -> Iterator[None]:
    """Has some fields of `spec.pullSecrets` for a while."""
    stage.registry.patch({"pullSecrets": fields})
    try:
        stage.registry.wait_ready(deadline=60)
        yield
    finally:
        stage.registry.patch({"pullSecrets": dict.fromkeys(fields)})
        stage.registry.wait_ready(deadline=60)


@contextmanager
def granting(lab: Lab) -> Iterator[None]:
    """The optional role, for a while."""
    allow_evictions(lab.control_plane)
    try:
        yield
    finally:
        forbid_evictions(lab.control_plane)


@pytest.fixture
def granted(lab: Lab) -> Iterator[None]:
    with granting(lab):
        yield


@pytest.fixture
def namespace(request: pytest.FixtureRequest, lab: Lab) -> Iterator[str]:
    """A name for the test's namespace, which goes with the test."""
    name = request.node.name.removeprefix("test_").replace("_", "-")[:60].rstrip("-")
    yield name
    remove_namespace(lab, name)


@pytest.fixture(scope="module")
def track(stage: Stage, lab: Lab) -> Track:
    """The real node, and a private image that nobody has, pushed a moment ago."""
    if lab.kubelet is None:
        pytest.skip("pods only pretend to run here; `HARBOR_LAB_NODE=kubelet`")
    layout = write_app(lab.directory / "racer")
    reference = f"{stage.front.url.removeprefix('https://')}/team-a/racer:1"
    stage.skopeo.copy_in(layout, reference, authfile=stage.admin_credential(), ca_dir=lab.authority.ca_dir)
    return Track(lab, lab.kubelet, reference)


def warnings(stage: Stage) -> dict[str, str]:
    return {warning["code"]: warning["message"] for warning in stage.registry.status()["warnings"]}


def watches_pods(lab: Lab, mark: int) -> bool:
    asked = lab.control_plane.audit.since(mark, user=USER, verbs={"list", "watch"})
    return any(event.resource == "pods" for event in asked)


def test_without_the_role_it_is_told_and_everything_else_goes_on(
    stage: Stage, lab: Lab, observer: Observer, namespace: str
) -> None:
    with having(stage, stuckPods="Evict"):
        wait_until(lambda: "EvictionRightsMissing" in warnings(stage), "the warning is there", deadline=30)
        assert "`kubectl apply -k deploy/components/evict-stuck-pods`" in warnings(stage)["EvictionRightsMissing"]
        observer.create_namespace(namespace)
        observer.wait_holds(namespace)
        assert stage.registry.condition("PullSecretsReady")["status"] == "True"
        with granting(lab):
            wait_until(lambda: "EvictionRightsMissing" not in warnings(stage), "the warning is gone", deadline=90)


def test_pods_are_nobodys_business_unless_the_spec_says_so(
    stage: Stage, lab: Lab, observer: Observer, namespace: str, granted: None
) -> None:
    mark = lab.control_plane.audit.mark()
    observer.create_namespace(namespace)
    observer.wait_holds(namespace)
    assert not watches_pods(lab, mark)
    with having(stage, stuckPods="Evict"):
        wait_until(lambda: watches_pods(lab, mark), "pods are watched", deadline=30)


def test_a_pod_that_came_too_early_is_replaced_and_a_bare_one_is_told(
    stage: Stage, track: Track, observer: Observer, namespace: str, granted: None
) -> None:
    """In a namespace that is not selected at first, every pod comes too early."""
    plane = track.lab.control_plane
    with having(stage, stuckPods="Evict"):
        with having(stage, namespaces={"exclude": ["kube-*", namespace]}):
            create_namespace(track.lab, observer, namespace)
            plane.apply(deployment(namespace, track.image), bare_pod(namespace, track.image), budget(namespace))
            track.await_pods(namespace, lambda found: len(found) == 2 and all(map(is_refused, found)))
            early = set(map(name_of, track.pods("-n", namespace)))
        track.await_pods(namespace, lambda found: sorted(map(is_running, found)) == [False, True])
        wait_until(lambda: "PodsStuck" in warnings(stage), "the bare pod is told", deadline=30)
        assert f"pod '{namespace}/bare': no controller would create another pod" in warnings(stage)["PodsStuck"]
        left, fresh = sorted(track.pods("-n", namespace), key=is_running)
        assert name_of(left) == "bare"
        assert name_of(fresh) not in early
        assert has_reference(fresh)
        told = {event["reason"] for event in listed(track.lab, "events", "-n", namespace)}
        assert {"StuckPodEvicted", "PodsStuck"} <= told
        plane.kubectl("-n", namespace, "delete", "pod", "bare", "--now")
        wait_until(lambda: "PodsStuck" not in warnings(stage), "the warning is gone", deadline=30)


def bare_pod(namespace: str, image: str) -> Manifest:
    """A pod that nobody would make again."""
    metadata = {"name": "bare", "namespace": namespace}
    spec = {"containers": [{"name": "only", "image": image}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def budget(namespace: str) -> Manifest:
    """Nothing may be disrupted; but Kubernetes asks no budget for a pod that has not started."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "app", "namespace": namespace},
        "spec": {"maxUnavailable": 0, "selector": {"matchLabels": {"app": "app"}}},
    }


def test_every_pod_of_a_race_runs_in_the_end(stage: Stage, track: Track, granted: None) -> None:
    race = track.race("early", RACERS)
    print(f"\nwatch alone: {race}")
    began = time.monotonic()
    with having(stage, stuckPods="Evict"):
        found = track.await_race("early", RACERS, is_running)
        print(f"evicted and replaced: all run {time.monotonic() - began:.1f} s later")
    assert all(map(has_reference, found))
    names = set(map(name_of, found))
    assert names >= race.lucky
    assert not names & race.unlucky
    track.end("early")


def test_with_the_admission_policy_no_pod_comes_too_early(stage: Stage, track: Track) -> None:
    allow_admission_policy(track.lab.control_plane, (stage.registry.namespace, stage.registry.name))
    with having(stage, admissionPolicy="Enabled"):
        race = track.race("policy", RACERS)
        print(f"\nadmission policy: {race}")
        assert race.unlucky == set()
        track.await_race("policy", RACERS, is_running)
        track.end("policy")
    track.lab.control_plane.kubectl("delete", "clusterrole,clusterrolebinding", POLICY_ROLE)
