"""The environment and files that a container gets from ConfigMaps, Secrets and volumes."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from lab.harbor.pods import Container, Missing, Pod

OBJECTS = {
    ("configmaps", "settings"): {"data": {"A": "from-map", "B": "from-map", "config.yml": "text"}},
    ("secrets", "hidden"): {"data": {"B": base64.b64encode(b"from-secret").decode()}},
}


def read(kind: str, name: str) -> dict[str, Any] | None:
    return OBJECTS.get((kind, name))


def container(volumes: tuple[dict[str, Any], ...] = (), **raw: Any) -> Container:
    return Pod({"containers": [{"name": "core", **raw}], "volumes": list(volumes)}, read).container("core")


def reference(kind: str, name: str, key: str, **more: bool) -> dict[str, Any]:
    return {"name": "X", "valueFrom": {kind: {"name": name, "key": key, **more}}}


def test_later_sources_override_earlier_ones_and_env_overrides_all() -> None:
    sources = [{"configMapRef": {"name": "settings"}}, {"secretRef": {"name": "hidden"}}]
    env = container(envFrom=sources, env=[{"name": "C", "value": "$(A)/$(NOSUCH)"}, {"name": "A", "value": "own"}]).env
    assert (env["A"], env["B"], env["C"]) == ("own", "from-secret", "from-map/$(NOSUCH)")


def test_a_value_can_come_from_a_key() -> None:
    assert container(env=[reference("secretKeyRef", "hidden", "B")]).env == {"X": "from-secret"}
    assert container(env=[reference("configMapKeyRef", "settings", "A")]).env == {"X": "from-map"}
    assert container(env=[reference("secretKeyRef", "hidden", "nosuch", optional=True)]).env == {}


@pytest.mark.parametrize(
    "raw",
    [
        {"env": [reference("secretKeyRef", "hidden", "nosuch")]},
        {"env": [reference("secretKeyRef", "nosuch", "B")]},
        {"envFrom": [{"secretRef": {"name": "nosuch"}}]},
    ],
    ids=str,
)
def test_a_missing_object_or_key_is_named(raw: dict[str, Any]) -> None:
    with pytest.raises(Missing, match="nosuch"):
        container(**raw)


def test_mounts_become_files() -> None:
    volumes = (
        {"name": "map", "configMap": {"name": "settings"}},
        {"name": "key", "secret": {"secretName": "hidden", "items": [{"key": "B", "path": "renamed"}]}},
        {"name": "data", "emptyDir": {}},
    )
    mounts = [
        {"name": "map", "mountPath": "/etc/app/app.yml", "subPath": "config.yml"},
        {"name": "key", "mountPath": "/secrets"},
        {"name": "data", "mountPath": "/storage"},
    ]
    made = container(volumes, volumeMounts=mounts)
    assert made.files == {"/etc/app/app.yml": b"text", "/secrets/renamed": b"from-secret"}
    assert made.directories == ["/storage"]
