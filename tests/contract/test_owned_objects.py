"""The port OwnedObjects: the same cases against the fake and against a real API server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.owned_objects import KubernetesOwnedObjects
from harbor_operator.model.owned_objects import ObjectKind
from harbor_operator.ports import Refused
from harbor_operator.ports.owned_objects import OwnedObjects
from harbor_operator.reasons import Reason
from lab.controlplane import ControlPlane
from tests.fakes.owned_objects import FakeOwnedObjects

pytestmark = pytest.mark.lab

NAMESPACE = "t-owned"
CONFIG_MAP = ObjectKind("v1", "ConfigMap", "configmaps")
LIMIT = ObjectKind("v1", "LimitRange", "limitranges")
ABSENT = ObjectKind("absent.example.com/v1", "Absent", "absents")
OWNER = {"owner": "cr"}


@pytest.fixture(scope="module")
def namespace(plane: ControlPlane) -> Iterator[str]:
    plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    yield NAMESPACE
    plane.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


@pytest.fixture(params=["fake", "real"])
def objects(request: pytest.FixtureRequest) -> OwnedObjects:
    if request.param == "fake":
        return FakeOwnedObjects(CONFIG_MAP, LIMIT)
    request.getfixturevalue("namespace")
    client: KubernetesClient = request.getfixturevalue("http")
    return KubernetesOwnedObjects(client)


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": NAMESPACE}, "data": data}


async def test_an_object_is_created_with_its_owner_and_removed(objects: OwnedObjects) -> None:
    assert await objects.read(CONFIG_MAP, NAMESPACE, "made") is None
    written = await objects.write(CONFIG_MAP, config_map("made", a="1"), OWNER)
    assert written["metadata"]["labels"] == OWNER
    found = await objects.read(CONFIG_MAP, NAMESPACE, "made")
    assert found
    assert found["data"] == {"a": "1"}
    await objects.remove(CONFIG_MAP, NAMESPACE, "made", OWNER)
    await objects.remove(CONFIG_MAP, NAMESPACE, "made", OWNER)
    assert await objects.read(CONFIG_MAP, NAMESPACE, "made") is None


async def test_only_a_difference_is_written(objects: OwnedObjects) -> None:
    first = await objects.write(CONFIG_MAP, config_map("same", a="1"), OWNER)
    assert await objects.write(CONFIG_MAP, config_map("same", a="1"), OWNER) == first
    changed = await objects.write(CONFIG_MAP, config_map("same", a="2"), OWNER)
    assert changed["data"] == {"a": "2"}
    await objects.remove(CONFIG_MAP, NAMESPACE, "same", OWNER)


async def test_an_object_of_another_owner_is_neither_changed_nor_removed(objects: OwnedObjects) -> None:
    await objects.write(CONFIG_MAP, config_map("foreign", a="1"), {"owner": "other"})
    with pytest.raises(Refused) as refused:
        await objects.write(CONFIG_MAP, config_map("foreign", a="2"), OWNER)
    assert refused.value.reason is Reason.SECRET_INVALID
    await objects.remove(CONFIG_MAP, NAMESPACE, "foreign", OWNER)
    found = await objects.read(CONFIG_MAP, NAMESPACE, "foreign")
    assert found
    assert found["data"] == {"a": "1"}


async def test_objects_of_one_namespace_are_listed(objects: OwnedObjects) -> None:
    limit = {"metadata": {"name": "one", "namespace": NAMESPACE}, "spec": {"limits": []}}
    await objects.write(LIMIT, limit, OWNER)
    assert [each["metadata"]["name"] for each in await objects.read_all(LIMIT, NAMESPACE)] == ["one"]
    assert await objects.read_all(LIMIT, "t-nothing") == []


async def test_a_kind_that_is_not_served_has_no_objects(objects: OwnedObjects) -> None:
    assert await objects.is_served(CONFIG_MAP)
    assert not await objects.is_served(ABSENT)
    assert await objects.read(ABSENT, NAMESPACE, "one") is None
    assert await objects.read_all(ABSENT, NAMESPACE) == []
    await objects.remove(ABSENT, NAMESPACE, "one", OWNER)
