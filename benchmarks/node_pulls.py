"""Pulls of a real kubelet while the credential rotates, and pods that start while Harbor is stopped.

    python -m benchmarks.node_pulls > docs/benchmarks/node-pulls.json

Needs the lab's real node (root on Linux). Measures both scopes of the pull robot, one after the other, on one registry.
`docs/how-to/harbor-outage.md` shows the results.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from harbor_operator.adapters.harbor import HttpHarbor
from harbor_operator.model.harbor import HarborEndpoint, Login
from lab.lab import Lab
from lab.node.apps import PULL_FAILED, write_app
from lab.observer import Observer
from lab.operator import Operator
from lab.process import LabError, wait_until
from lab.registry_fixture import RegistryFixture, install

if TYPE_CHECKING:
    from lab.controlplane import ControlPlane

SCOPES = ("Cluster", "Namespace")
NAMESPACES = tuple(f"pull-{number}" for number in range(12))
PARALLEL_PULLS = 3
"""Below the five pulls a second that a kubelet allows itself."""
ROTATIONS = 3
RETIRE_SECONDS = 10
POD_SECONDS = 60.0
ANNOTATION = "harbor-operator.io/rotate-requested-at"


@dataclass
class Cluster:
    """The lab, its registry, and the image that pods use."""

    fixture: RegistryFixture
    image: str

    @property
    def plane(self) -> ControlPlane:
        """The control plane."""
        return self.fixture.lab.control_plane

    def run_pod(self, namespace: str, name: str, *, image: str = "", policy: str = "IfNotPresent") -> str:
        """Runs a pod without `imagePullSecrets`; returns 'runs', or the reason for which it does not."""
        container = {
            "name": "app",
            "image": image or self.image,
            "imagePullPolicy": policy,
            "command": ["/bin/busybox", "sleep", "3600"],
        }
        spec = {"terminationGracePeriodSeconds": 0, "containers": [container]}
        metadata = {"name": name, "namespace": namespace}
        path = f"/api/v1/namespaces/{namespace}/pods"
        self.plane.client.create(path, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
        result = ""

        def is_decided() -> bool:
            nonlocal result
            result = _result((self.plane.client.read(f"{path}/{name}") or {}).get("status", {}))
            return result != ""

        wait_until(is_decided, f"pod '{namespace}/{name}' starts or fails", deadline=POD_SECONDS)
        self.plane.kubectl("-n", namespace, "delete", "pod", name, "--wait=false")
        return result


def _result(status: dict[str, Any]) -> str:
    if status.get("phase") == "Running":
        return "runs"
    for container in status.get("containerStatuses", []):
        waiting = container["state"].get("waiting", {})
        if waiting.get("reason") in PULL_FAILED:
            return "ErrImagePull"
    return ""


@dataclass
class Pulls:
    """Pods that pull the image, in one namespace after the other."""

    cluster: Cluster
    count: int = 0
    failed: list[str] = field(default_factory=list)

    def run(self, namespaces: tuple[str, ...], stop: threading.Event) -> None:
        """Pulls until the event is set."""
        number = 0
        while not stop.is_set():
            for namespace in namespaces:
                number += 1
                result = self.cluster.run_pod(namespace, f"pull-{number}", policy="Always")
                self.count += 1
                if result != "runs":
                    self.failed.append(f"{namespace}: {result}")


def rotation(cluster: Cluster) -> dict[str, object]:
    """Pulls in every namespace while the credential is rotated."""
    pulls, stop = Pulls(cluster), threading.Event()
    with ThreadPoolExecutor(PARALLEL_PULLS) as pool:
        work = [pool.submit(pulls.run, NAMESPACES[first::PARALLEL_PULLS], stop) for first in range(PARALLEL_PULLS)]
        try:
            for number in range(ROTATIONS):
                _rotate(cluster, f"measurement-{number}")
        finally:
            stop.set()
        for done in work:
            done.result()
    return {"rotations": ROTATIONS, "pulls": pulls.count, "failed": pulls.failed}


def _rotate(cluster: Cluster, request: str) -> None:
    """Requests a rotation and waits until the earlier robots are deleted."""
    registry, robots = cluster.fixture.registry, _count_robots(cluster.fixture)
    arguments = ("annotate", "hreg", registry.name, f"{ANNOTATION}={request}", "--overwrite")
    cluster.plane.kubectl("-n", registry.namespace, *arguments)

    def is_handled() -> bool:
        return bool(registry.status()["pullSecrets"].get("lastHandledRotateAt") == request)

    wait_until(is_handled, "the rotation is handled", deadline=120)
    wait_until(lambda: _count_robots(cluster.fixture) == robots, "the earlier robots are deleted", deadline=180)


def _count_robots(fixture: RegistryFixture) -> int:
    """Returns how many robots the registry has in Harbor."""
    password = fixture.registry.secret(f"hreg-{fixture.registry.name}-admin-password")["password"]
    login = Login("admin", SecretStr(password))
    endpoint = HarborEndpoint(fixture.front.url, fixture.lab.authority.ca_pem, login)
    stem = f"{fixture.registry.namespace}-{fixture.registry.name}-pull"
    return len(asyncio.run(HttpHarbor().read_robots(endpoint, stem)))


@dataclass(frozen=True)
class Images:
    """Images by the pull that brought them to the node: none, before the rotations, after them; by one namespace."""

    absent: str
    before: str
    after: str


def outage(cluster: Cluster, scope: str, images: Images) -> dict[str, str]:
    """Starts pods while Harbor is stopped."""
    fixture, plane = cluster.fixture, cluster.plane
    suffix = scope.lower()
    observer = Observer(plane)
    first, second, fresh = NAMESPACES[0], NAMESPACES[1], f"fresh-{suffix}"
    cases: dict[str, str] = {}
    _scale(fixture, 0)
    try:
        wait_until(lambda: not _has_pods(fixture), "core and registry have no pod", deadline=90)
        observer.create_namespace(fresh)
        if scope == "Cluster":
            observer.wait_injected(fresh)
        _wait_account(plane, fresh)
        run = cluster.run_pod
        cases["image on the node, pulled by another namespace"] = run(second, f"other-{suffix}", image=images.after)
        cases["image on the node, namespace created during the outage"] = run(
            fresh, f"fresh-{suffix}", image=images.after
        )
        cases["image on the node, pulled by this namespace"] = run(first, f"same-{suffix}", image=images.after)
        cases["image on the node, pulled by this namespace before a rotation"] = run(
            first, f"rotated-{suffix}", image=images.before
        )
        cases["image on the node, `imagePullPolicy: Always`"] = run(
            first, f"always-{suffix}", image=images.after, policy="Always"
        )
        cases["image not on the node"] = run(first, f"absent-{suffix}", image=images.absent)
    finally:
        _scale(fixture, 1)
        observer.close()
    return cases


def _scale(fixture: RegistryFixture, replicas: int) -> None:
    kubectl, registry = fixture.lab.control_plane.kubectl, fixture.registry
    for part in ("core", "registry"):
        kubectl(
            "-n", registry.namespace, "scale", f"deployment/{registry.name}-harbor-{part}", f"--replicas={replicas}"
        )


def _has_pods(fixture: RegistryFixture) -> bool:
    """Whether core or registry has a pod."""
    pods = fixture.lab.control_plane.client.items(f"/api/v1/namespaces/{fixture.registry.namespace}/pods")
    return any(pod["metadata"]["labels"].get("component") in {"core", "registry"} for pod in pods)


def _wait_account(plane: ControlPlane, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/default"
    wait_until(lambda: plane.client.read(path) is not None, "the service account exists", deadline=30)


def _push(fixture: RegistryFixture, name: str) -> str:
    reference = f"{fixture.front.url.removeprefix('https://')}/team-a/{name}:1"
    layout = write_app(fixture.lab.directory / f"image-{name}")
    fixture.skopeo.copy_in(layout, reference, authfile=fixture.admin_credential(), ca_dir=fixture.lab.authority.ca_dir)
    return reference


def measure(lab: Lab) -> dict[str, object]:
    """Measures both scopes. Raises LabError if something else than the measured pulls fails."""
    install(lab)
    fixture = RegistryFixture.set_up(lab)
    Operator.start(lab.control_plane, lab.processes).wait_leading()
    observer = Observer(lab.control_plane)
    for name in NAMESPACES:
        observer.create_namespace(name)
    figures: dict[str, object] = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "kubernetes": lab.control_plane.release}
    for scope in SCOPES:
        robot = {"scope": scope, "projects": ["team-a"], "retireAfterSeconds": RETIRE_SECONDS}
        spec = fixture.spec
        spec["pullSecrets"]["credential"] = {"robot": robot}
        fixture.registry.apply(spec)
        fixture.registry.wait_ready()
        for name in NAMESPACES:
            observer.wait_injected(name)
        suffix = scope.lower()
        images = Images(*(_push(fixture, f"{name}-{suffix}") for name in ("absent", "before", "after")))
        cluster = Cluster(fixture, _push(fixture, f"app-{suffix}"))
        cluster.run_pod(NAMESPACES[0], f"before-{suffix}", image=images.before)
        rotated = rotation(cluster)
        cluster.run_pod(NAMESPACES[0], f"after-{suffix}", image=images.after)
        figures[scope] = {"rotation": rotated, "outage": outage(cluster, scope, images)}
        fixture.registry.wait_ready()
    observer.close()
    return figures


def main() -> int:
    """Returns 0 after a complete measurement."""
    with Lab.start() as lab:
        if lab.kubelet is None:
            sys.stderr.write(f"{lab.choice.describe()}; this measurement needs the real node\n")
            return 2
        try:
            print(json.dumps(measure(lab), indent=1))
        except LabError as error:
            sys.stderr.write(f"{error}\n")
            return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
