"""`migrate` beside other clients that write at the same time, on a real API server."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest
from pydantic import SecretStr
from typing_extensions import override

from harbor_operator.adapters.kube_api import ApiError, RequestBody
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kube_migration import KubernetesMigrationApi
from harbor_operator.adapters.kube_pull_secrets import KubernetesPullSecretApi
from harbor_operator.adapters.reflector import WatchOptions
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.cli import main
from harbor_operator.migration.migrator import MigrationRequest, Migrator
from harbor_operator.model.migration import AdoptSecret, DeleteDouble, MigrationAction, StepResult, Tool
from harbor_operator.model.namespace import ObservedServiceAccount
from harbor_operator.plan import names
from harbor_operator.plan.migration import target_of
from lab.controlplane import ControlPlane
from tests.contract.injection import create, references, remove
from tests.contract.migration import DOUBLE, HOST, REGISTRY_NAMESPACE, Command, refer, secret
from tests.fakes.other_injectors import deployment, left_by, pull_secret
from tests.unit.injector.fixture import NAME

pytestmark = pytest.mark.lab


async def test_a_write_needs_the_version_that_was_read(http: KubernetesClient, plane: ControlPlane) -> None:
    await create(http, "versions")
    plane.apply(left_by(Tool.TAMCORE, "versions", NAME, HOST))
    api = KubernetesMigrationApi(http)
    read = await api.read_secret("versions", NAME)
    assert read is not None
    uid, revision = read.metadata.uid, read.metadata.revision
    plane.kubectl("-n", "versions", "annotate", "secret", NAME, "example.com/changed=yes")
    adoption = AdoptSecret("versions", NAME, uid, revision, {"a": "b"}, {})
    assert not await api.adopt_secret(adoption, None)
    assert not await api.delete_secret(DeleteDouble("versions", NAME, uid, revision))
    changed = await api.read_secret("versions", NAME)
    assert changed is not None
    assert not await api.delete_secret(DeleteDouble("versions", NAME, "another-uid", changed.metadata.revision))
    assert await api.delete_secret(DeleteDouble("versions", NAME, uid, changed.metadata.revision))
    assert not await api.adopt_secret(replace(adoption, revision=changed.metadata.revision), None)
    await remove(http, "versions")


class RewritingTool(KubernetesMigrationApi):
    """A tool that still runs: it marks each Secret again right after its adoption."""

    def __init__(self, http: KubernetesClient) -> None:
        super().__init__(http)
        self._http = http

    @override
    async def adopt_secret(self, action: AdoptSecret, docker_config: SecretStr | None) -> bool:
        is_done = await super().adopt_secret(action, docker_config)
        marks = {"metadata": {"annotations": {"app.kubernetes.io/managed-by": "imagepullsecret-patcher"}}}
        path = f"/api/v1/namespaces/{action.namespace}/secrets/{action.name}"
        assert not isinstance(await self._http.request("PATCH", path, body=RequestBody.merge_patch(marks)), ApiError)
        return is_done


async def test_a_tool_that_still_runs_is_reported(
    plane: ControlPlane, http: KubernetesClient, target: HarborRegistry, migrate: Command
) -> None:
    await create(http, "still-running")
    plane.apply(left_by(Tool.TAMCORE, "still-running", NAME, HOST))
    plane.apply(deployment("still-running", "patcher", "ghcr.io/tamcore/imagepullsecret-patcher:v0.4.0"))
    (warning,) = (await migrate(Tool.TAMCORE))["warnings"]
    assert "'still-running/patcher'" in warning
    plane.kubectl("-n", "still-running", "scale", "deployment", "patcher", "--replicas=0")
    assert (await migrate(Tool.TAMCORE))["warnings"] == []
    section = target.spec.pull_secrets
    assert section is not None
    request = MigrationRequest(Tool.TAMCORE, target_of(target, section, b""), None)
    accounts = KubernetesPullSecretApi(http, WatchOptions(lambda: 0.0))
    shown: list[str] = []
    report = await Migrator(RewritingTool(http), accounts, request, shown.append).apply()
    assert tuple(shown) == report.warnings
    assert [each.result for each in report.steps] == [StepResult.REVERTED]
    assert not report.is_complete
    assert "has written 1 adopted Secrets again" in report.warnings[0]
    await remove(http, "still-running")


class BusyAccounts(KubernetesPullSecretApi):
    """Service accounts that another client changes between each read and write."""

    @override
    async def patch_account(self, wanted: ObservedServiceAccount) -> ObservedServiceAccount | None:
        return None


async def test_a_reference_that_was_not_removed_keeps_the_double(
    plane: ControlPlane, http: KubernetesClient, target: HarborRegistry
) -> None:
    await create(http, "busy")
    own = {names.MANAGED_BY: names.FIELD_MANAGER, names.REGISTRY_UID: target.metadata.uid}
    plane.apply(left_by(Tool.REGISTRY_CREDS, "busy", DOUBLE, HOST), pull_secret("busy", NAME, HOST, labels=own))
    await refer(http, "busy", DOUBLE, NAME)
    section = target.spec.pull_secrets
    assert section is not None
    request = MigrationRequest(Tool.REGISTRY_CREDS, target_of(target, section, b""), None, remove_doubles=True)
    accounts = BusyAccounts(http, WatchOptions(lambda: 0.0))
    report = await Migrator(KubernetesMigrationApi(http), accounts, request, print).apply()
    # A namespace of another test can still be terminating.
    assert [(each.step.action, each.result) for each in report.steps if each.step.namespace == "busy"] == [
        (MigrationAction.REMOVE_REFERENCE, StepResult.CHANGED),
        (MigrationAction.DELETE, StepResult.CHANGED),
    ]
    assert not report.is_complete
    assert await secret(http, "busy", DOUBLE)
    assert await references(http, "busy") == (DOUBLE, NAME)
    await remove(http, "busy")


@pytest.mark.parametrize(
    ("registry_key", "text"), [("nowhere/cr", "does not exist"), (f"{REGISTRY_NAMESPACE}/blocked", "must not inject")]
)
async def test_a_registry_that_cannot_take_over_is_refused(
    plane: ControlPlane,
    target: HarborRegistry,
    capsys: pytest.CaptureFixture[str],
    registry_key: str,
    text: str,
) -> None:
    metadata = {"name": "blocked", "namespace": REGISTRY_NAMESPACE}
    spec = {"externalURL": f"https://{HOST}", "pullSecrets": {"credential": {"robot": {}}}}
    plane.apply(
        {"apiVersion": "harbor-operator.io/v1alpha1", "kind": "HarborRegistry", "metadata": metadata, "spec": spec}
    )
    condition = {
        "type": "PullSecretsReady",
        "status": "False",
        "reason": "InjectionNotGranted",
        "message": "",
        "observedGeneration": 1,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    patch = json.dumps({"status": {"conditions": [condition]}})
    arguments = ["-n", REGISTRY_NAMESPACE, "patch", "hreg", "blocked", "--subresource=status", "--type=merge"]
    plane.kubectl(*arguments, "-p", patch)
    command = ["migrate", "--from", "tamcore", "--registry", registry_key, "--kubeconfig", str(plane.kubeconfig)]
    assert await asyncio.to_thread(main, [*command, "--apply"]) == 1
    assert text in capsys.readouterr().err
