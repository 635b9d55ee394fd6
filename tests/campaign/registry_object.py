"""A HarborRegistry in memory: its generation counts the changes of its spec, and its status is what was written."""

from __future__ import annotations

import copy
from typing import Any

from typing_extensions import override

from harbor_operator.api.v1alpha1 import Metadata
from harbor_operator.ports.registry_status import RegistryStatusApi
from tests.campaign.schema import Spec

UID = "5f0c7a52-8a55-4c39-9a5b-2d5a5f7d8f01"


class StoredRegistry(RegistryStatusApi):
    """The object, and everything that was reported about it."""

    def __init__(self, namespace: str, name: str) -> None:
        self.spec: Spec = {}
        self.status: dict[str, Any] = {}
        self.annotations: dict[str, str] = {}
        self.writes = 0
        self.events: list[str] = []
        self._metadata = {"name": name, "namespace": namespace, "uid": UID, "creationTimestamp": "2026-11-23T12:00:00Z"}
        self._generation = 0
        self._version = 0

    def apply(self, spec: Spec) -> None:
        """Replaces the spec, as `kubectl apply` does."""
        if spec != self.spec:
            self.spec = copy.deepcopy(spec)
            self._generation += 1
            self._version += 1

    def body(self) -> dict[str, Any]:
        """Returns the object as a watch delivers it."""
        versions = {"generation": self._generation, "resourceVersion": str(self._version)}
        metadata = {**self._metadata, **versions, "annotations": dict(self.annotations)}
        return copy.deepcopy({"metadata": metadata, "spec": self.spec, "status": self.status})

    def conditions(self) -> dict[str, dict[str, Any]]:
        """Returns the conditions by type."""
        return {condition["type"]: condition for condition in self.status.get("conditions", [])}

    @override
    async def write_status(self, metadata: Metadata, status: dict[str, Any]) -> str:
        self.status = copy.deepcopy(status)
        self.writes += 1
        self._version += 1
        return str(self._version)

    @override
    async def post_event(self, metadata: Metadata, kind: str, reason: str, message: str) -> None:
        self.events.append(f"{kind} {reason} {message}")

    @override
    async def post_operator_event(self, metadata: Metadata, kind: str, reason: str, message: str) -> None:
        self.events.append(f"{kind} {reason} {message}")

    @override
    async def read(self, metadata: Metadata) -> dict[str, Any] | None:
        return self.body()

    @override
    async def is_namespace_terminating(self, namespace: str) -> bool:
        return False
