"""Small applications for the node: images that run, Deployments without pull Secrets, and waiting for pods."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path
from typing import Any

from lab.controlplane import ControlPlane
from lab.node.archive import Image, add_file, busybox_layer, write_layout
from lab.node.kubelet import KubeletNode
from lab.node.programs import busybox
from lab.process import LabError, wait_until

PULL_FAILED = ("ErrImagePull", "ImagePullBackOff")
"""The reasons of the kubelet for an image that it cannot pull; they alternate."""


def write_app(directory: Path) -> Path:
    """Writes an image that runs indefinitely and has a unique digest, and returns its OCI layout."""
    directory.mkdir()
    salt = directory / "salt.tar"
    with tarfile.open(salt, "w") as archive:
        add_file(archive, "salt", os.urandom(64))
    layers = [busybox_layer(directory / "busybox.tar", busybox()), salt]
    write_layout(directory / "layout", Image(layers, ["/bin/busybox", "sleep", "2147483647"]))
    return directory / "layout"


def deployment(namespace: str, image: str, name: str = "app") -> dict[str, Any]:
    """Returns a Deployment with one replica of `image`, without `imagePullSecrets`."""
    labels = {"app": name}
    pod = {"terminationGracePeriodSeconds": 0, "containers": [{"name": name, "image": image}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}},
    }


def wait_running(plane: ControlPlane, node: KubeletNode, namespace: str, count: int = 1) -> None:
    """Waits until the namespace has exactly `count` pods and all run. Raises LabError with their state."""
    _wait(plane, node, namespace, [["Running"] * count])


def wait_refused(plane: ControlPlane, node: KubeletNode, namespace: str) -> None:
    """Waits until the only pod of the namespace fails to pull its image. Raises LabError with its state."""
    _wait(plane, node, namespace, [[reason] for reason in PULL_FAILED])


def _wait(plane: ControlPlane, node: KubeletNode, namespace: str, wanted: list[list[str]]) -> None:
    def reached() -> bool:
        pods = plane.client.read(f"/api/v1/namespaces/{namespace}/pods") or {}
        return [_state(pod["status"]) for pod in pods.get("items", [])] in wanted

    try:
        wait_until(reached, f"pods of '{namespace}' are {' '.join(wanted[0])}", deadline=60)
    except LabError as error:
        raise LabError(f"{error}\n{node.describe(namespace)}") from None


def _state(status: dict[str, Any]) -> str:
    """Returns the reason of a waiting container, else the phase of the pod."""
    states = [container["state"] for container in status.get("containerStatuses", [])]
    reasons = [state["waiting"].get("reason", "") for state in states if "waiting" in state]
    return reasons[0] if reasons else str(status.get("phase"))
