"""HarborRegistry objects in a lab: built from `deploy/examples`, applied, observed and deleted."""

from __future__ import annotations

import base64
import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from lab.process import LabError, wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.controlplane import ControlPlane

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "deploy" / "examples"
KIND = "harborregistries"
API = {"secrets": "/api/v1", KIND: "/apis/harbor-operator.io/v1alpha1"}
CONDITION_SECONDS = 240.0
"""The default timeout: real pods of a release become ready at the pace of the chart's probes."""

Manifest = dict[str, Any]


def example(name: str) -> list[Manifest]:
    """Returns the objects of a file in `deploy/examples`."""
    return [document for document in yaml.safe_load_all((EXAMPLES / name).read_text()) if document]


def merged(base: Manifest, changes: Manifest) -> Manifest:
    """Returns `base` merged with `changes`; None removes a key."""
    result = copy.deepcopy(base)
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = copy.deepcopy(value)
    return result


class Registry:
    """One HarborRegistry in one namespace."""

    def __init__(self, plane: ControlPlane, namespace: str, name: str) -> None:
        self.namespace = namespace
        self.name = name
        self._plane = plane

    def prepare(self) -> None:
        """Creates the namespace with the rights that the operator needs there."""
        documents = example("registry-namespace.yaml")
        for document in documents:
            key = "name" if document["kind"] == "Namespace" else "namespace"
            template = document["metadata"][key]
            document["metadata"][key] = self.namespace
            for subject in document.get("subjects", []):
                if subject["namespace"] == template:
                    subject["namespace"] = self.namespace
        self._plane.apply(*documents)

    def put_secret(self, name: str, values: Mapping[str, str]) -> None:
        """Applies a Secret with these values in the registry's namespace."""
        self.put_secrets({name: values})

    def put_secrets(self, secrets: Mapping[str, Mapping[str, str]]) -> None:
        """Applies Secrets with these values in the registry's namespace."""
        self._plane.apply(*(self._secret(name, values) for name, values in secrets.items()))

    def secret(self, name: str, namespace: str | None = None) -> dict[str, str]:
        """Returns the decoded values of a Secret. Raises LabError if it does not exist."""
        found = self._get("secrets", name, namespace or self.namespace)
        return {key: base64.b64decode(value).decode() for key, value in found.get("data", {}).items()}

    def apply(self, spec: Manifest) -> None:
        """Applies the registry with this spec. Raises LabError with the API server's message."""
        metadata = {"name": self.name, "namespace": self.namespace}
        kind = {"apiVersion": "harbor-operator.io/v1alpha1", "kind": "HarborRegistry"}
        self._plane.apply({**kind, "metadata": metadata, "spec": spec})

    def patch(self, spec: Manifest) -> None:
        """Merge-patches the registry's spec."""
        patch = json.dumps({"spec": spec})
        self._plane.kubectl("-n", self.namespace, "patch", "hreg", self.name, "--type=merge", "-p", patch)

    def read(self) -> Manifest:
        """Returns the object. Raises LabError if it does not exist."""
        return self._get(KIND, self.name, self.namespace)

    def status(self) -> Manifest:
        """Returns the status."""
        status: Manifest = self.read().get("status", {})
        return status

    def condition(self, kind: str) -> Manifest:
        """Returns a condition, or an empty mapping before the first pass."""
        conditions = self.status().get("conditions", [])
        return next((condition for condition in conditions if condition["type"] == kind), {})

    def is_settled(self) -> bool:
        """Whether the status is about the current generation and Ready is True."""
        found = self.read()
        status = found.get("status", {})
        ready = {item["type"]: item["status"] for item in status.get("conditions", [])}.get("Ready")
        return bool(status.get("observedGeneration") == found["metadata"]["generation"] and ready == "True")

    def is_observed(self) -> bool:
        """Whether the status is about the current generation."""
        found = self.read()
        return bool(found.get("status", {}).get("observedGeneration") == found["metadata"]["generation"])

    def wait_ready(self, deadline: float = CONDITION_SECONDS) -> None:
        """Waits until the registry is ready. Raises LabError with its conditions."""
        try:
            wait_until(self.is_settled, f"registry {self.namespace}/{self.name} is ready", deadline=deadline)
        except LabError as error:
            raise LabError(f"{error}\n{self.describe()}") from None

    def wait_condition(self, kind: str, status: str, reason: str = "", deadline: float = CONDITION_SECONDS) -> Manifest:
        """Waits for a condition with this status and reason, and returns it. Raises LabError with all conditions."""

        def is_reached() -> bool:
            found = self.condition(kind)
            return found.get("status") == status and (not reason or found.get("reason") == reason)

        try:
            wait_until(is_reached, f"{kind} is {status} {reason}", deadline=deadline)
        except LabError as error:
            raise LabError(f"{error}\n{self.describe()}") from None
        return self.condition(kind)

    def describe(self) -> str:
        """Returns the conditions as text."""
        lines = [
            f"  {item['type']:20} {item['status']:8} {item['reason']:28} {item['message']}"
            for item in self.status().get("conditions", [])
        ]
        return "\n".join(lines) or "  no conditions yet"

    def delete(self, deadline: float = 90) -> None:
        """Deletes the registry and waits until it no longer exists. Raises LabError with its conditions."""
        self._plane.kubectl("-n", self.namespace, "delete", "hreg", self.name, "--wait=false", "--ignore-not-found")
        try:
            wait_until(self.is_gone, f"registry {self.namespace}/{self.name} is gone", deadline=deadline)
        except LabError as error:
            raise LabError(f"{error}\n{self.describe()}") from None

    def _secret(self, name: str, values: Mapping[str, str]) -> Manifest:
        metadata = {"name": name, "namespace": self.namespace}
        return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": dict(values)}

    def is_gone(self) -> bool:
        """Whether the object does not exist."""
        return self._find(KIND, self.name, self.namespace) is None

    def _get(self, kind: str, name: str, namespace: str) -> Manifest:
        found = self._find(kind, name, namespace)
        if found is None:
            raise LabError(f"'{kind}/{name}' does not exist in namespace '{namespace}'")
        return found

    def _find(self, kind: str, name: str, namespace: str) -> Manifest | None:
        return self._plane.client.read(f"{API[kind]}/namespaces/{namespace}/{kind}/{name}")
