"""The port NamespaceResources: the same cases against the fake and a real API server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from pydantic import SecretStr

from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kube_resources import KubernetesNamespaceResources
from harbor_operator.adapters.kubeconfig import from_kubeconfig
from harbor_operator.model.kubernetes import Manifest, StoredSecret
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.reasons import Reason
from lab.controlplane import ControlPlane
from lab.process import scaled
from tests.fakes.kube import FakeKube

OWNER = {"app.kubernetes.io/managed-by": "harbor-operator", "harbor-operator.io/registry-name": "cr"}
NAMESPACE = "default"


@pytest.fixture(params=["fake", "real"])
async def kube(request: pytest.FixtureRequest) -> AsyncIterator[NamespaceResources]:
    if request.param == "fake":
        yield FakeKube()
        return
    plane = request.getfixturevalue("plane")
    async with KubernetesClient(from_kubeconfig(plane.kubeconfig)) as http:
        yield KubernetesNamespaceResources(http)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A Secret name of the test's own."""
    return "s-" + "".join(c if c.isalnum() else "-" for c in request.node.name.lower()).strip("-")


def word(text: str) -> dict[str, SecretStr]:
    return {"password": SecretStr(text)}


def plain(secret: StoredSecret | None) -> dict[str, str]:
    assert secret is not None
    return {key: value.get_secret_value() for key, value in secret.values.items()}


async def test_a_missing_object_is_none(kube: NamespaceResources) -> None:
    assert await kube.read_secret(NAMESPACE, "absent") is None
    assert await kube.read_config_map(NAMESPACE, "absent") is None
    assert await kube.read_workloads(NAMESPACE, "release=absent") == []
    assert await kube.read_late_pods(NAMESPACE, "release=absent") == []


async def test_a_secret_is_created_once_and_then_only_read(kube: NamespaceResources, name: str) -> None:
    created = await kube.ensure_secret(NAMESPACE, name, lambda: word("first"), OWNER)
    again = await kube.ensure_secret(NAMESPACE, name, lambda: word("second"), OWNER)
    assert plain(created) == plain(again) == {"password": "first"}
    assert created.resource_version == again.resource_version
    assert created.labels == OWNER


async def test_keys_that_are_missing_are_added(kube: NamespaceResources, name: str) -> None:
    await kube.ensure_secret(NAMESPACE, name, lambda: word("first"), OWNER)
    both = {**word("second"), "username": SecretStr("cr")}
    grown = await kube.ensure_secret(NAMESPACE, name, lambda: both, OWNER)
    assert plain(grown) == {"password": "first", "username": "cr"}


async def test_applying_writes_only_a_difference(kube: NamespaceResources, name: str) -> None:
    first = await kube.apply_secret(NAMESPACE, name, {**word("a"), "old": SecretStr("x")}, OWNER)
    same = await kube.apply_secret(NAMESPACE, name, {**word("a"), "old": SecretStr("x")}, OWNER)
    other = await kube.apply_secret(NAMESPACE, name, word("b"), OWNER)
    assert first.resource_version == same.resource_version != other.resource_version
    assert plain(await kube.read_secret(NAMESPACE, name)) == {"password": "b"}


async def test_a_secret_of_another_owner_is_refused_and_kept(kube: NamespaceResources, name: str) -> None:
    other = {"app.kubernetes.io/managed-by": "other"}
    await kube.apply_secret(NAMESPACE, name, word("theirs"), other)
    with pytest.raises(Refused) as refused:
        await kube.ensure_secret(NAMESPACE, name, lambda: word("ours"), OWNER)
    assert refused.value.reason == Reason.SECRET_INVALID
    assert name in str(refused.value)
    await kube.remove_secret(NAMESPACE, name, OWNER)
    assert plain(await kube.read_secret(NAMESPACE, name)) == {"password": "theirs"}


async def test_removing_succeeds_on_what_is_gone(kube: NamespaceResources, name: str) -> None:
    await kube.apply_secret(NAMESPACE, name, word("a"), OWNER)
    await kube.remove_secret(NAMESPACE, name, OWNER)
    await kube.remove_secret(NAMESPACE, name, OWNER)
    assert await kube.read_secret(NAMESPACE, name) is None


