"""The watch of Secrets on a real API server: names and versions, no contents, and a refusal without rights."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kubeconfig import from_kubeconfig
from harbor_operator.adapters.reflector import WatchOptions
from harbor_operator.adapters.secret_changes import KubernetesSecretChanges
from harbor_operator.model.kubernetes import SecretChange
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason
from lab.controlplane import ControlPlane
from lab.process import scaled

pytestmark = pytest.mark.lab

NAMESPACE = "secret-changes"
DEADLINE_SECONDS = 30.0


class SecretsFixture:
    """A namespace, and the changes that the watch yields."""

    def __init__(self, plane: ControlPlane, changes: AsyncGenerator[SecretChange, None]) -> None:
        self._plane = plane
        self._changes = changes

    def write(self, name: str, value: str) -> None:
        self._plane.apply(secret(name, value))

    def delete(self, name: str) -> None:
        self._plane.kubectl("delete", "secret", name, "-n", NAMESPACE)

    async def next(self) -> SecretChange:
        async with asyncio.timeout(scaled(DEADLINE_SECONDS)):
            return await anext(self._changes)

    def version(self, name: str) -> str:
        path = "jsonpath={.metadata.resourceVersion}"
        return self._plane.kubectl("get", "secret", name, "-n", NAMESPACE, "-o", path)


def secret(name: str, value: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"a": value}}


def watch(http: KubernetesClient) -> AsyncGenerator[SecretChange, None]:
    return KubernetesSecretChanges(http, WatchOptions(random=random.random)).changes(NAMESPACE)


@pytest.fixture
async def secrets(plane: ControlPlane, http: KubernetesClient) -> AsyncGenerator[SecretsFixture, None]:
    plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}, secret("given", "1"))
    changes = watch(http)
    yield SecretsFixture(plane, changes)
    await changes.aclose()
    plane.kubectl("delete", "secrets", "--all", "-n", NAMESPACE)


async def test_what_exists_comes_first_and_every_change_after_it(secrets: SecretsFixture) -> None:
    assert await secrets.next() == SecretChange(NAMESPACE, "given", secrets.version("given"))
    secrets.write("given", "2")
    assert await secrets.next() == SecretChange(NAMESPACE, "given", secrets.version("given"))
    secrets.write("another", "1")
    assert await secrets.next() == SecretChange(NAMESPACE, "another", secrets.version("another"))
    secrets.delete("given")
    assert await secrets.next() == SecretChange(NAMESPACE, "given", "")


async def test_without_rights_it_is_refused(plane: ControlPlane, secrets: SecretsFixture) -> None:
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "without-rights", "namespace": NAMESPACE},
    }
    plane.apply(account)
    info = from_kubeconfig(plane.kubeconfig_for_service_account(NAMESPACE, "without-rights"))
    async with KubernetesClient(info) as http:
        with pytest.raises(Refused) as caught:
            await anext(watch(http))
    assert caught.value.reason is Reason.RIGHTS_MISSING
