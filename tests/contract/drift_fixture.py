"""A release of a few objects, and what is observed of it with the rights of its service account."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.release_objects import KubernetesReleaseObjects
from harbor_operator.adapters.service_account_tokens import KubernetesReleaseIdentity
from harbor_operator.model.release_drift import ObservedObject
from harbor_operator.plan.helm_manifest import release_objects
from harbor_operator.plan.release_drift import find_drift
from lab.controlplane import ControlPlane
from tests.contract.helm_fixture import write_chart

SPACE = "t-drift"
SECRET_VALUE = "hush-hush-hush"
OBJECTS = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}-core, labels: {release: {{ .Release.Name }}}}
spec:
  replicas: 1
  selector: {matchLabels: {app: core}}
  template:
    metadata: {labels: {app: core}}
    spec:
      containers:
        - {name: core, image: "core:1", ports: [{containerPort: 8080}], env: [{name: A, value: b}]}
---
apiVersion: v1
kind: Service
metadata: {name: {{ .Release.Name }}-core}
spec: {selector: {app: core}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-core}
data: {app.conf: "a=1", other: "x"}
---
apiVersion: v1
kind: Secret
metadata: {name: {{ .Release.Name }}-core}
stringData: {password: hush-hush-hush}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: {{ .Release.Name }}-core}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
"""
IMAGE = "spec.template.spec.containers[core].image"
Drift = dict[str, tuple[str, ...]]


@dataclass
class InstalledRelease:
    """A release that Helm has installed, and what is observed with the rights of its service account."""

    plane: ControlPlane
    chart: str
    payload: SecretStr
    http: KubernetesClient

    def __post_init__(self) -> None:
        self.adapter = KubernetesReleaseObjects(self.http, KubernetesReleaseIdentity(self.http))
        self.desired = release_objects(self.payload, "cr", SPACE)

    async def observe(self) -> tuple[ObservedObject, ...]:
        return await self.adapter.observe(SPACE, "harbor-release", self.desired)

    async def drift(self) -> Drift:
        observed = await self.observe()
        assert not [each.error for each in observed if each.error]
        return {drift.listed.kind: drift.fields for each in observed if (drift := find_drift(each))}

    async def repair(self) -> None:
        found = [drift.repair for each in await self.observe() if (drift := find_drift(each))]
        assert await self.adapter.apply(SPACE, "harbor-release", [each for each in found if each]) == ()

    def kubectl(self, *arguments: str) -> str:
        return self.plane.kubectl("-n", SPACE, *arguments)

    def deployment(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.kubectl("get", "deployment", "cr-core", "-o", "json"))
        return found

    def change(self, kind: str, patch: dict[str, Any]) -> None:
        """Patches an object as `kubectl patch` does."""
        self.kubectl("patch", kind, "cr-core", "--type=strategic", "-p", json.dumps(patch))

    def change_container(self, **fields: Any) -> None:
        containers = [{"name": "core", **fields}]
        self.change("deployment", {"spec": {"template": {"spec": {"containers": containers}}}})


def write_drift_chart(folder: Path) -> str:
    """Writes the chart of these objects, and returns its path."""
    path = write_chart(folder)
    (Path(path) / "templates" / "objects.yaml").write_text(OBJECTS)
    return path
