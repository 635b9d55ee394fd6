"""The operator in the cluster: its image, a release's `install.yaml`, and replicas that crash, are lost or replaced."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from harbor_operator.kubectl.cli import INTERRUPTED
from harbor_operator.kubectl.rights import Scope
from lab.gotools import PROGRAMS
from lab.image_build.operator import missing_requirement
from lab.in_cluster import REPOSITORY, TAG, InCluster, Lease
from lab.lab import Lab
from lab.observer import Observer
from lab.operator import NAMESPACE
from lab.process import LabError, wait_until
from lab.registries import merged
from lab.registry_fixture import RegistryFixture
from tests.contract.kubectl_harbor import PEOPLE, KubectlHarbor, environment
from tests.e2e.canaries import canaries_in

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(bool(missing_requirement()), reason=f"no operator in a cluster: {missing_requirement()}"),
]

TAKEOVER_SECONDS = 60
GRACE_SECONDS = 60
"""The termination grace period of a replica."""

ANY_USER = """
import os, pathlib, subprocess
import harbor_operator.app
from harbor_operator.adapters.kubeconfig_reader import read_kubeconfig

print(os.getuid(), os.getgid())
helm = ["helm", "version", "--template={{.Version}}"]
print(subprocess.run(helm, check=True, capture_output=True, text=True).stdout)
config = pathlib.Path("/tmp/config")
config.write_text('''
clusters: [{name: a, cluster: {server: "https://192.0.2.1"}}]
users: [{name: a, user: {token: a}}]
contexts: [{name: a, context: {cluster: a, user: a}}]
current-context: a
''')
print(read_kubeconfig(config).server)
"""
"""What the operator does with files and programs of the image."""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab.start(kubelet=True) as lab:
        yield lab


@pytest.fixture(scope="module")
def operator(lab: Lab) -> InCluster:
    return InCluster.deploy(lab)


@pytest.fixture(scope="module")
def full_registry(lab: Lab, operator: InCluster) -> RegistryFixture:
    """The full registry of deploy/examples, ready, with its chart from the operator's `CHARTS_DIR`."""
    fixture = RegistryFixture.set_up(lab)
    chart = {"release": {"chart": "harbor"}}
    fixture.registry.apply(merged(fixture.spec, chart))
    fixture.registry.wait_ready(deadline=300)
    canaries_in(lab).add_registry(fixture)
    return fixture


def create(observer: Observer, prefix: str, count: int = 5) -> list[str]:
    names = [f"{prefix}-{number}" for number in range(count)]
    for name in names:
        observer.create_namespace(name)
    return names


def wait_lease(operator: InCluster, former: Lease) -> Lease:
    """Waits until another replica holds the Lease, and returns it."""

    def is_taken() -> bool:
        return operator.lease().holder not in {"", former.holder}

    wait_until(is_taken, "another replica holds the Lease", deadline=TAKEOVER_SECONDS)
    return operator.lease()


def test_both_replicas_are_ready_and_one_leads(operator: InCluster) -> None:
    replicas = operator.replicas()
    assert [replica.ready for replica in replicas.values()] == [True, True]
    assert [replica.restarts for replica in replicas.values()] == [0, 0]
    assert operator.leader() in replicas


def test_a_less_restricted_pod_is_rejected(lab: Lab, operator: InCluster) -> None:
    run = ("run", "loose", "--image=localhost/pause:1", "--dry-run=server")
    with pytest.raises(LabError, match="violates PodSecurity"):
        lab.control_plane.kubectl("-n", NAMESPACE, *run)


