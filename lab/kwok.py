"""A node whose pods only pretend: they are scheduled and become Ready, but nothing runs.

    node = Kwok.start(control_plane, processes)      # one Ready node 'lab', a default StorageClass 'lab'
    node.stop()

Deployments, StatefulSets and Jobs come to their end as on a real node, so `helm install --wait` works; images are never
pulled, so a wrong pull secret goes unnoticed here.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.gotools import program
from lab.process import Process, Processes, wait_until

if TYPE_CHECKING:
    from lab.controlplane import ControlPlane

STAGES = Path(__file__).parent / "stages.yaml"
NODE_NAME = "lab"
PRETENDED = "kwok.x-k8s.io/node=fake"
LEASE_SECONDS = 40
START_SECONDS = 60.0

NODE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {
        "name": NODE_NAME,
        "labels": {"kubernetes.io/os": "linux", "kubernetes.io/hostname": NODE_NAME},
        "annotations": dict([PRETENDED.split("=")]),
    },
    "spec": {"podCIDR": "10.244.0.0/16"},
}
STORAGE_CLASS: dict[str, Any] = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": "lab", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
    "provisioner": "harbor-operator.io/lab",
    "reclaimPolicy": "Retain",
}


class Kwok:
    """The program that plays the node."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @classmethod
    def start(cls, plane: ControlPlane, processes: Processes) -> Kwok:
        """A Ready node, and storage that is granted to whoever claims it."""
        argv = [
            str(program("kwok")),
            f"--kubeconfig={plane.component_kubeconfig('node')}",
            f"--config={STAGES}",
            f"--manage-nodes-with-annotation-selector={PRETENDED}",  # a real node beside it is left alone
            "--cidr=10.244.0.1/16",
            "--node-ip=127.0.0.1",
            f"--node-lease-duration-seconds={LEASE_SECONDS}",
        ]
        process = processes.start("kwok", argv)
        plane.apply(NODE, STORAGE_CLASS)
        wait_until(
            lambda: plane.is_node_ready(NODE_NAME),
            "the pretended node is Ready",
            deadline=START_SECONDS,
            process=process,
        )
        return cls(process)

    def stop(self) -> None:
        """Let the node fall silent: its pods stay as they are, new ones stay Pending."""
        self._process.stop()
