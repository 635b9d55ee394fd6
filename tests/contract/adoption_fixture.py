"""A Harbor that a tenant has installed with `helm install`, and the release step that takes it over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.outcomes import Outcome
from harbor_operator.plan import names
from harbor_operator.steps.attempt import attempt
from lab.controlplane import ControlPlane
from lab.registries import Registry
from tests.contract.helm_fixture import ReleaseOnClusterFixture, ended
from tests.fakes.installed_release import DEFAULTS, KEEPING, adopting
from tests.fakes.release import NAMESPACE, registry

# The Secrets and the checksums as the official chart renders them: each render generates them again.
SECRETS = """
apiVersion: v1
kind: Secret
metadata: {name: {{ .Release.Name }}-harbor-core}
data:
  {{- $ca := genCA "harbor-token-ca" 365 }}
  secretKey: {{ .Values.secretKey | b64enc }}
  secret: {{ .Values.core.secret | default (randAlphaNum 16) | b64enc }}
  CSRF_KEY: {{ .Values.core.xsrfKey | default (randAlphaNum 32) | b64enc }}
  tls.key: {{ $ca.Key | b64enc }}
  tls.crt: {{ $ca.Cert | b64enc }}
  HARBOR_ADMIN_PASSWORD: {{ .Values.harborAdminPassword | b64enc }}
  REGISTRY_CREDENTIAL_PASSWORD: {{ "harbor_registry_password" | b64enc }}
---
apiVersion: v1
kind: Secret
metadata: {name: {{ .Release.Name }}-harbor-jobservice}
data: {JOBSERVICE_SECRET: {{ randAlphaNum 16 | b64enc }}}
---
apiVersion: v1
kind: Secret
metadata: {name: {{ .Release.Name }}-harbor-registry}
data: {REGISTRY_HTTP_SECRET: {{ randAlphaNum 16 | b64enc }}}
---
apiVersion: v1
kind: Secret
metadata: {name: {{ .Release.Name }}-harbor-registry-htpasswd}
data: {REGISTRY_HTPASSWD: {{ htpasswd "harbor_registry_user" "harbor_registry_password" | b64enc }}}
---
apiVersion: v1
kind: Secret
metadata: {name: {{ .Release.Name }}-harbor-database}
data: {POSTGRES_PASSWORD: {{ .Values.database.internal.password | b64enc }}}
"""
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}-harbor-core, labels: {release: {{ .Release.Name }}}}
spec:
  selector: {matchLabels: {app: core}}
  template:
    metadata:
      labels: {app: core}
      annotations: {checksum/secret: {{ include (print $.Template.BasePath "/secrets.yaml") . | sha256sum }}}
    spec: {containers: [{name: core, image: core}]}
"""


def write_generating_chart(folder: Path) -> str:
    """Writes a chart that generates its secrets as the official one does, and returns its path."""
    (folder / "templates").mkdir(parents=True)
    facts = {"apiVersion": "v2", "name": "harbor", "version": "1.19.1", "appVersion": "2.15.1"}
    (folder / "Chart.yaml").write_text(yaml.safe_dump(facts))
    (folder / "templates" / "secrets.yaml").write_text(SECRETS)
    (folder / "templates" / "core.yaml").write_text(DEPLOYMENT)
    (folder / "values.yaml").write_text(yaml.safe_dump(DEFAULTS))
    return str(folder)


class AdoptionFixture:
    """Release 'cr' in the namespace of registry 'cr', which uses the chart's own database, cache and volumes."""

    def __init__(self, plane: ControlPlane, cluster: ReleaseOnClusterFixture, chart: str) -> None:
        self.plane = plane
        self.cluster = cluster
        self.chart = chart
        self.version = yaml.safe_load((Path(chart) / "Chart.yaml").read_text())["version"]
        self._site = Registry(plane, NAMESPACE, "cr")

    def install(self, *options: str, **values: Any) -> None:
        """Runs `helm install` with the chart's defaults and these values."""
        given = json.dumps(values)
        self.plane.helm("install", "cr", self.chart, "-n", NAMESPACE, "--set-json", given, *options)

    def registry(self, plan: str = "", **values: Any) -> HarborRegistry:
        release = {"version": self.version, "chart": self.chart}
        return adopting(plan, {**KEEPING, **values}, release=release)

    async def reconcile(self, plan: str = "", **values: Any) -> Outcome:
        """One pass, and the end of what it started."""
        outcome = await attempt(self.cluster.step.reconcile, self.registry(plan, **values))
        await ended(self.cluster.helm, "cr")
        return outcome

    def objects(self) -> dict[str, str]:
        """Returns the version of every object that an adoption must not touch: all but Secrets of the operator."""
        kinds = "deployments,statefulsets,services,configmaps,secrets,persistentvolumeclaims,ingresses"
        found = json.loads(self.plane.kubectl("get", kinds, "-n", NAMESPACE, "-o", "json"))["items"]
        of_chart = [o for o in found if not o["metadata"]["name"].startswith(("hreg-", "sh.helm."))]
        return {f"{o['kind']} {o['metadata']['name']}": _version(o) for o in of_chart}

    def templates(self) -> dict[str, Any]:
        """Returns the pod template of each workload."""
        found = json.loads(self.plane.kubectl("get", "deployments,statefulsets", "-n", NAMESPACE, "-o", "json"))
        return {o["metadata"]["name"]: o["spec"]["template"] for o in found["items"]}

    def claims(self) -> str:
        """Returns the names and uids of the volumes."""
        shown = "custom-columns=N:.metadata.name,U:.metadata.uid"
        return self.plane.kubectl("get", "pvc", "-n", NAMESPACE, "-o", shown)

    def secret(self, name: str) -> dict[str, str]:
        return self._site.secret(name)

    def generated(self) -> dict[str, str]:
        """Returns what the operator has stored as its own."""
        return self.secret(names.generated_secrets(registry()))


def _version(found: dict[str, Any]) -> str:
    """Returns what changes when another client writes the object; controllers write the status of workloads."""
    metadata = found["metadata"]
    return f"{metadata['uid']} {metadata.get('generation') or metadata['resourceVersion']}"