def test_the_image_works_for_any_user(lab: Lab, operator: InCluster) -> None:
    """OpenShift gives each namespace its own range of user ids, and the group 0."""
    security = {
        "runAsNonRoot": True,
        "runAsUser": 1000680000,
        "runAsGroup": 0,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    container = {
        "name": "any-user",
        "image": f"{REPOSITORY}:{TAG}",
        "command": ["python3", "-c", ANY_USER],
        "securityContext": security,
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - in the pod
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "any-user", "namespace": NAMESPACE},
        "spec": {"restartPolicy": "Never", "containers": [container], "volumes": [{"name": "tmp", "emptyDir": {}}]},
    }
    lab.control_plane.apply(pod)

    def kubectl(*arguments: str) -> str:
        return lab.control_plane.kubectl("-n", NAMESPACE, *arguments)

    def phase() -> str:
        return kubectl("get", "pod", "any-user", "--output=jsonpath={.status.phase}")

    wait_until(lambda: phase() in {"Succeeded", "Failed"}, "the pod ends", deadline=90)
    log, end = kubectl("logs", "any-user"), phase()
    kubectl("delete", "pod", "any-user")  # it would count as a replica
    assert end == "Succeeded", log
    assert log.split() == ["1000680000", "0", f"v{PROGRAMS['helm'].version}", "https://192.0.2.1"]


def test_helm_in_the_pod_installs_the_release(lab: Lab, full_registry: RegistryFixture) -> None:
    status = full_registry.registry.status()
    assert {item["status"] for item in status["conditions"]} == {"True"}
    assert status["chartVersion"] == lab.chart.version


def test_a_new_namespace_has_the_secret_and_the_reference(full_registry: RegistryFixture, observer: Observer) -> None:
    observer.create_namespace("fresh")
    observer.wait_injected("fresh")


@pytest.fixture(scope="module")
def harbor(lab: Lab, full_registry: RegistryFixture) -> KubectlHarbor:
    """People without any right in the namespace of the registry."""
    return KubectlHarbor(lab.control_plane, {Scope.REGISTRY: PEOPLE, Scope.OPERATOR: NAMESPACE})


@pytest.fixture(scope="module")
def spec(lab: Lab, full_registry: RegistryFixture) -> Path:
    path = lab.directory / "registry.yaml"
    metadata = {"name": full_registry.registry.name, "namespace": full_registry.registry.namespace}
    content = merged(full_registry.spec, {"release": {"chart": "harbor"}})
    manifest = {"apiVersion": "harbor-operator.io/v1alpha1", "kind": "HarborRegistry", "metadata": metadata}
    path.write_text(yaml.safe_dump({**manifest, "spec": content}))
    return path


def doctor_objects(lab: Lab) -> list[str]:
    """Returns the Jobs, pods and Secrets of `doctor --in-cluster`."""
    names = lab.control_plane.kubectl("-n", NAMESPACE, "get", "jobs,pods,secrets", "-o", "name").split()
    return [name for name in names if "harbor-doctor-" in name]


def test_doctor_looks_from_the_operator_and_leaves_nothing(lab: Lab, harbor: KubectlHarbor, spec: Path) -> None:
    done = harbor.run("doctor", "--in-cluster", "-f", str(spec), "--timeout", "60", "-o", "json")
    assert (done.code, done.err) == (0, ""), done.out
    found = {each["where"]: each["text"] for each in done.json["findings"] if each["level"] == "ok"}
    assert found.keys() == {
        *("spec.database", "spec.cache", "spec.storage", "spec.externalURL"),
        *("spec.release", "spec.release.chart"),
    }
    assert not [text for text in found.values() if "would now" in text]
    wait_until(lambda: not doctor_objects(lab), "the Job, its pod and its Secret are deleted", deadline=60)


def test_doctor_finds_in_the_cluster_what_is_wrong(lab: Lab, harbor: KubectlHarbor, spec: Path, tmp_path: Path) -> None:
    manifest = yaml.safe_load(spec.read_text())
    path = tmp_path / "registry.yaml"
    path.write_text(yaml.safe_dump(merged(manifest, {"spec": {"cache": {"addresses": ["localhost:1"]}}})))
    done = harbor.run("doctor", "--in-cluster", "-f", str(path), "--only", "cache")
    assert (done.code, done.err) == (1, "")
    assert "✘ spec.cache         CacheUnreachable" in done.out
    path.write_text("no YAML of a registry")
    done = harbor.run("doctor", "--in-cluster", "-f", str(path))
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: in the cluster: `-f /etc/harbor-doctor/registry.yaml` contains 0 objects")


