"""A fake Helm and a real one, each with the Kubernetes that it writes to."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import yaml

from harbor_operator.adapters.helm import SubprocessHelm
from harbor_operator.adapters.kube_resources import KubernetesNamespaceResources
from harbor_operator.adapters.secrets import SECRET_GENERATOR
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.outcomes import Outcome, Pending
from harbor_operator.model.release import DesiredRelease
from harbor_operator.plan import names
from harbor_operator.plan.helm_storage import read_revisions, release_selector
from harbor_operator.ports.helm import Helm
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.steps.release import ReleaseStep
from lab.controlplane import ControlPlane
from lab.process import scaled
from tests.fakes.helm import FakeHelm
from tests.fakes.kube import FakeKube
from tests.fakes.postgres import FakePostgres
from tests.fakes.release import NAMESPACE, STORAGE_PASSWORD, registry
from tests.fakes.release_fixture import CR_CA, S3_CA

DEADLINE = 120.0

CONFIG_MAP = """
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-seen}
data:
  size: {{ .Values.size | quote }}
{{- if .Values.boom }}
{{ fail (printf "no luck with %s" .Values.secret) }}
{{- end }}
"""

# A hook that no node ever runs: Helm waits for it, so that a kill finds it at work.
HOOK = """
{{- if eq .Values.logLevel "debug" }}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ .Release.Name }}-hook
  annotations: {helm.sh/hook: "pre-install,pre-upgrade", helm.sh/hook-delete-policy: before-hook-creation}
spec:
  template:
    spec: {restartPolicy: Never, containers: [{name: a, image: a}]}
{{- end }}
"""

VOLUME = """
{{- with .Values.persistence }}
{{- if .persistentVolumeClaim }}
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: {{ $.Release.Name }}-registry
  {{- if eq .resourcePolicy "keep" }}
  annotations: {helm.sh/resource-policy: keep}
  {{- end }}
spec:
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: {{ .persistentVolumeClaim.registry.size }}}}
{{- end }}
{{- end }}
"""


def now() -> datetime:
    return datetime.now(UTC)


def write_chart(folder: Path, version: str = "1.19.1") -> str:
    """Writes a chart of one ConfigMap that calls itself Harbor, and returns its path."""
    (folder / "templates").mkdir(parents=True)
    facts = {"apiVersion": "v2", "name": "harbor", "version": version, "appVersion": "2.15.1"}
    (folder / "Chart.yaml").write_text(yaml.safe_dump(facts))
    (folder / "templates" / "seen.yaml").write_text(CONFIG_MAP)
    (folder / "templates" / "hook.yaml").write_text(HOOK)
    (folder / "templates" / "volume.yaml").write_text(VOLUME)
    (folder / "values.yaml").write_text("{logLevel: info, size: 0, boom: false}")
    return str(folder)


class HelmFixture(Protocol):
    """A Helm, the Kubernetes it writes to, and a timeout for each run."""

    @property
    def helm(self) -> Helm: ...
    @property
    def kube(self) -> NamespaceResources: ...
    @property
    def chart(self) -> str: ...
    async def settle(self, desired: DesiredRelease | None = None) -> None: ...


@dataclass
class FakeHelmFixture:
    """Both in memory; a run ends the way the real chart would end it."""

    chart: str
    kube: FakeKube = field(default_factory=FakeKube)

    def __post_init__(self) -> None:
        self.helm = FakeHelm(self.kube, now)
        self.helm.missing_charts = {f"{self.chart}-absent"}

    async def settle(self, desired: DesiredRelease | None = None) -> None:
        boom = desired is not None and desired.values["boom"]
        # The chart cannot be rendered, so Helm fails before it writes anything down.
        self.helm.finish(NAMESPACE, "cr", "no luck with ***" if boom else "", recorded=not boom)


@dataclass
class RealHelmFixture:
    """A real Helm against a real API server."""

    chart: str
    kube: KubernetesNamespaceResources
    helm: SubprocessHelm

    async def settle(self, desired: DesiredRelease | None = None) -> None:
        await ended(self.helm, desired.name if desired else "cr")


async def ended(helm: Helm, name: str, namespace: str = NAMESPACE) -> None:
    async with asyncio.timeout(scaled(DEADLINE)):
        while helm.running(namespace, name):  # noqa: ASYNC110 - the port has nothing to wait for, as the step does not wait
            await asyncio.sleep(0.02)


def reset_secrets(plane: ControlPlane) -> None:
    """Leaves the Secrets of the user and the login of the database only, not those of an earlier test's release."""
    plane.kubectl("delete", "secrets", "--all", "-n", NAMESPACE)
    texts = {
        "redis": {"password": "redisPassw0rd"},
        "swift": {"username": "harbor:registry", "password": STORAGE_PASSWORD},
        "s3-ca": {"ca.crt": S3_CA},
        "cr-ca": {"ca.crt": CR_CA},
    }
    for name, data in texts.items():
        plane.apply(_secret(name, data, {}))
    login = {"username": "harbor_intra_cr", "password": "databasePassw0rd1"}
    plane.apply(_secret(names.database_secret(registry()), login, names.owner_labels(registry())))


def _secret(name: str, data: dict[str, str], labels: dict[str, str]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": NAMESPACE, "labels": labels}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}


class ReleaseOnClusterFixture:
    """The release step on a real Helm and a real API server, with a clock that can be put forward."""

    def __init__(self, kube: KubernetesNamespaceResources, helm: SubprocessHelm) -> None:
        self.kube = kube
        self.helm = helm
        self.late = timedelta()
        self.step = ReleaseStep(kube, FakePostgres(), helm, SECRET_GENERATOR, lambda: now() + self.late)

    async def reconcile(self, chart: str | None, values: dict[str, Any] | None = None) -> Outcome:
        """One pass, and the end of what it started."""
        outcome = await self.step.reconcile(wanted(chart, values))
        await ended(self.helm, "cr")
        return outcome

    async def torn_down(self, deleted: HarborRegistry | None = None) -> Outcome:
        """As many passes as it takes."""
        async with asyncio.timeout(scaled(DEADLINE)):
            while isinstance(outcome := await self.step.teardown(deleted or registry()), Pending):
                await ended(self.helm, "cr")
                await asyncio.sleep(0.05)
        return outcome

    async def statuses(self) -> list[str]:
        """The state of every revision, oldest first."""
        found = await self.kube.read_secrets(NAMESPACE, release_selector("cr"))
        return [revision.status for revision in read_revisions((s.name, s.labels) for s in found)]

    async def at_work(self) -> int:
        """The process of the run, once the release is locked by it."""
        async with asyncio.timeout(scaled(DEADLINE)):
            while (await self.statuses())[-1:] not in (["pending-upgrade"], ["pending-install"]):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        child = self.helm._runs[NAMESPACE, "cr"].child
        assert child
        return child.pid


def wanted(chart: str | None, values: dict[str, Any] | None = None) -> HarborRegistry:
    return registry(release={"version": "1.19.1", "chart": chart, "values": values or {}})
