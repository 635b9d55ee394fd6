"""The local processes that replace the containers of a release."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from lab.harbor.launches import Addresses, Launch, Unsupported, core, registry, registry_overrides
from lab.harbor.pods import Container

ROOT = Path("/pod")
ADDRESSES = Addresses("127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3", "127.0.0.1:4")
CONFIG = {
    "storage": {"swift": {}, "cache": {"layerinfo": "redis"}},
    "redis": {"addr": "r:6379"},
    "http": {"addr": ":5000"},
    "auth": {"htpasswd": {"path": "/etc/registry/passwd"}},
}


def test_the_registry_keeps_its_storage_and_gets_local_addresses() -> None:
    assert registry_overrides(CONFIG, ROOT, ADDRESSES) == {
        "REGISTRY_HTTP_ADDR": '"127.0.0.1:2"',
        "REGISTRY_HTTP_DEBUG_ADDR": '"127.0.0.1:3"',
        "REGISTRY_AUTH_HTPASSWD_PATH": "/pod/etc/registry/passwd",
    }


@pytest.mark.parametrize("redis", [{"enableTLS": True}, {"sentinelMasterSet": "main"}], ids=str)
def test_a_redis_with_tls_or_sentinel_is_replaced_by_memory(redis: dict[str, Any]) -> None:
    overrides = registry_overrides({**CONFIG, "redis": redis}, ROOT, ADDRESSES)
    assert overrides["REGISTRY_STORAGE_CACHE_LAYERINFO"] == "inmemory"


def test_image_files_are_stored_in_the_directory_of_the_pod() -> None:
    config = {**CONFIG, "storage": {"filesystem": {"rootdirectory": "/storage"}}}
    overrides = registry_overrides(config, ROOT, ADDRESSES)
    assert overrides["REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"] == "/pod/storage"


def test_certificates_of_the_release_are_added_to_those_of_the_system() -> None:
    launch = core(Container(files={"/harbor_cust_cert/custom-ca.crt": b"own certificate"}), ROOT, ADDRESSES)
    assert launch.env["SSL_CERT_FILE"] == os.fspath(ROOT / "etc/ssl/certs/ca-bundle.crt")
    assert launch.files[ROOT / "etc/ssl/certs/ca-bundle.crt"].startswith(b"own certificate")


def test_a_changed_environment_or_file_changes_the_digest() -> None:
    launches = [
        Launch(["x"], env, files, [])
        for env, files in (({}, {}), ({"A": "1"}, {}), ({}, {ROOT / "f": b"1"}), ({}, {ROOT / "f": b"2"}))
    ]
    assert len({launch.digest for launch in launches}) == len(launches)


def test_internal_tls_is_rejected_by_name() -> None:
    with pytest.raises(Unsupported, match=r"internalTLS\.enabled"):
        registry(Container(env={"INTERNAL_TLS_ENABLED": "true"}), ROOT, ADDRESSES)
