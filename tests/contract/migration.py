"""A HarborRegistry that takes over, the command line, and the objects of the namespaces, on a real API server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import SecretStr

from harbor_operator.adapters.kube_api import ApiError, RequestBody
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kube_resources import KubernetesNamespaceResources
from harbor_operator.api.v1alpha1 import ConflictPolicy, HarborRegistry
from harbor_operator.cli import main
from harbor_operator.model.harbor import Login
from harbor_operator.model.injection import Claim, DesiredInjection
from harbor_operator.model.migration import Tool
from harbor_operator.plan.pull_secrets import docker_config
from harbor_operator.steps.accepted_login import AcceptedLogin
from lab.controlplane import ControlPlane
from lab.process import scaled
from tests.contract.injection import CHOSEN, SELECTION
from tests.unit.injector.fixture import NAME

HOST = "cr.example.com"
REGISTRY_NAMESPACE = "migrate-registry"
KEY = f"{REGISTRY_NAMESPACE}/cr"
DOUBLE = "regcred-registrycreds"
LOGIN = Login("puller", SecretStr("New-Password-1"))

Manifest = dict[str, Any]


@asynccontextmanager
async def accepted_registry(plane: ControlPlane, http: KubernetesClient) -> AsyncIterator[HarborRegistry]:
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
    async with asyncio.timeout(scaled(60)):
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


def actions(report: Manifest) -> list[tuple[str, str, str, str]]:
    return [(step["namespace"], step["name"], step["action"], step["result"]) for step in report["steps"]]
