"""Somebody who is not the operator and looks at the API server: how soon is a namespace ready to pull?"""

from __future__ import annotations

import http.client
import json
import ssl
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lab.process import LabError

if TYPE_CHECKING:
    from lab.controlplane import ControlPlane

LOOK_EVERY = 0.005
PATIENCE = 30.0


class Observer:
    """One connection of its own to the API server, as the administrator."""

    def __init__(self, plane: ControlPlane) -> None:
        address = urlsplit(plane.url)
        tls = ssl.create_default_context(cafile=str(plane.ca_path))
        self._connection = http.client.HTTPSConnection(address.hostname or "", address.port, context=tls, timeout=10)
        self._headers = {"Authorization": f"Bearer {plane.admin_token}"}

    def read(self, path: str) -> dict[str, Any] | None:
        """Returns the object at a path of the API, or None if there is none."""
        self._connection.request("GET", path, headers=self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        return json.loads(body) if answer.status == http.client.OK else None

    def create_namespace(self, name: str, labels: dict[str, str] | None = None) -> float:
        """Makes a namespace and returns the moment at which the server had it."""
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels or {}}}
        headers = {**self._headers, "Content-Type": "application/json"}
        self._connection.request("POST", "/api/v1/namespaces", json.dumps(body), headers)
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status != http.client.CREATED:
            raise LabError(f"namespace '{name}' was not created: {text.decode()}")
        return time.monotonic()

    def holds(self, namespace: str, secret: str = "harbor-pull", account: str = "default") -> bool:
        """Whether the namespace holds the Secret and its service account refers to it."""
        found = self.read(f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}") or {}
        references = [entry["name"] for entry in found.get("imagePullSecrets", [])]
        return secret in references and self.read(f"/api/v1/namespaces/{namespace}/secrets/{secret}") is not None

    def wait_holds(self, namespace: str) -> float:
        """Returns the moment at which the namespace holds both."""
        end = time.monotonic() + PATIENCE
        while not self.holds(namespace):
            if time.monotonic() > end:
                raise LabError(f"namespace '{namespace}' has no pull Secret after {PATIENCE:.0f} seconds")
            time.sleep(LOOK_EVERY)
        return time.monotonic()

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()
