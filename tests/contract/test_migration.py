"""`migrate` on a real API server: the objects that other injectors leave, the command, then the operator's injector."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr
from typing_extensions import override

from harbor_operator.adapters.kube_api import ApiError, NotFound, RequestBody
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kube_migration import KubernetesMigrationApi
from harbor_operator.adapters.kube_pull_secrets import KubernetesPullSecretApi
from harbor_operator.adapters.kube_resources import KubernetesNamespaceResources
from harbor_operator.adapters.reflector import WatchOptions
from harbor_operator.api.v1alpha1 import ConflictPolicy, HarborRegistry
from harbor_operator.cli import main
from harbor_operator.migration.migrator import MigrationRequest, Migrator
from harbor_operator.model.harbor import Login
from harbor_operator.model.injection import Claim, DesiredInjection
from harbor_operator.model.migration import AdoptSecret, DeleteDouble, StepResult, Tool
from harbor_operator.plan import names
from harbor_operator.plan.migration import target_of
from harbor_operator.plan.pull_secrets import docker_config
from harbor_operator.steps.accepted_login import AcceptedLogin
from lab.controlplane import ControlPlane
from lab.operator import USER
from tests.contract.injection import CHOSEN, SELECTION, create, is_injected, references, remove, running, until
from tests.fakes.other_injectors import deployment, left_by, pull_secret
from tests.unit.injector.fixture import NAME

pytestmark = pytest.mark.lab

HOST = "cr.example.com"
REGISTRY_NAMESPACE = "migrate-registry"
KEY = f"{REGISTRY_NAMESPACE}/cr"
DOUBLE = "regcred-registrycreds"
LOGIN = Login("puller", SecretStr("New-Password-1"))
IN_PLACE = [Tool.TITANSOFT, Tool.TAMCORE, Tool.CLUSTERSECRET, Tool.REFLECTOR, Tool.KYVERNO]

Manifest = dict[str, Any]


@pytest.fixture
async def registry(plane: ControlPlane, http: KubernetesClient) -> AsyncIterator[HarborRegistry]:
    """A HarborRegistry whose login Harbor has accepted; no operator reconciles it."""
    spec = {
        "externalURL": f"https://{HOST}",
        "pullSecrets": {
            "credential": {"secretRef": {"name": "puller"}},
            "namespaces": {"selector": {"matchLabels": CHOSEN}},
        },
    }
    metadata = {"name": "cr", "namespace": REGISTRY_NAMESPACE}
    login = {"username": LOGIN.username, "password": LOGIN.password.get_secret_value()}
    plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": REGISTRY_NAMESPACE}})
    plane.apply(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {**metadata, "name": "puller"}, "stringData": login},
        {"apiVersion": "harbor-operator.io/v1alpha1", "kind": "HarborRegistry", "metadata": metadata, "spec": spec},
    )
    body = await get(http, f"/apis/harbor-operator.io/v1alpha1/namespaces/{REGISTRY_NAMESPACE}/harborregistries/cr")
    found = HarborRegistry.parse(body)
    await AcceptedLogin(KubernetesNamespaceResources(http)).record(found, LOGIN)
    yield found
    plane.kubectl("-n", REGISTRY_NAMESPACE, "delete", "hreg,secret", "--all")


async def get(http: KubernetesClient, path: str) -> Manifest:
    answer = await http.request("GET", path)
    assert not isinstance(answer, ApiError), answer
    return answer


async def secret(http: KubernetesClient, namespace: str, name: str = NAME) -> Manifest:
    return await get(http, f"/api/v1/namespaces/{namespace}/secrets/{name}")


async def refer(http: KubernetesClient, namespace: str, *secrets: str) -> None:
    """Sets `imagePullSecrets` of the default service account, as another injector does."""
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/default"
    async with asyncio.timeout(60):
        while isinstance(await http.request("GET", path), ApiError):  # noqa: ASYNC110 - the controller manager creates it
            await asyncio.sleep(0.05)
    patch = RequestBody.merge_patch({"imagePullSecrets": [{"name": each} for each in secrets]})
    assert not isinstance(await http.request("PATCH", path, body=patch), ApiError)


def injection(registry: HarborRegistry) -> DesiredInjection:
    """What the operator declares for the registry."""
    claim = Claim(registry.metadata.uid, NAME, ("default",), registry.key)
    return DesiredInjection(claim, registry.key, SELECTION, ConflictPolicy.REFUSE, docker_config(registry, LOGIN))


class Command:
    """Runs the command line as a user does, and reads its JSON."""

    def __init__(self, plane: ControlPlane, capsys: pytest.CaptureFixture[str]) -> None:
        self._plane = plane
        self._capsys = capsys

    async def __call__(self, tool: Tool, *options: str, code: int = 0) -> Manifest:
        arguments = ["migrate", "--from", tool, "--registry", KEY, "--kubeconfig", str(self._plane.kubeconfig)]
        assert await asyncio.to_thread(main, [*arguments, "-o", "json", *options]) == code
        report: Manifest = json.loads(self._capsys.readouterr().out)
        return report


@pytest.fixture
def migrate(plane: ControlPlane, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(plane, capsys)


def actions(report: Manifest) -> list[tuple[str, str, str, str]]:
    return [(step["namespace"], step["name"], step["action"], step["result"]) for step in report["steps"]]


async def test_secrets_are_adopted_in_place_and_the_operator_writes_nothing_more(
    plane: ControlPlane, http: KubernetesClient, registry: HarborRegistry, migrate: Command
) -> None:
    namespaces = {tool: f"adopt-{tool}" for tool in IN_PLACE}
    await create(http, *namespaces.values(), "adopt-foreign")
    plane.apply(*(left_by(tool, namespace, NAME, HOST) for tool, namespace in namespaces.items()))
    plane.apply(pull_secret("adopt-foreign", NAME, HOST))
    before = {namespace: await secret(http, namespace) for namespace in (*namespaces.values(), "adopt-foreign")}
    for namespace in namespaces.values():
        await refer(http, namespace, "theirs", NAME)
    for tool, namespace in namespaces.items():
        assert (namespace, NAME, "adopt", "planned") in actions(await migrate(tool))
        assert await secret(http, namespace) == before[namespace]
        assert actions(await migrate(tool, "--apply")) == [(namespace, NAME, "adopt", "done")]
        assert actions(await migrate(tool, "--apply")) == []
        adopted = await secret(http, namespace)
        assert adopted["metadata"]["uid"] == before[namespace]["metadata"]["uid"]
        assert adopted["metadata"]["labels"] == {
            names.MANAGED_BY: names.FIELD_MANAGER,
            names.REGISTRY_UID: registry.metadata.uid,
        }
        assert adopted["metadata"]["annotations"] == {names.REGISTRY_KEY: KEY, names.ADOPTED: "true"}
    async with running(plane) as injector:
        mark = plane.audit.mark()
        desired = injection(registry)
        injector.declare(desired)
        # The foreign Secret stays; the other namespaces need no write.
        await until(lambda: (facts := injector.read(desired.claim)) is not None and facts.ready == len(IN_PLACE))
        assert plane.audit.writes_since(mark, user=USER) == []
    assert await secret(http, "adopt-foreign") == before["adopt-foreign"]
    for namespace in namespaces.values():
        assert await references(http, namespace) == ("theirs", NAME)
    await remove(http, *namespaces.values(), "adopt-foreign")


async def test_without_an_accepted_login_only_the_marks_change(
    plane: ControlPlane, http: KubernetesClient, registry: HarborRegistry, migrate: Command
) -> None:
    plane.kubectl("-n", REGISTRY_NAMESPACE, "delete", "secret", names.accepted_login_secret(registry))
    await create(http, "marks-only")
    plane.apply(left_by(Tool.TAMCORE, "marks-only", NAME, HOST))
    await refer(http, "marks-only", NAME)
    before = await secret(http, "marks-only")
    assert actions(await migrate(Tool.TAMCORE, "--apply")) == [("marks-only", NAME, "adopt", "done")]
    after = await secret(http, "marks-only")
    assert (after["data"], after["metadata"]["uid"]) == (before["data"], before["metadata"]["uid"])
    async with running(plane) as injector:
        mark = plane.audit.mark()
        desired = injection(registry)
        injector.declare(desired)
        await until(is_injected(injector, 1, desired.claim))
        (write,) = plane.audit.writes_since(mark, user=USER)
        assert (write.verb, write.resource) == ("patch", "secrets")
    written = await secret(http, "marks-only")
    assert written["metadata"]["uid"] == before["metadata"]["uid"]
    assert written["data"] != before["data"]
    await remove(http, "marks-only")


async def test_a_double_goes_when_nothing_refers_to_it(
    plane: ControlPlane, http: KubernetesClient, registry: HarborRegistry, migrate: Command
) -> None:
    await create(http, "double", "double-hub")
    plane.apply(left_by(Tool.REGISTRY_CREDS, "double", DOUBLE, f"https://{HOST}/v2/"))
    plane.apply(left_by(Tool.REGISTRY_CREDS, "double-hub", DOUBLE, HOST, "https://index.docker.io/v1/"))
    plane.apply(pull_secret("double", "foreign-registrycreds", HOST))
    for namespace in ("double", "double-hub"):
        await refer(http, namespace, "theirs", DOUBLE)
    first = await migrate(Tool.REGISTRY_CREDS, "--remove-doubles", "--apply")
    assert [step["action"] for step in first["steps"]] == ["keep", "keep"]
    pod = {"containers": [{"name": "main", "image": HOST}], "imagePullSecrets": [{"name": DOUBLE}]}
    metadata = {"name": "web", "namespace": "double"}
    plane.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod})
    async with running(plane) as injector:
        desired = injection(registry)
        injector.declare(desired)
        await until(is_injected(injector, 2, desired.claim))
        mark = plane.audit.mark()
        assert await references(http, "double") == ("theirs", DOUBLE, NAME)
        assert {step["action"] for step in (await migrate(Tool.REGISTRY_CREDS))["steps"]} == {"keep"}
        second = await migrate(Tool.REGISTRY_CREDS, "--remove-doubles", "--apply")
        assert actions(second) == [
            ("double", "default", "remove reference", "done"),
            ("double", DOUBLE, "keep", "planned"),
            ("double-hub", DOUBLE, "keep", "planned"),
        ]
        assert "pod 'web' refers to it" in second["steps"][1]["why"]
        assert "no login for 'docker.io'" in second["steps"][2]["why"]
        assert await references(http, "double") == ("theirs", NAME)
        plane.kubectl("-n", "double", "delete", "pod", "web", "--grace-period=0", "--force")
        third = await migrate(Tool.REGISTRY_CREDS, "--remove-doubles", "--apply")
        assert ("double", DOUBLE, "delete", "done") in actions(third)
        assert actions(await migrate(Tool.REGISTRY_CREDS, "--remove-doubles", "--apply")) == [
            ("double-hub", DOUBLE, "keep", "planned")
        ]
        await until(is_injected(injector, 2, desired.claim))
        assert plane.audit.writes_since(mark, user=USER) == []
    assert isinstance(await http.request("GET", f"/api/v1/namespaces/double/secrets/{DOUBLE}"), NotFound)
    assert await secret(http, "double", "foreign-registrycreds")
    assert await secret(http, "double-hub", DOUBLE)
    assert await references(http, "double-hub") == ("theirs", DOUBLE, NAME)
    await remove(http, "double", "double-hub")


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
    plane: ControlPlane, http: KubernetesClient, registry: HarborRegistry, migrate: Command
) -> None:
    await create(http, "still-running")
    plane.apply(left_by(Tool.TAMCORE, "still-running", NAME, HOST))
    plane.apply(deployment("still-running", "patcher", "ghcr.io/tamcore/imagepullsecret-patcher:v0.4.0"))
    (warning,) = (await migrate(Tool.TAMCORE))["warnings"]
    assert "'still-running/patcher'" in warning
    plane.kubectl("-n", "still-running", "scale", "deployment", "patcher", "--replicas=0")
    assert (await migrate(Tool.TAMCORE))["warnings"] == []
    section = registry.spec.pull_secrets
    assert section is not None
    request = MigrationRequest(Tool.TAMCORE, target_of(registry, section, b""), None)
    accounts = KubernetesPullSecretApi(http, WatchOptions(lambda: 0.0))
    report = await Migrator(RewritingTool(http), accounts, request).apply()
    assert [each.result for each in report.steps] == [StepResult.REVERTED]
    assert not report.is_complete
    assert "has written 1 adopted Secrets again" in report.warnings[0]
    await remove(http, "still-running")
