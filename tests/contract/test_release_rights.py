"""A chart or a stored release that reaches beyond its namespace is refused by the API server, and the status says so.

The operator has exactly the shipped rights, and the victim is the namespace of another registry: that is where the
operator's own rights reach. Findings S1 and S1b were that Helm had those rights.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harbor_operator.adapters.helm import HelmSettings, SubprocessHelm
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kube_resources import KubernetesNamespaceResources
from harbor_operator.adapters.kubeconfig import from_kubeconfig
from harbor_operator.adapters.service_account_tokens import KubernetesReleaseIdentity
from harbor_operator.model.chart_sources import ChartSources
from harbor_operator.model.outcomes import Outcome, Pending
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from lab.controlplane import ControlPlane
from lab.gotools import program
from lab.operator import NAMESPACE as OPERATOR
from lab.process import LabError
from lab.registries import Registry
from tests.contract.helm_fixture import ReleaseOnClusterFixture, ended, now, put_user_secrets, write_chart
from tests.fakes.release import NAMESPACE, registry

pytestmark = pytest.mark.lab

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


@dataclass
class Attack:
    """One registry whose owner attacks another one; `lives` says which objects of the victim are as they were."""

    plane: ControlPlane
    site: ReleaseOnClusterFixture
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


@pytest.fixture
async def attack(plane: ControlPlane, tmp_path: Path) -> AsyncIterator[Attack]:
    for namespace in (NAMESPACE, VICTIM):
        Registry(plane, namespace, "cr").prepare()
    put_user_secrets(plane)
    plane.apply(*(canary(name) for name in CANARIES))
    connection = from_kubeconfig(plane.kubeconfig_for_service_account(OPERATOR, OPERATOR))
    async with KubernetesClient(connection) as http:
        settings = HelmSettings(str(program("helm")), tmp_path / "helm", connection, ChartSources((), (str(tmp_path),)))
        helm = SubprocessHelm(settings, KubernetesReleaseIdentity(http), now)
        attack = Attack(plane, ReleaseOnClusterFixture(KubernetesNamespaceResources(http), helm), tmp_path, {})
        attack.uids = {name: attack.read(name)["metadata"]["uid"] for name in CANARIES}
        yield attack
        await helm.aclose()
    plane.kubectl("-n", NAMESPACE, "delete", "secret", "-l", "owner=helm")
    plane.kubectl("-n", NAMESPACE, "delete", "configmap,rolebinding", "--all")


def assert_refused(outcome: Outcome, resource: str) -> None:
    assert isinstance(outcome, Pending), outcome
    assert outcome.reason is Reason.RIGHTS_MISSING, outcome
    assert f"ServiceAccount '{NAMESPACE}/harbor-release' must not" in outcome.message
    assert resource in outcome.message
    assert f"in namespace '{VICTIM}'" in outcome.message
    assert VALUE not in outcome.message


async def test_a_chart_reads_no_secret_of_another_namespace(attack: Attack) -> None:
    """Finding S1: `lookup` returned every Secret of every namespace with a registry."""
    template = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: loot}\n"
        f'data: {{loot: {{{{ (lookup "v1" "Secret" "{VICTIM}" "hreg-cr-pins").data | toJson | quote }}}}}}\n'
    )
    assert_refused(await attack.report(attack.chart(template)), "`get` secrets 'hreg-cr-pins'")
    with pytest.raises(LabError, match="not found"):
        attack.plane.kubectl("-n", NAMESPACE, "get", "configmap", "loot")


async def test_a_chart_lists_no_secret_of_the_cluster(attack: Attack) -> None:
    """Finding S1: a cluster-wide `lookup` gets nothing either, not even the names that the operator can list."""
    template = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: loot}\n"
        'data: {loot: {{ (lookup "v1" "Secret" "" "") | toJson | quote }}}\n'
    )
    outcome = await attack.report(attack.chart(template))
    assert outcome.reason is Reason.RIGHTS_MISSING, outcome
    assert "must not `list` secrets in the whole cluster" in outcome.message


@pytest.mark.parametrize("kind", ["ConfigMap", "Secret"])
async def test_a_chart_creates_nothing_in_another_namespace(attack: Attack, kind: str) -> None:
    """Finding S1: a manifest with another `metadata.namespace` was created there."""
    template = f"apiVersion: v1\nkind: {kind}\nmetadata: {{name: planted, namespace: {VICTIM}}}\n"
    assert_refused(await attack.report(attack.chart(template)), f"{kind.lower()}s 'planted'")
    with pytest.raises(LabError, match="not found"):
        attack.plane.kubectl("-n", VICTIM, "get", kind, "planted")


@pytest.mark.parametrize("name", CANARIES)
async def test_a_hook_neither_replaces_nor_deletes_what_another_registry_has(attack: Attack, name: str) -> None:
    """Finding S1: Helm creates and deletes hooks without asking whose object of that name exists."""
    outcome = await attack.report(attack.chart(json.dumps(canary(name, HOOK))))
    assert_refused(outcome, f"'{CANARIES[name][2]}'")
    assert attack.changed() == []


async def test_an_upgrade_deletes_nothing_that_a_changed_release_secret_lists(attack: Attack) -> None:
    """Finding S1b: an upgrade deletes what the stored manifest has and the new one has not.

    Helm takes what it cannot read for gone, so that the upgrade succeeds: nothing is left to report.
    """
    chart = attack.chart("")
    await attack.site.reconcile(chart)
    listed = "".join(f"\n---\n{json.dumps(canary(name))}" for name in CANARIES)
    attack.tamper(manifest=listed, namespace=VICTIM)
    await attack.report(chart, {"logLevel": "warning"})
    assert await attack.site.statuses() == ["superseded", "deployed"]
    assert attack.changed() == []


async def test_an_uninstall_deletes_nothing_that_a_changed_release_secret_lists(attack: Attack) -> None:
    """Finding S1b: an uninstall deletes what the stored manifest lists and the stored namespace owns.

    Helm skips objects that it cannot read, so that the uninstall succeeds: nothing is left to report.
    """
    await attack.site.reconcile(attack.chart(""))
    listed = "".join(f"\n---\n{json.dumps(canary(name))}" for name in CANARIES)
    attack.tamper(manifest=listed, namespace=VICTIM)
    await uninstall(attack)
    assert await attack.site.statuses() == []
    assert attack.changed() == []


async def test_an_uninstall_runs_no_stored_hook_against_another_namespace(attack: Attack) -> None:
    """Finding S1b: hooks of a stored release ran with the operator's rights at the uninstall."""
    await attack.site.reconcile(attack.chart(""))
    hook = {
        "name": "hook",
        "kind": "Secret",
        "path": "harbor/templates/hook.yaml",
        "manifest": json.dumps(canary("secret")),
        "events": ["pre-delete"],
        "delete_policies": ["before-hook-creation", "hook-succeeded"],
    }
    attack.tamper(hooks=[hook])
    await uninstall(attack)
    assert_refused(await attack.site.step.teardown(registry()), "secrets 'hreg-cr-pins'")
    assert attack.changed() == []


