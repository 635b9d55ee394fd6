"""The real docker-registry, from a configuration that somebody else wrote."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from lab.debian import locate
from lab.process import LabError, Process, Processes, wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping

ADDRESS_VARIABLE = "REGISTRY_HTTP_ADDR"
UNWANTED = {"AWS_CA_BUNDLE": ""}
"""What a person may have in the environment and the S3 driver does not survive."""


class Registry:
    """A running registry."""

    def __init__(self, process: Process, host: str, port: int) -> None:
        self.process = process
        self.host = host
        self.port = port

    @classmethod
    def start(
        cls, config_path: Path, env: Mapping[str, str], processes: Processes, *, name: str = "docker-registry"
    ) -> Registry:
        """A registry that runs `config_path`, each value open to be overridden by a REGISTRY_... variable in `env`."""
        tool = locate("docker-registry", ["docker-registry"])
        host, port = _address(config_path, env)
        full_env = {**UNWANTED, **tool.env, **env}
        process = processes.start(name, [tool.path, "serve", config_path], env=full_env)
        registry = cls(process, host, port)
        wait_until(registry._listens, "docker-registry listens", deadline=30, process=process, interval=0.02)
        return registry

    @property
    def address(self) -> str:
        """Host and port, as an image reference begins."""
        return f"{self.host}:{self.port}"

    def stop(self) -> None:
        """End the registry; what it stored stays."""
        self.process.stop()

    def _listens(self) -> bool:
        with socket.create_connection((self.host, self.port), timeout=5):
            return True


def _address(config_path: Path, env: Mapping[str, str]) -> tuple[str, int]:
    config: Any = yaml.safe_load(config_path.read_text())
    address = env.get(ADDRESS_VARIABLE) or config.get("http", {}).get("addr", "")
    host, _, port = str(address).rpartition(":")
    if not port.isdigit():
        raise LabError(f"`http.addr` in {config_path} is '{address}', which names no port to wait for")
    return host.strip("[]") or "127.0.0.1", int(port)
