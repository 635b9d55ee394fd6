"""One registry whose owner attacks the namespace of another one, with the shipped rights on a real API server."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typing_extensions import override

from harbor_operator.adapters.helm import HelmSettings, SubprocessHelm
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kube_resources import KubernetesNamespaceResources
from harbor_operator.adapters.kubeconfig import from_kubeconfig
from harbor_operator.adapters.service_account_tokens import KubernetesReleaseIdentity
from harbor_operator.model.chart_sources import ChartSources
from harbor_operator.model.outcomes import Outcome
from harbor_operator.model.release import ListedObject
from harbor_operator.reasons import Reason
from lab.controlplane import ControlPlane
from lab.gotools import program
from lab.operator import NAMESPACE as OPERATOR
from lab.process import LabError
from lab.registries import Registry
from tests.contract.helm_fixture import ReleaseOnClusterFixture, ended, now, reset_secrets, write_chart
from tests.fakes.release import NAMESPACE, registry

Manifest = dict[str, Any]
VICTIM = "t-victim"
VALUE = "canary-value-0123456789"
CANARIES: dict[str, tuple[str, str, str, Manifest]] = {
    "secret": ("v1", "Secret", "hreg-cr-pins", {"stringData": {"secretKey": VALUE}}),
    "volume": (
        "v1",
        "PersistentVolumeClaim",
        "data-of-another-registry",
        {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}},
    ),
    "account": ("v1", "ServiceAccount", "default", {}),
    "workload": (
        "apps/v1",
        "Deployment",
        "cr-core",
        {
            "spec": {
                "selector": {"matchLabels": {"a": "b"}},
                "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "a", "image": "a"}]}},
                "replicas": 0,
            }
        },
    ),
}
HOOK = {
    "helm.sh/hook": "pre-install,pre-upgrade",
    "helm.sh/hook-delete-policy": "before-hook-creation,hook-succeeded",
}


def canary(name: str, annotations: dict[str, str] | None = None) -> Manifest:
    """An object of the victim, with the marks of its own Helm release: Helm's check of ownership does not save it."""
    version, kind, object_name, content = CANARIES[name]
    owner = {"meta.helm.sh/release-name": "cr", "meta.helm.sh/release-namespace": VICTIM}
    metadata = {
        "name": object_name,
        "namespace": VICTIM,
        "annotations": owner | (annotations or {}),
        "labels": {"app.kubernetes.io/managed-by": "Helm"},
    }
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **content}


class LateHelm(SubprocessHelm):
    """The real Helm; with `comes_late`, the release Secret changes after the operator has looked."""

    comes_late = False

    @override
    async def find_unreadable(
        self, namespace: str, service_account: str, objects: Sequence[ListedObject]
    ) -> ListedObject | None:
        return None if self.comes_late else await super().find_unreadable(namespace, service_account, objects)


@dataclass
class Attack:
    """One registry whose owner attacks another one; `lives` says which objects of the victim are as they were."""

    plane: ControlPlane
    site: ReleaseOnClusterFixture
    helm: LateHelm
    folder: Path
    uids: dict[str, str]

    def chart(self, template: str) -> str:
        path = write_chart(self.folder / "charts" / "harbor")
        (Path(path) / "templates" / "attack.yaml").write_text(template)
        return path

    async def report(self, chart: str, values: Manifest | None = None) -> Outcome:
        """What the status says after a run of the chart."""
        await self.site.reconcile(chart, values)
        return await self.site.reconcile(chart, values)

    async def uninstall(self) -> None:
        """Runs `helm uninstall` to its end."""
        outcome = await self.site.step.teardown(registry())
        assert outcome.reason is Reason.RELEASE_UNINSTALLING, outcome
        await ended(self.helm, "cr")

    def read(self, name: str) -> Manifest:
        _, kind, object_name, _ = CANARIES[name]
        found: Manifest = json.loads(self.plane.kubectl("-n", VICTIM, "get", kind, object_name, "-o", "json"))
        return found

    def changed(self) -> list[str]:
        """Canaries that are gone, replaced, being deleted or written to by Helm."""
        return [name for name, uid in self.uids.items() if not self._is_unchanged(name, uid)]

    def _is_unchanged(self, name: str, uid: str) -> bool:
        try:
            metadata = self.read(name)["metadata"]
        except LabError:
            return False
        managers = {entry["manager"] for entry in metadata.get("managedFields", [])}
        return metadata["uid"] == uid and "deletionTimestamp" not in metadata and "helm" not in managers

    def tamper(self, **changes: Any) -> None:
        """Changes the stored release as anyone can who can edit Secrets in the registry's namespace."""
        found = json.loads(self.plane.kubectl("-n", NAMESPACE, "get", "secret", "-l", "owner=helm", "-o", "json"))
        secret = max(found["items"], key=lambda item: int(item["metadata"]["labels"]["version"]))
        release = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(secret["data"]["release"]))))
        release["manifest"] += changes.pop("manifest", "")
        release |= changes
        packed = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(release).encode()))).decode()
        patch = json.dumps({"data": {"release": packed}})
        self.plane.kubectl("-n", NAMESPACE, "patch", "secret", secret["metadata"]["name"], "-p", patch)


@asynccontextmanager
async def attacking(plane: ControlPlane, tmp_path: Path) -> AsyncIterator[Attack]:
    """Prepares both namespaces, and removes the release at the end."""
    for namespace in (NAMESPACE, VICTIM):
        Registry(plane, namespace, "cr").prepare()
    reset_secrets(plane)
    plane.apply(*(canary(name) for name in CANARIES))
    connection = from_kubeconfig(plane.kubeconfig_for_service_account(OPERATOR, OPERATOR))
    async with KubernetesClient(connection) as http:
        settings = HelmSettings(str(program("helm")), tmp_path / "helm", connection, ChartSources((), (str(tmp_path),)))
        helm = LateHelm(settings, KubernetesReleaseIdentity(http), now)
        site = ReleaseOnClusterFixture(KubernetesNamespaceResources(http), helm)
        attack = Attack(plane, site, helm, tmp_path, {})
        attack.uids = {name: attack.read(name)["metadata"]["uid"] for name in CANARIES}
        yield attack
        await helm.aclose()
    plane.kubectl("-n", NAMESPACE, "delete", "secret", "-l", "owner=helm")
    plane.kubectl("-n", NAMESPACE, "delete", "configmap,rolebinding", "--all")
