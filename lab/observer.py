"""An independent observer of the API server: measures when a namespace has its pull Secret."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from lab.kubernetes_client import KubernetesClient
from lab.process import wait_until

if TYPE_CHECKING:
    from lab.controlplane import ControlPlane
    from lab.kubernetes_client import Manifest

TIMEOUT_SECONDS = 30.0


class Observer:
    """A client with its own connections, acting as the administrator."""

    def __init__(self, plane: ControlPlane) -> None:
        self._client = KubernetesClient(plane.kubeconfig)

    def read(self, path: str) -> Manifest | None:
        """Returns the object at a path of the API, or None if it does not exist."""
        return self._client.read(path)

    def create_namespace(self, name: str, labels: dict[str, str] | None = None) -> float:
        """Creates a namespace and returns the monotonic time at which the API server confirmed it."""
        metadata = {"name": name, "labels": labels or {}}
        self._client.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        return time.monotonic()

    def is_injected(self, namespace: str, secret: str = "harbor-pull", account: str = "default") -> bool:
        """Whether the namespace contains the Secret and the service account references it."""
        found = self.read(f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}") or {}
        references = [entry["name"] for entry in found.get("imagePullSecrets", [])]
        return secret in references and self.read(f"/api/v1/namespaces/{namespace}/secrets/{secret}") is not None

    def wait_injected(self, namespace: str) -> float:
        """Waits for Secret and reference, and returns the monotonic time at which both were seen. Raises LabError."""
        wait_until(lambda: self.is_injected(namespace), f"'{namespace}' has its pull Secret", deadline=TIMEOUT_SECONDS)
        return time.monotonic()

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()
