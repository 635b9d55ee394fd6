"""A simulated node: pods are scheduled and become Ready, but do not run.

    node = Kwok.start(control_plane, processes)      # one Ready node 'lab', a default StorageClass 'lab'
    node.stop()

Deployments, StatefulSets and Jobs complete as on a real node, so `helm install --wait` works. Images are not pulled, so
a wrong pull Secret has no effect.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.addresses import HOST, POD_GATEWAY, POD_RANGE
from lab.gotools import program
from lab.process import Process, Processes, wait_until

if TYPE_CHECKING:
    from lab.controlplane import ControlPlane

STAGES = Path(__file__).parent / "kwok_stages.yaml"
NODE_NAME = "lab"
KWOK_ANNOTATION = "kwok.x-k8s.io/node=fake"
LEASE_SECONDS = 40
START_SECONDS = 60.0

NODE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {
        "name": NODE_NAME,
        "labels": {"kubernetes.io/os": "linux", "kubernetes.io/hostname": NODE_NAME},
        "annotations": dict([KWOK_ANNOTATION.split("=")]),
    },
    "spec": {"podCIDR": POD_RANGE},
}
STORAGE_CLASS: dict[str, Any] = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": "lab", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
    "provisioner": "harbor-operator.io/lab",
    "reclaimPolicy": "Retain",
}


class Kwok:
    """The running KWOK controller."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @classmethod
    def start(cls, plane: ControlPlane, processes: Processes) -> Kwok:
        """Starts a Ready node and a default storage class. Raises LabError."""
        argv = [
            str(program("kwok")),
            f"--kubeconfig={plane.component_kubeconfig('node')}",
            f"--config={STAGES}",
            f"--manage-nodes-with-annotation-selector={KWOK_ANNOTATION}",  # other nodes are not managed
            f"--cidr={POD_GATEWAY}",
            f"--node-ip={HOST}",
            f"--node-lease-duration-seconds={LEASE_SECONDS}",
        ]
        process = processes.start("kwok", argv)
        plane.apply(NODE, STORAGE_CLASS)
        wait_until(
            lambda: plane.is_node_ready(NODE_NAME),
            "the KWOK node is Ready",
            deadline=START_SECONDS,
            process=process,
        )
        return cls(process)

    def stop(self) -> None:
        """Stops the controller: existing pods stay unchanged, new ones stay Pending."""
        self._process.stop()