async def uninstall(attack: Attack) -> None:
    outcome = await attack.site.step.teardown(registry())
    assert outcome.reason is Reason.RELEASE_UNINSTALLING, outcome
    await ended(attack.site.helm, "cr")


async def test_without_the_account_helm_does_not_run(attack: Attack) -> None:
    """Finding S1: there is no way back to the operator's identity."""
    attack.plane.kubectl("-n", NAMESPACE, "delete", "serviceaccount", "harbor-release")
    with pytest.raises(Refused, match=f"`kubectl -n {NAMESPACE} create serviceaccount harbor-release`") as caught:
        await attack.site.reconcile(attack.chart(""))
    assert caught.value.reason is Reason.RELEASE_SERVICE_ACCOUNT_MISSING
    assert await attack.site.statuses() == []


async def test_an_account_that_was_not_opened_to_the_operator_is_out_of_reach(attack: Attack) -> None:
    """Finding S1: a spec cannot name a stronger account of its namespace; the message has the commands that work."""
    account = {"name": "strong", "namespace": NAMESPACE}
    attack.plane.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account})
    spec = {"version": "1.19.1", "chart": attack.chart(""), "serviceAccountName": "strong"}
    strong = registry(release=spec)
    with pytest.raises(Refused, match="must not issue a token of ServiceAccount 'strong'") as caught:
        await attack.site.step.reconcile(strong)
    assert caught.value.reason is Reason.RIGHTS_MISSING
    commands = [part for part in str(caught.value).split("`") if part.startswith("kubectl ")]
    assert len(commands) == 2
    for command in commands:
        attack.plane.kubectl(*command.split()[1:])
    outcome = await attack.site.step.reconcile(strong)
    assert outcome.reason is Reason.RELEASE_INSTALLING, outcome
    await ended(attack.site.helm, "cr")
    outcome = await attack.site.step.reconcile(strong)
    assert outcome.reason is Reason.RIGHTS_MISSING
    assert f"ServiceAccount '{NAMESPACE}/strong' must not" in outcome.message
    assert f"--serviceaccount={NAMESPACE}:strong`" in outcome.message


async def test_the_operator_itself_creates_no_workload(attack: Attack) -> None:
    """Finding S1: what the operator is not allowed to do, no defect of it can do."""
    operator = attack.plane.kubeconfig_for_service_account(OPERATOR, OPERATOR)
    for resource in ("deployments", "statefulsets", "jobs", "pods", "services", "configmaps", "serviceaccounts"):
        with pytest.raises(LabError, match=r"ended with status 1: *$"):
            attack.plane.kubectl("auth", "can-i", "create", resource, "-n", NAMESPACE, kubeconfig=operator)


async def test_a_release_is_made_under_the_shipped_rights(attack: Attack) -> None:
    outcome = await attack.report(attack.chart(""))
    assert outcome.reason is Reason.WORKLOADS_NOT_READY, outcome