async def test_a_patch_is_locked_by_the_version(kube: NamespaceResources, name: str) -> None:
    before = await kube.apply_secret(NAMESPACE, name, word("a"), OWNER)
    patch: dict[str, Any] = {"metadata": {"labels": {"status": "failed"}}}
    await kube.patch_secret(NAMESPACE, name, patch, before.resource_version)
    found = await kube.read_secret(NAMESPACE, name)
    assert found is not None
    assert found.labels == {**OWNER, "status": "failed"}
    with pytest.raises(Unavailable):
        await kube.patch_secret(NAMESPACE, name, patch, before.resource_version)


async def test_the_content_has_a_date_of_its_own(kube: NamespaceResources, name: str) -> None:
    created = await kube.apply_secret(NAMESPACE, name, word("a"), OWNER)
    assert created.changed_at is not None
    assert (await kube.apply_secret(NAMESPACE, name, word("a"), OWNER)).changed_at == created.changed_at
    later, number = created, 0
    async with asyncio.timeout(scaled(30)):
        while later.changed_at == created.changed_at:  # the server dates writes with a resolution of one second
            number += 1
            later = await kube.apply_secret(NAMESPACE, name, word(str(number)), OWNER)
    assert later.changed_at is not None
    assert later.changed_at > created.changed_at


async def test_secrets_are_listed_by_label(kube: NamespaceResources, name: str) -> None:
    await kube.apply_secret(NAMESPACE, name, word("a"), {**OWNER, "case": name[:63]})
    assert [secret.name for secret in await kube.read_secrets(NAMESPACE, f"case={name[:63]}")] == [name]


async def test_a_secret_does_not_print(kube: NamespaceResources, name: str) -> None:
    assert "hunter2" not in repr(await kube.apply_secret(NAMESPACE, name, word("hunter2"), OWNER))


@pytest.mark.lab
async def test_a_pod_that_no_node_takes_is_named_with_its_workload(plane: ControlPlane, http: KubernetesClient) -> None:
    labels = {"release": "late"}
    pod = {"containers": [{"name": "core", "image": "core:1"}], "nodeSelector": {"kubernetes.io/hostname": "absent"}}
    plane.apply(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "late-core", "namespace": NAMESPACE},
            "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}},
        }
    )
    resources = KubernetesNamespaceResources(http)
    async with asyncio.timeout(scaled(60)):
        while not (late := await resources.read_late_pods(NAMESPACE, "release=late")) or not late[0].detail:  # noqa: ASYNC110 - nothing to wait for
            await asyncio.sleep(0.2)
    assert (late[0].workload, late[0].image, late[0].waits_for) == ("late-core", "core:1", "Unschedulable")
    assert late[0].name.startswith("late-core-")
    plane.kubectl("-n", NAMESPACE, "delete", "deployment", "late-core")


async def test_there_are_no_registries_yet(kube: NamespaceResources) -> None:
    async with asyncio.timeout(scaled(30)):
        assert await patiently(kube.read_registries) == []


async def patiently(ask: Callable[[], Awaitable[list[Manifest]]]) -> list[Manifest]:
    """Retries as the reconciler would: a server whose CRD is seconds old answers 429 until it is ready."""
    while True:
        try:
            return await ask()
        except Unavailable as error:
            await asyncio.sleep(error.retry_after or 0.2)


async def test_a_secret_gets_the_type_that_is_asked_for(kube: NamespaceResources, name: str) -> None:
    """Kubernetes cannot change a type, so a Secret of ours is created again; one of another owner stays."""
    config = {".dockerconfigjson": SecretStr('{"auths":{}}')}
    kind = "kubernetes.io/dockerconfigjson"
    made = await kube.apply_secret(NAMESPACE, name, config, OWNER, kind)
    same = await kube.apply_secret(NAMESPACE, name, config, OWNER, kind)
    assert (made.type, made.resource_version) == (kind, same.resource_version)
    assert (await kube.apply_secret(NAMESPACE, name, word("a"), OWNER)).type == "Opaque"
    found = await kube.read_secret(NAMESPACE, name)
    assert found is not None
    assert (found.type, plain(found)) == ("Opaque", {"password": "a"})
    with pytest.raises(Refused):
        await kube.apply_secret(NAMESPACE, name, config, {"app.kubernetes.io/managed-by": "other"}, kind)
    assert plain(await kube.read_secret(NAMESPACE, name)) == {"password": "a"}
