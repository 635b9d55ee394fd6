"""The status of a registry by server-side apply on a real API server, and the Events about it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from harbor_operator.adapters.event_recorder import EventRecorder
from harbor_operator.adapters.kube_api import ResourceRef
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.registry_status import KubernetesRegistryStatusApi
from harbor_operator.api.v1alpha1 import Metadata
from lab.controlplane import ControlPlane
from lab.registries import Registry

LEASE = ResourceRef("coordination.k8s.io/v1", "leases", "harbor-operator", "harbor-operator")
NOON = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def condition(kind: str, status: str = "True") -> dict[str, Any]:
    return {
        "type": kind,
        "status": status,
        "reason": "Converged",
        "message": "ok",
        "observedGeneration": 1,
        "lastTransitionTime": "2026-01-01T12:00:00Z",
    }


def status(*kinds: str) -> dict[str, Any]:
    return {"observedGeneration": 1, "conditions": [condition(kind) for kind in kinds]}


@pytest.fixture
def registry(plane: ControlPlane, request: pytest.FixtureRequest) -> Registry:
    registry = Registry(plane, "default", request.node.name.replace("_", "-")[:50].strip("-"))
    registry.apply({"externalURL": "https://cr.example.com"})
    return registry


@pytest.fixture
def registries(http: KubernetesClient) -> KubernetesRegistryStatusApi:
    return KubernetesRegistryStatusApi(http, EventRecorder(http, lambda: NOON, "operator-0"), LEASE)


def identity(registry: Registry) -> Metadata:
    return Metadata.parse(registry.read()["metadata"])


def test_a_new_registry_has_not_been_observed(registry: Registry) -> None:
    assert registry.status() == {"observedGeneration": -1}


async def test_conditions_of_other_field_managers_stay(
    plane: ControlPlane, registry: Registry, registries: KubernetesRegistryStatusApi
) -> None:
    await registries.write_status(identity(registry), status("Ready", "Stalled"))
    foreign = {"status": {"conditions": [condition("Backup")]}}
    kind = {"apiVersion": "harbor-operator.io/v1alpha1", "kind": "HarborRegistry"}
    manifest = json.dumps({**kind, "metadata": {"name": registry.name, "namespace": "default"}, **foreign})
    apply = ("apply", "--server-side", "--subresource=status", "--field-manager=backup", "-f", "-")
    plane.kubectl(*apply, input=manifest)
    await registries.write_status(identity(registry), status("Ready"))
    assert {item["type"] for item in registry.status()["conditions"]} == {"Ready", "Backup"}


async def test_an_equal_status_makes_no_new_version(
    registry: Registry, registries: KubernetesRegistryStatusApi
) -> None:
    await registries.write_status(identity(registry), status("Ready"))
    before = registry.read()["metadata"]["resourceVersion"]
    await registries.write_status(identity(registry), status("Ready"))
    assert registry.read()["metadata"]["resourceVersion"] == before
    assert registry.read()["metadata"]["generation"] == 1


async def test_a_deleted_registry_is_no_error_and_is_not_created(
    registry: Registry, registries: KubernetesRegistryStatusApi
) -> None:
    metadata = identity(registry)
    registry.delete()
    await registries.write_status(metadata, status("Ready"))
    assert registry.is_gone()


async def test_an_event_is_shown_beside_the_registry(
    plane: ControlPlane, registry: Registry, registries: KubernetesRegistryStatusApi
) -> None:
    await registries.post_event(identity(registry), "Warning", "CacheIsCluster", "MOVED")
    assert "CacheIsCluster" in plane.kubectl("describe", "hreg", registry.name)


async def test_an_event_outside_of_the_namespace_names_the_registry(
    plane: ControlPlane, registry: Registry, registries: KubernetesRegistryStatusApi
) -> None:
    """Finding R2: in a terminating namespace no Event can be created."""
    await registries.post_operator_event(identity(registry), "Warning", "Abandoned", "robot 'x' can remain")
    found = json.loads(plane.kubectl("-n", "harbor-operator", "get", "events", "-o", "json"))["items"]
    text = f"HarborRegistry 'default/{registry.name}': robot 'x' can remain"
    (event,) = [item for item in found if item["message"] == text]
    assert (event["type"], event["reason"], event["involvedObject"]["kind"]) == ("Warning", "Abandoned", "Lease")


async def test_a_namespace_is_terminating_from_its_deletion_on(
    plane: ControlPlane, registries: KubernetesRegistryStatusApi
) -> None:
    """Finding R2: the operator asks with a list, because its role has no `get` on namespaces."""
    assert not await registries.is_namespace_terminating("default")
    plane.kubectl("create", "namespace", "t-ending")
    metadata = {"name": "held", "namespace": "t-ending", "finalizers": ["example.com/held"]}
    plane.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
    plane.kubectl("delete", "namespace", "t-ending", "--wait=false")
    assert await registries.is_namespace_terminating("t-ending")
    assert await registries.is_namespace_terminating("t-never-existed")
    plane.kubectl(
        "-n", "t-ending", "patch", "configmap", "held", "--type=merge", "-p", '{"metadata":{"finalizers":null}}'
    )


async def test_another_registry_of_the_same_name_is_not_read(
    registry: Registry, registries: KubernetesRegistryStatusApi
) -> None:
    """Finding R12: a teardown acts on the newest object, and never on its successor."""
    metadata = identity(registry)
    found = await registries.read(metadata)
    assert found is not None
    assert found["metadata"]["uid"] == metadata.uid
    assert await registries.read(metadata.model_copy(update={"uid": "another"})) is None
    assert await registries.read(metadata.model_copy(update={"name": "absent"})) is None
