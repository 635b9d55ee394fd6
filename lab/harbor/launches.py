"""Turns a container into a local process: addresses and paths are replaced, everything else is kept.

The registry runs with the unmodified configuration file of the release; environment variables override addresses and
paths, as its documentation describes.
"""

from __future__ import annotations

import hashlib
import json
import ssl
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from lab.debian import locate
from lab.harbor.settings import VERSION_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.harbor.pods import Container

CUSTOM_CERTIFICATES = "/harbor_cust_cert/"
"""Harbor's images add the certificates in this directory to those of the system when they start."""
BUNDLE = "/etc/ssl/certs/ca-bundle.crt"
REGISTRY_CONFIG = "/etc/registry/config.yml"


@dataclass(frozen=True)
class Addresses:
    """The addresses of the processes, fixed for the life of the lab."""

    core: str
    registry: str
    registry_debug: str
    registryctl: str


@dataclass(frozen=True)
class Launch:
    """A process to run, with its files."""

    argv: list[str]
    env: Mapping[str, str] = field(repr=False)
    files: Mapping[Path, bytes] = field(repr=False)
    directories: list[Path]

    @property
    def digest(self) -> str:
        """A digest that changes when the process must be restarted."""
        files = {str(path): hashlib.sha256(content).hexdigest() for path, content in self.files.items()}
        text = json.dumps([self.argv, dict(self.env), files], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


class Unsupported(Exception):  # noqa: N818 - describes the release
    """The release needs something that is not possible outside containers."""


def core(container: Container, root: Path, addresses: Addresses) -> Launch:
    """Returns the stand-in for core."""
    _refuse_internal_tls(container)
    overrides = {
        "REGISTRY_URL": f"http://{addresses.registry}",
        "REGISTRY_CONTROLLER_URL": f"http://{addresses.registryctl}",
        "KEY_PATH": str(_local(root, "/etc/core/key")),
        "TOKEN_PRIVATE_KEY_PATH": str(_local(root, "/etc/core/private_key.pem")),
        "CA_DOWNLOAD_PATH": str(_local(root, "/etc/core/ca/ca.crt")),
        "CONFIG_PATH": str(_local(root, "/etc/core/app.conf")),
        **({VERSION_VARIABLE: tag} if (tag := container.image.rpartition(":")[2]) else {}),
    }
    argv = [sys.executable, "-m", "lab.harbor", "--listen", addresses.core]
    return _launch(argv, container, root, overrides)


def registry(container: Container, root: Path, addresses: Addresses) -> Launch:
    """Returns the real docker-registry with the configuration of the release."""
    _refuse_internal_tls(container)
    tool = locate("docker-registry", ["docker-registry"])
    config: dict[str, Any] = yaml.safe_load(container.files.get(REGISTRY_CONFIG, b"")) or {}
    overrides = {**tool.env, **registry_overrides(config, root, addresses)}
    argv = [str(tool.path), "serve", str(_local(root, REGISTRY_CONFIG))]
    return _launch(argv, container, root, overrides)


def registryctl(container: Container, root: Path, addresses: Addresses) -> Launch:
    """Returns the stand-in for the registry controller, with the configuration of the release."""
    _refuse_internal_tls(container)
    tool = locate("docker-registry", ["docker-registry"])
    config: dict[str, Any] = yaml.safe_load(container.files.get(REGISTRY_CONFIG, b"")) or {}
    overrides = {**tool.env, **registry_overrides(config, root.with_name("registry"), addresses)}
    program = [sys.executable, "-m", "lab.harbor.registryctl", addresses.registryctl]
    return _launch([*program, str(tool.path), str(_local(root, REGISTRY_CONFIG))], container, root, overrides)


def registry_overrides(config: Mapping[str, Any], root: Path, addresses: Addresses) -> dict[str, str]:
    """Returns replacements for the settings that are valid in the container only."""
    overrides = {
        # Values are read as YAML, in which a bracket without quotes begins a list.
        "REGISTRY_HTTP_ADDR": json.dumps(addresses.registry),
        "REGISTRY_HTTP_DEBUG_ADDR": json.dumps(addresses.registry_debug),
        "REGISTRY_AUTH_HTPASSWD_PATH": str(_local(root, config["auth"]["htpasswd"]["path"])),
    }
    if "filesystem" in config["storage"]:
        data = _local(root, config["storage"]["filesystem"]["rootdirectory"])
        overrides["REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY"] = str(data)
    redis = config.get("redis") or {}
    if redis.get("enableTLS") or redis.get("sentinelMasterSet"):
        # Harbor's build of the registry supports TLS and Sentinel, the plain one does not.
        overrides["REGISTRY_STORAGE_CACHE_LAYERINFO"] = "inmemory"
    return overrides


def _launch(argv: list[str], container: Container, root: Path, overrides: Mapping[str, str]) -> Launch:
    files = {_local(root, path): content for path, content in container.files.items()}
    env = {**container.env, **overrides}
    custom = [content for path, content in sorted(container.files.items()) if path.startswith(CUSTOM_CERTIFICATES)]
    if custom:
        bundle = _local(root, BUNDLE)
        files[bundle] = b"\n".join([*custom, _system_certificates()])
        env["SSL_CERT_FILE"] = str(bundle)
    return Launch(argv, env, files, [_local(root, path) for path in container.directories])


def _system_certificates() -> bytes:
    paths = ssl.get_default_verify_paths()
    path = Path(paths.cafile or paths.openssl_cafile)
    return path.read_bytes() if path.exists() else b""


def _local(root: Path, path: str) -> Path:
    return root / path.lstrip("/")


def _refuse_internal_tls(container: Container) -> None:
    if container.env.get("INTERNAL_TLS_ENABLED") == "true":
        raise Unsupported(
            "the release has `internalTLS.enabled`; outside containers the components use plain HTTP only"
        )
