"""The real docker-registry with a given configuration."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from lab.addresses import join
from lab.debian import locate
from lab.process import LabError, Process, Processes, wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping

ADDRESS_VARIABLE = "REGISTRY_HTTP_ADDR"
UNSET_VARIABLES = {"AWS_CA_BUNDLE": ""}
"""Variables of the user's environment with which the S3 driver fails."""


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
        """Starts a registry with `config_path`; REGISTRY_... variables in `env` override its values."""
        tool = locate("docker-registry", ["docker-registry"])
        host, port = _address(config_path, env)
        full_env = {**UNSET_VARIABLES, **tool.env, **env}
        process = processes.start(name, [tool.path, "serve", config_path], env=full_env)
        registry = cls(process, host, port)
        wait_until(registry._listens, "docker-registry listens", deadline=30, process=process)
        return registry

    @property
    def address(self) -> str:
        """Host and port, the first part of an image reference."""
        return join(self.host, self.port)

    def stop(self) -> None:
        """Stops the registry; its data stay."""
        self.process.stop()

    def _listens(self) -> bool:
        with socket.create_connection((self.host, self.port), timeout=5):
            return True


def _address(config_path: Path, env: Mapping[str, str]) -> tuple[str, int]:
    config: Any = yaml.safe_load(config_path.read_text())
    address = env.get(ADDRESS_VARIABLE) or config.get("http", {}).get("addr", "")
    host, _, port = str(address).rpartition(":")
    if not port.isdigit():
        raise LabError(f"`http.addr` in {config_path} is '{address}', which contains no port")
    return host.strip("[]") or "127.0.0.1", int(port)
