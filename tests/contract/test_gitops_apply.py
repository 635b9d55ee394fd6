"""What an apply from Git does to the reference of the operator: docs/operations.md describes the same cases."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kube_pull_secrets import KubernetesPullSecretApi
from harbor_operator.adapters.reflector import WatchOptions
from harbor_operator.model.namespace import ObservedServiceAccount
from harbor_operator.plan import names
from lab.controlplane import ControlPlane
from lab.kubernetes_client import Manifest

pytestmark = pytest.mark.lab

NAMESPACE = "from-git"
CLIENT_SIDE: tuple[str, ...] = ()
SERVER_SIDE = ("--server-side", "--force-conflicts", "--field-manager=gitops")


@pytest.fixture
def namespace(plane: ControlPlane) -> Iterator[str]:
    plane.kubectl("create", "namespace", NAMESPACE)
    yield NAMESPACE
    plane.kubectl("delete", "namespace", NAMESPACE)


def apply(plane: ControlPlane, mode: tuple[str, ...], *references: str) -> None:
    """Applies the account as a GitOps tool does, with these references in Git."""
    account: Manifest = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "app", "namespace": NAMESPACE, "labels": {"team": "a"}},
    }
    if references:
        account["imagePullSecrets"] = [{"name": name} for name in references]
    plane.kubectl("apply", *mode, "-f", "-", input=json.dumps(account))


def read(plane: ControlPlane) -> Manifest:
    found = plane.client.read(f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/app")
    assert found is not None
    return found


def references(plane: ControlPlane) -> list[str]:
    return [entry["name"] for entry in read(plane).get("imagePullSecrets", [])]


async def attach(plane: ControlPlane, http: KubernetesClient) -> None:
    """Adds the reference with the write of the operator."""
    found = read(plane)["metadata"]["resourceVersion"]
    wanted = (*references(plane), "harbor-pull")
    account = ObservedServiceAccount(NAMESPACE, "app", int(found), wanted, ("harbor-pull",))
    assert await KubernetesPullSecretApi(http, WatchOptions(lambda: 0.5)).patch_account(account)


@pytest.mark.usefixtures("namespace")
@pytest.mark.parametrize("mode", [CLIENT_SIDE, SERVER_SIDE], ids=["client-side", "server-side"])
@pytest.mark.parametrize(
    ("in_git", "left"),
    [
        ((), ["harbor-pull"]),
        (("theirs",), ["theirs"]),
        (("harbor-pull", "theirs"), ["harbor-pull", "theirs"]),
    ],
)
async def test_an_apply_removes_the_reference_only_if_git_has_the_list_without_it(
    plane: ControlPlane, http: KubernetesClient, mode: tuple[str, ...], in_git: tuple[str, ...], left: list[str]
) -> None:
    apply(plane, mode, *in_git)
    if "harbor-pull" not in in_git:
        await attach(plane, http)
        assert read(plane)["metadata"]["annotations"][names.ATTACHED] == "harbor-pull"
    apply(plane, mode, *in_git)
    assert references(plane) == left
    assert (names.ATTACHED in read(plane)["metadata"].get("annotations", {})) == ("harbor-pull" not in in_git)
