"""`migrate` on a real API server: the objects that other injectors leave, the command, then the operator's injector."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harbor_operator.adapters.kube_api import NotFound
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kube_migration import KubernetesMigrationApi
from harbor_operator.adapters.kube_pull_secrets import KubernetesPullSecretApi
from harbor_operator.adapters.reflector import WatchOptions
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.migration.migrator import MigrationRequest, Migrator
from harbor_operator.model.migration import Tool
from harbor_operator.plan import names
from harbor_operator.plan.migration import target_of
from lab.controlplane import ControlPlane
from lab.operator import USER
from tests.contract.injection import create, is_injected, references, remove, running, until
from tests.contract.migration import (
    DOUBLE,
    HOST,
    KEY,
    REGISTRY_NAMESPACE,
    Command,
    actions,
    injection,
    refer,
    secret,
)
from tests.fakes.other_injectors import left_by, pull_secret
from tests.unit.injector.fixture import NAME

pytestmark = pytest.mark.lab

IN_PLACE = [Tool.TITANSOFT, Tool.TAMCORE, Tool.CLUSTERSECRET, Tool.REFLECTOR, Tool.KYVERNO]


async def test_secrets_are_adopted_in_place_and_the_operator_writes_nothing_more(
    plane: ControlPlane, http: KubernetesClient, target: HarborRegistry, migrate: Command
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
            names.REGISTRY_UID: target.metadata.uid,
        }
        assert adopted["metadata"]["annotations"] == {names.REGISTRY_KEY: KEY, names.ADOPTED: "true"}
    async with running(plane) as injector:
        mark = plane.audit.mark()
        desired = injection(target)
        injector.declare(desired)
        # The foreign Secret stays; the other namespaces need no write.
        await until(lambda: (facts := injector.read(desired.claim)) is not None and facts.ready == len(IN_PLACE))
        assert plane.audit.writes_since(mark, user=USER) == []
    assert await secret(http, "adopt-foreign") == before["adopt-foreign"]
    for namespace in namespaces.values():
        assert await references(http, namespace) == ("theirs", NAME)
    await remove(http, *namespaces.values(), "adopt-foreign")


async def test_without_an_accepted_login_only_the_marks_change(
    plane: ControlPlane, http: KubernetesClient, target: HarborRegistry, migrate: Command
) -> None:
    plane.kubectl("-n", REGISTRY_NAMESPACE, "delete", "secret", names.accepted_login_secret(target))
    await create(http, "marks-only")
    plane.apply(left_by(Tool.TAMCORE, "marks-only", NAME, HOST))
    await refer(http, "marks-only", NAME)
    before = await secret(http, "marks-only")
    assert actions(await migrate(Tool.TAMCORE, "--apply")) == [("marks-only", NAME, "adopt", "done")]
    after = await secret(http, "marks-only")
    assert (after["data"], after["metadata"]["uid"]) == (before["data"], before["metadata"]["uid"])
    async with running(plane) as injector:
        mark = plane.audit.mark()
        desired = injection(target)
        injector.declare(desired)
        await until(is_injected(injector, 1, desired.claim))
        (write,) = plane.audit.writes_since(mark, user=USER)
        assert (write.verb, write.resource) == ("patch", "secrets")
    written = await secret(http, "marks-only")
    assert written["metadata"]["uid"] == before["metadata"]["uid"]
    assert written["data"] != before["data"]
    await remove(http, "marks-only")


async def test_a_double_goes_when_nothing_refers_to_it(
    plane: ControlPlane, http: KubernetesClient, target: HarborRegistry, migrate: Command
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
        desired = injection(target)
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


async def test_an_adopted_secret_no_longer_has_the_owner_that_would_delete_it(
    plane: ControlPlane, http: KubernetesClient, target: HarborRegistry
) -> None:
    await create(http, "owned")
    plane.apply(left_by(Tool.REGISTRY_CREDS, "owned", DOUBLE, HOST))
    before = await secret(http, "owned", DOUBLE)
    assert before["metadata"]["ownerReferences"]
    section = target.spec.pull_secrets
    assert section is not None
    takes_over = replace(target_of(target, section, b""), secret_name=DOUBLE)
    request = MigrationRequest(Tool.REGISTRY_CREDS, takes_over, None)
    accounts = KubernetesPullSecretApi(http, WatchOptions(lambda: 0.0))
    report = await Migrator(KubernetesMigrationApi(http), accounts, request, print).apply()
    assert report.is_complete
    after = await secret(http, "owned", DOUBLE)
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["data"] == before["data"]
    assert "ownerReferences" not in after["metadata"]
    assert after["metadata"]["labels"][names.REGISTRY_UID] == target.metadata.uid
    await remove(http, "owned")
