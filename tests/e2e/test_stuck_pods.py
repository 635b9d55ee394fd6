"""Pods that were created before their service account had the reference are evicted or reported.

Tests that pull images need the real node. `HARBOR_RACE_NAMESPACES` sets the number of namespaces (default 20).
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
from lab.registry_fixture import RegistryFixture, allow_admission_policy, allow_evictions, forbid_evictions
from tests.e2e.first_pods import Manifest, PodLauncher, has_reference, is_pull_refused, is_running, name_of
from tests.e2e.queries import create_namespace, listed
from tests.e2e.running_operator import RunningOperator

pytestmark = pytest.mark.e2e

NAMESPACE_COUNT = int(os.environ.get("HARBOR_RACE_NAMESPACES", "20"))
POLICY_ROLE = "harbor-operator-admission-policy"


@contextmanager
def pull_secrets_with(full_registry: RegistryFixture, **fields: object) -> Iterator[None]:
    """Sets fields of `spec.pullSecrets` until the block ends."""
    full_registry.registry.patch({"pullSecrets": fields})
    try:
        full_registry.registry.wait_ready(deadline=60)
        yield
    finally:
        full_registry.registry.patch({"pullSecrets": dict.fromkeys(fields)})
        full_registry.registry.wait_ready(deadline=60)


@contextmanager
def eviction_role(lab: Lab) -> Iterator[None]:
    """Binds the optional role until the block ends."""
    allow_evictions(lab.control_plane)
    try:
        yield
    finally:
        forbid_evictions(lab.control_plane)


@pytest.fixture
def granted(lab: Lab) -> Iterator[None]:
    with eviction_role(lab):
        yield


@pytest.fixture(scope="module")
def launcher(full_registry: RegistryFixture, lab: Lab) -> PodLauncher:
    """The real node, and a new private image that was just pushed."""
    if lab.kubelet is None:
        pytest.skip("KWOK does not run pods; set `HARBOR_LAB_NODE=kubelet`")
    layout = write_app(lab.directory / "private-app")
    reference = f"{full_registry.front.url.removeprefix('https://')}/team-a/private-app:1"
    full_registry.skopeo.copy_in(
        layout, reference, authfile=full_registry.admin_credential(), ca_dir=lab.authority.ca_dir
    )
    return PodLauncher(lab, lab.kubelet, reference)


def warnings(full_registry: RegistryFixture) -> dict[str, str]:
    return {warning["code"]: warning["message"] for warning in full_registry.registry.status()["warnings"]}


def watches_pods(lab: Lab, mark: int) -> bool:
    requests = lab.control_plane.audit.since(mark, user=USER, verbs={"list", "watch"})
    return any(event.resource == "pods" for event in requests)


def test_without_the_role_a_warning_names_it_and_injection_continues(
    full_registry: RegistryFixture, lab: Lab, observer: Observer, namespace: str
) -> None:
    with pull_secrets_with(full_registry, stuckPods="Evict"):
        wait_until(lambda: "EvictionRightsMissing" in warnings(full_registry), "the warning appears", deadline=30)
        assert (
            "`kubectl apply -k deploy/components/evict-stuck-pods`" in warnings(full_registry)["EvictionRightsMissing"]
        )
        observer.create_namespace(namespace)
        observer.wait_injected(namespace)
        assert full_registry.registry.condition("PullSecretsReady")["status"] == "True"
        with eviction_role(lab):
            wait_until(
                lambda: "EvictionRightsMissing" not in warnings(full_registry), "the warning disappears", deadline=90
            )


def test_pods_are_not_watched_unless_the_spec_says_so(
    full_registry: RegistryFixture, lab: Lab, observer: Observer, namespace: str, granted: None
) -> None:
    mark = lab.control_plane.audit.mark()
    observer.create_namespace(namespace)
    observer.wait_injected(namespace)
    assert not watches_pods(lab, mark)
    with pull_secrets_with(full_registry, stuckPods="Evict"):
        wait_until(lambda: watches_pods(lab, mark), "pods are watched", deadline=30)


@pytest.mark.usefixtures("granted")
def test_a_stuck_pod_is_evicted_and_a_pod_without_controller_is_reported(
    full_registry: RegistryFixture,
    launcher: PodLauncher,
    observer: Observer,
    running_operator: RunningOperator,
    namespace: str,
) -> None:
    """In a namespace that is not selected at first, every pod starts without the reference."""
    plane, metric = launcher.lab.control_plane, running_operator.operator.metric
    evictions = metric("harbor_operator_stuck_pod_evictions_total", result="evicted")
    with pull_secrets_with(full_registry, stuckPods="Evict"):
        with pull_secrets_with(full_registry, namespaces={"exclude": ["kube-*", namespace]}):
            create_namespace(launcher.lab, observer, namespace)
            plane.apply(deployment(namespace, launcher.image), bare_pod(namespace, launcher.image), budget(namespace))
            launcher.wait_pods(namespace, lambda found: len(found) == 2 and all(map(is_pull_refused, found)))
            early = set(map(name_of, launcher.pods("-n", namespace)))
        launcher.wait_pods(namespace, lambda found: sorted(map(is_running, found)) == [False, True])
        wait_until(lambda: "PodsStuck" in warnings(full_registry), "the bare pod is reported", deadline=30)
        assert f"pod '{namespace}/bare': no controller would create another pod" in warnings(full_registry)["PodsStuck"]
        left, fresh = sorted(launcher.pods("-n", namespace), key=is_running)
        assert name_of(left) == "bare"
        assert name_of(fresh) not in early
        assert has_reference(fresh)
        assert metric("harbor_operator_stuck_pod_evictions_total", result="evicted") == evictions + 1
        reasons = {event["reason"] for event in listed(launcher.lab, "events", "-n", namespace)}
        assert {"StuckPodEvicted", "PodsStuck"} <= reasons
        plane.kubectl("-n", namespace, "delete", "pod", "bare", "--now")
        wait_until(lambda: "PodsStuck" not in warnings(full_registry), "the warning disappears", deadline=30)


def bare_pod(namespace: str, image: str) -> Manifest:
    """A pod without a controller."""
    metadata = {"name": "bare", "namespace": namespace}
    spec = {"containers": [{"name": "only", "image": image}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def budget(namespace: str) -> Manifest:
    """Forbids every disruption; the API server ignores it for a pod that has not started."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "app", "namespace": namespace},
        "spec": {"maxUnavailable": 0, "selector": {"matchLabels": {"app": "app"}}},
    }


