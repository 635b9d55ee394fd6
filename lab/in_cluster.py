"""Runs the operator as its users do: the `install.yaml` of a release on the lab's cluster, with a custom image name.

operator = InCluster.deploy(lab)    -> two Ready replicas; needs the real node
operator.lease()                    -> holder, times and transitions
operator.kill_process("pod")        SIGKILL; the pod stays, and its container starts again
operator.lose("pod")                simulates the loss of its node: no graceful end, and no restart
operator.restart()                  kubectl rollout restart
"""

from __future__ import annotations

import json
import os
import signal
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.chart_archive import archive_chart
from lab.image_build.operator import operator_image
from lab.operator import NAMESPACE
from lab.process import LabError, wait_until
from tools.release_files import install_manifest

if TYPE_CHECKING:
    from lab.lab import Lab
    from lab.node.kubelet import KubeletNode

REPOSITORY, TAG = "cr.example.com/platform/harbor-operator", "1"
OVERLAY = """
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [install.yaml]
configMapGenerator: [{{name: charts, namespace: harbor-operator, files: [{chart}]}}]
patches:
  - patch: |
      apiVersion: apps/v1
      kind: Deployment
      metadata: {{name: harbor-operator, namespace: harbor-operator}}
      spec:
        template:
          spec:
            containers:
              - name: operator
                env: [{{name: HARBOR_OPERATOR_CHARTS_DIR, value: /charts}}]
                volumeMounts: [{{name: charts, mountPath: /charts}}]
            volumes: [{{name: charts, configMap: {{name: charts}}}}]
"""
"""As docs/operations.md tells an administrator without access to the chart repository."""
DEPLOYMENT = "deployment/harbor-operator"
SERVED = "/apis/harbor-operator.io/v1alpha1/harborregistries"
ROLLOUT_SECONDS = 110


@dataclass(frozen=True)
class Lease:
    """The content of the Lease."""

    holder: str
    acquired: datetime
    renewed: datetime
    duration: int
    transitions: int


@dataclass(frozen=True)
class Replica:
    """A pod of the operator."""

    name: str
    uid: str
    ready: bool
    restarts: int


class InCluster:
    """The Deployment of the operator."""

    def __init__(self, lab: Lab, node: KubeletNode) -> None:
        self._plane = lab.control_plane
        self._node = node

    @classmethod
    def deploy(cls, lab: Lab) -> InCluster:
        """Applies `install.yaml`, and waits until the CRD is served and every replica is Ready. Raises LabError."""
        if lab.kubelet is None:
            raise LabError("the operator needs a node that runs pods: start the lab with `kubelet=True`")
        lab.kubelet.import_images(operator_image(f"{REPOSITORY}:{TAG}"))
        overlay = lab.directory / "overlay"
        overlay.mkdir()
        (overlay / "install.yaml").write_text(install_manifest(f"{REPOSITORY}:{TAG}"))
        chart = archive_chart(lab, overlay)
        (overlay / "kustomization.yaml").write_text(OVERLAY.format(chart=chart.name))
        operator = cls(lab, lab.kubelet)
        operator._plane.kubectl("apply", "-k", str(overlay))
        operator.wait_rolled_out()
        wait_until(lambda: operator._plane.client.answers(SERVED), "the API server serves the CRD", deadline=30)
        return operator

    def wait_rolled_out(self) -> None:
        """Waits until all replicas are Ready and up to date. Raises LabError."""
        try:
            self._kubectl("rollout", "status", DEPLOYMENT, f"--timeout={ROLLOUT_SECONDS}s")
        except LabError as error:
            raise LabError(f"{error}\n{self.describe()}") from None

    def replicas(self) -> dict[str, Replica]:
        """Returns all pods of the operator by name, including terminating ones."""
        pods = json.loads(self._kubectl("get", "pods", "-o", "json"))["items"]
        return {replica.name: replica for replica in map(_replica, pods)}

    def lease(self) -> Lease:
        """Returns the current Lease."""
        spec = json.loads(self._kubectl("get", "lease", NAMESPACE, "-o", "json"))["spec"]
        return Lease(
            spec["holderIdentity"],
            datetime.fromisoformat(spec["acquireTime"]),
            datetime.fromisoformat(spec["renewTime"]),
            spec["leaseDurationSeconds"],
            spec["leaseTransitions"],
        )

    def leader(self) -> str:
        """Waits for a leader and returns the name of its pod."""
        return wait_until(lambda: self.lease().holder, "a replica holds the Lease", deadline=60)

    def kill_process(self, pod: str) -> None:
        """Kills the operator's process in a pod with SIGKILL."""
        os.kill(self._process(pod), signal.SIGKILL)

    def lose(self, pod: str) -> None:
        """Ends a replica as the loss of its node would: without a signal that it can handle, and permanently."""
        process = self._process(pod)
        os.kill(process, signal.SIGSTOP)  # it cannot react to the kubelet's SIGTERM
        self._kubectl("delete", "pod", pod, "--force", "--grace-period=0")
        os.kill(process, signal.SIGKILL)

    def restart(self) -> None:
        """Replaces every replica with a rollout."""
        self._kubectl("rollout", "restart", DEPLOYMENT)

    def describe(self) -> str:
        """Returns pods, events and the ends of the logs, for a message."""
        return self._node.describe(NAMESPACE)

    def _process(self, pod: str) -> int:
        """Returns the process id, outside the node, of the operator in a pod. Raises LabError."""
        uid = self.replicas()[pod].uid
        found = [pid for pid in _pids() if uid in _text(pid, "cgroup") and "harbor_operator" in _text(pid, "cmdline")]
        if len(found) != 1:
            raise LabError(f"pod '{pod}' runs {len(found)} operator processes\n{self.describe()}")
        return found[0]

    def _kubectl(self, *arguments: str) -> str:
        return self._plane.kubectl("-n", NAMESPACE, *arguments)


def _replica(pod: dict[str, Any]) -> Replica:
    (status,) = pod["status"].get("containerStatuses") or [{"ready": False, "restartCount": 0}]
    return Replica(pod["metadata"]["name"], pod["metadata"]["uid"], status["ready"], status["restartCount"])


def _pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").glob("[0-9]*")]


def _text(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except OSError:
        return ""
