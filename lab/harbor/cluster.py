"""The objects of a Harbor release that the local workloads need from the cluster."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from lab.kubernetes_client import KubernetesClient, Manifest


class Cluster:
    """Reads the objects of a release; every method raises OSError when the API server does not answer."""

    def __init__(self, kubeconfig: Path) -> None:
        self._client = KubernetesClient(kubeconfig)

    def deployments(self, namespace: str, release: str) -> list[Manifest]:
        """Returns the Deployments of a Helm release of the Harbor chart."""
        selector = quote(f"release={release}")
        return self._client.items(f"/apis/apps/v1/namespaces/{namespace}/deployments?labelSelector={selector}")

    def read(self, namespace: str, kind: str, name: str) -> Manifest | None:
        """Returns one object of core/v1 by the plural of its kind, or None if it does not exist."""
        return self._client.read(f"/api/v1/namespaces/{namespace}/{kind}/{name}")
