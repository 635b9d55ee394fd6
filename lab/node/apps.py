"""Small applications for the node: images that run, Deployments that say nothing of Secrets, and waiting for pods."""

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

REFUSED = ("ErrImagePull", "ImagePullBackOff")
"""What the kubelet says, in turns, of an image that it may not have."""


def write_app(directory: Path) -> Path:
    """An image, as OCI layout, that runs for ever and that nobody has had before."""
    directory.mkdir()
    salt = directory / "salt.tar"
    with tarfile.open(salt, "w") as archive:
        add_file(archive, "salt", os.urandom(64))
    layers = [busybox_layer(directory / "busybox.tar", busybox()), salt]
    write_layout(directory / "layout", Image(layers, ["/bin/busybox", "sleep", "2147483647"]))
    return directory / "layout"


def deployment(namespace: str, image: str, name: str = "app") -> dict[str, Any]:
    """One replica of `image`, without any mention of a Secret."""
    labels = {"app": name}
    pod = {"terminationGracePeriodSeconds": 0, "containers": [{"name": name, "image": image}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}},
    }


def wait_running(plane: ControlPlane, node: KubeletNode, namespace: str, count: int = 1) -> None:
    """Return once so many pods run in the namespace, and no other; LabError with what is known of them otherwise."""
    _wait(plane, node, namespace, [["Running"] * count])


def wait_refused(plane: ControlPlane, node: KubeletNode, namespace: str) -> None:
    """Return once the only pod of the namespace is refused its image."""
    _wait(plane, node, namespace, [[reason] for reason in REFUSED])


def _wait(plane: ControlPlane, node: KubeletNode, namespace: str, wanted: list[list[str]]) -> None:
    def arrived() -> bool:
        pods = plane.read(f"/api/v1/namespaces/{namespace}/pods") or {}
        return [_state(pod["status"]) for pod in pods.get("items", [])] in wanted

    try:
        wait_until(arrived, f"pods of '{namespace}' are {' '.join(wanted[0])}", deadline=60, interval=0.1)
    except LabError as error:
        raise LabError(f"{error}\n{node.describe(namespace)}") from None


def _state(status: dict[str, Any]) -> str:
    """Why a container waits, if one does, else the phase of the pod."""
    states = [container["state"] for container in status.get("containerStatuses", [])]
    reasons = [state["waiting"].get("reason", "") for state in states if "waiting" in state]
    return reasons[0] if reasons else str(status.get("phase"))