def test_every_stuck_pod_is_replaced_and_runs(
    full_registry: RegistryFixture, launcher: PodLauncher, granted: None
) -> None:
    first_pods = launcher.launch("early", NAMESPACE_COUNT)
    print(f"\nwatch only: {first_pods}")
    began = time.monotonic()
    with pull_secrets_with(full_registry, stuckPods="Evict"):
        found = launcher.wait_all("early", NAMESPACE_COUNT, is_running)
        print(f"evicted and replaced: all pods run {time.monotonic() - began:.1f} s later")
    assert all(map(has_reference, found))
    names = set(map(name_of, found))
    assert names >= first_pods.with_secret
    assert not names & first_pods.without_secret
    launcher.end("early")


def test_with_the_admission_policy_every_pod_has_the_reference(
    full_registry: RegistryFixture, launcher: PodLauncher
) -> None:
    allow_admission_policy(launcher.lab.control_plane, (full_registry.registry.namespace, full_registry.registry.name))
    with pull_secrets_with(full_registry, admissionPolicy="Enabled"):
        first_pods = launcher.launch("policy", NAMESPACE_COUNT)
        print(f"\nadmission policy: {first_pods}")
        assert first_pods.without_secret == set()
        launcher.wait_all("policy", NAMESPACE_COUNT, is_running)
        launcher.end("policy")
    launcher.lab.control_plane.kubectl("delete", "clusterrole,clusterrolebinding", POLICY_ROLE)