def test_a_job_that_stays_hides_no_finding_and_prevents_no_eviction(
    lab: Lab, harbor: KubectlHarbor, spec: Path
) -> None:
    """The disruption controller cannot count the pod of a Job, and would allow no eviction beside one."""
    plane = lab.control_plane
    harbor.person("doctor")
    role = json.loads(plane.kubectl("-n", NAMESPACE, "get", "role", "doctor-operator", "-o", "json"))
    role["metadata"] = {"name": "doctor-operator", "namespace": NAMESPACE}
    rules = [{**rule, "verbs": [verb for verb in rule["verbs"] if verb != "delete"]} for rule in role["rules"]]
    plane.apply({**role, "rules": rules})
    try:
        done = harbor.run("doctor", "--in-cluster", "-f", str(spec), "--only", "cache")
    finally:
        plane.apply(role)
    assert (done.code, "spec.cache" in done.out, "was not deleted" in done.err) == (0, True, True), done.err
    assert any("pod/" in name for name in doctor_objects(lab))
    budget = ("-n", NAMESPACE, "get", "pdb", "harbor-operator", "--output=jsonpath={.status.disruptionsAllowed}")
    wait_until(lambda: plane.kubectl(*budget) == "1", "one eviction is allowed", deadline=15)
    job = done.err.partition("kubectl delete job ")[2].split()[0]
    plane.kubectl("-n", NAMESPACE, "delete", "job", job, "--ignore-not-found")
    wait_until(lambda: not doctor_objects(lab), "the Job, its pod and its Secret are deleted", deadline=60)


def test_an_interrupted_doctor_leaves_nothing_in_the_cluster(lab: Lab, harbor: KubectlHarbor, spec: Path) -> None:
    command = ["env", "--default-signal=INT", sys.executable, "-m", "harbor_operator.kubectl", "doctor", "--in-cluster"]
    command += ["-f", str(spec), "--kubeconfig", str(harbor.person("doctor"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment()) as process:
        wait_until(lambda: any("secret/" in name for name in doctor_objects(lab)), "the Secret exists", deadline=60)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED
    wait_until(lambda: not doctor_objects(lab), "the Job, its pod and its Secret are deleted", deadline=60)


def test_a_leader_whose_process_crashes_keeps_the_lease(
    full_registry: RegistryFixture, operator: InCluster, observer: Observer
) -> None:
    before, leader = operator.lease(), operator.leader()
    operator.kill_process(leader)
    names = create(observer, "died")
    wait_until(lambda: operator.replicas()[leader].restarts == 1, "its container starts again", deadline=60)
    for name in names:
        observer.wait_injected(name)
    after = operator.lease()
    assert (after.holder, after.transitions) == (leader, before.transitions)


def test_a_standby_takes_over_from_a_lost_leader(
    full_registry: RegistryFixture, operator: InCluster, observer: Observer
) -> None:
    operator.lose(operator.leader())
    last = operator.lease()
    names = create(observer, "lost")
    after = wait_lease(operator, last)
    assert after.transitions == last.transitions + 1
    lease = timedelta(seconds=last.duration)
    # Never before the Lease has expired, and soon after; the upper bound allows for a machine under load.
    assert lease < after.acquired - last.renewed < 2 * lease
    for name in names:
        observer.wait_injected(name)
    operator.wait_rolled_out()


def test_a_rollout_misses_no_namespace_and_ends_gracefully(
    full_registry: RegistryFixture, operator: InCluster, observer: Observer
) -> None:
    former, before = set(operator.replicas()), operator.lease()
    operator.restart()
    names = create(observer, "early")
    operator.wait_rolled_out()
    names += create(observer, "late")
    gone = "the former replicas end before their grace period"
    wait_until(lambda: not former & set(operator.replicas()), gone, deadline=GRACE_SECONDS / 2)
    names += create(observer, "after")
    for name in names:
        observer.wait_injected(name)
    after = wait_lease(operator, before)
    assert after.holder in operator.replicas()
    assert [replica.restarts for replica in operator.replicas().values()] == [0, 0]
    full_registry.registry.wait_ready()
