"""Cluster objects of the node that its kubelet does not create."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lab.ingress.routes import CLASS
from lab.node.plan import NODE_IP, Plan

STORAGE_CLASS = "lab"
MAX_VOLUMES = 24
"""The number of claims that can be bound; each directory is used once."""


def node_objects(plan: Plan) -> list[dict[str, Any]]:
    """Returns the API server's endpoint for pods, an ingress class, a storage class, and volumes."""
    return [_api_endpoint(plan.api_port), _ingress_class(), _storage_class(), *map(_volume, _directories(plan))]


def _api_endpoint(port: int) -> dict[str, Any]:
    """The endpoint of the API server for pods; the server publishes none, because it listens on loopback."""
    labels = {"kubernetes.io/service-name": "kubernetes"}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "kubernetes", "namespace": "default", "labels": labels},
        "addressType": "IPv4",
        "ports": [{"name": "https", "port": port, "protocol": "TCP"}],
        "endpoints": [{"addresses": [NODE_IP], "conditions": {"ready": True}}],
    }


def _ingress_class() -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "IngressClass",
        "metadata": {"name": CLASS},
        "spec": {"controller": "harbor-operator.io/lab"},
    }


def _storage_class() -> dict[str, Any]:
    annotations = {"storageclass.kubernetes.io/is-default-class": "true"}
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": STORAGE_CLASS, "annotations": annotations},
        "provisioner": "kubernetes.io/no-provisioner",
    }


def _directories(plan: Plan) -> list[Path]:
    """Creates directories that any user can write to: a hostPath volume keeps its ownership."""
    directories = [plan.path(f"volumes/{number}") for number in range(MAX_VOLUMES)]
    for directory in directories:
        directory.mkdir(parents=True)
        directory.chmod(0o777)
    return directories


def _volume(directory: Path) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"lab-{directory.name}"},
        "spec": {
            "storageClassName": STORAGE_CLASS,
            "capacity": {"storage": "100Gi"},
            "accessModes": ["ReadWriteOnce", "ReadWriteMany"],
            "hostPath": {"path": str(directory)},
        },
    }
