"""What a container gets from the cluster, and what of it is replaced to run it outside."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import pytest

from lab.harbor.launches import Addresses, Launch, Unsupported, core, registry, registry_overrides
from lab.harbor.pods import Container, Missing, Pod

ROOT = Path("/pod")
ADDRESSES = Addresses("127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3")
CONFIG = {
    "storage": {"swift": {}, "cache": {"layerinfo": "redis"}},
    "redis": {"addr": "r:6379"},
    "http": {"addr": ":5000"},
    "auth": {"htpasswd": {"path": "/etc/registry/passwd"}},
}
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


def test_later_sources_win_and_the_list_wins_over_them() -> None:
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
def test_what_is_not_there_is_named(raw: dict[str, Any]) -> None:
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


def test_the_registry_keeps_its_storage_and_moves_its_addresses() -> None:
    assert registry_overrides(CONFIG, ROOT, ADDRESSES) == {
        "REGISTRY_HTTP_ADDR": "127.0.0.1:2",
        "REGISTRY_HTTP_DEBUG_ADDR": "127.0.0.1:3",
        "REGISTRY_AUTH_HTPASSWD_PATH": "/pod/etc/registry/passwd",
    }


@pytest.mark.parametrize("redis", [{"enableTLS": True}, {"sentinelMasterSet": "main"}], ids=str)
def test_a_redis_that_only_harbors_own_build_can_use_is_left_out(redis: dict[str, Any]) -> None:
    overrides = registry_overrides({**CONFIG, "redis": redis}, ROOT, ADDRESSES)
    assert overrides["REGISTRY_STORAGE_CACHE_LAYERINFO"] == "inmemory"


def test_files_of_images_stay_in_the_directory_of_the_pod() -> None:
    config = {**CONFIG, "storage": {"filesystem": {"rootdirectory": "/storage"}}}
    overrides = registry_overrides(config, ROOT, ADDRESSES)
    assert overrides["REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"] == "/pod/storage"


def test_certificates_of_the_release_join_those_of_the_system() -> None:
    launch = core(Container(files={"/harbor_cust_cert/custom-ca.crt": b"own certificate"}), ROOT, ADDRESSES)
    assert launch.env["SSL_CERT_FILE"] == os.fspath(ROOT / "etc/ssl/certs/ca-bundle.crt")
    assert launch.files[ROOT / "etc/ssl/certs/ca-bundle.crt"].startswith(b"own certificate")


def test_any_change_of_environment_or_files_is_a_new_start() -> None:
    launches = [
        Launch(["x"], env, files, [])
        for env, files in (({}, {}), ({"A": "1"}, {}), ({}, {ROOT / "f": b"1"}), ({}, {ROOT / "f": b"2"}))
    ]
    assert len({launch.digest for launch in launches}) == len(launches)


def test_tls_between_the_parts_is_refused_by_name() -> None:
    with pytest.raises(Unsupported, match=r"internalTLS\.enabled"):
        registry(Container(env={"INTERNAL_TLS_ENABLED": "true"}), ROOT, ADDRESSES)
