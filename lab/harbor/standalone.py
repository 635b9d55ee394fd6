"""The stand-in without a cluster: with PostgreSQL, Redis, and a registry on the file system."""

from __future__ import annotations

import json
import secrets
import sys
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bcrypt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from lab.addresses import HOST, join
from lab.debian import locate
from lab.harbor.access import new_secret
from lab.postgres import Postgres
from lab.process import Process, Processes, free_port, wait_until
from lab.redis import Redis

if TYPE_CHECKING:
    from lab.certs import Authority

PROJECT_ROOT = Path(__file__).parents[2]
REGISTRY_USER = "harbor_registry_user"
ROLE = "harbor"
REGISTRY_CONFIG = """
version: 0.1
log: {{level: info, fields: {{service: registry}}}}
http: {{addr: "{address}", relativeurls: {relative}, secret: x}}
auth: {{htpasswd: {{realm: harbor-registry-basic-realm, path: {htpasswd}}}}}
validation: {{disabled: true}}
"""
STORAGE: Mapping[str, Any] = {"cache": {"layerinfo": "inmemory"}, "delete": {"enabled": True}}
"""What the section `storage` contains beside the driver."""


@dataclass(frozen=True)
class RegistryProgram:
    """A registry with a storage driver: its section of the configuration by name, and its variables."""

    path: Path
    driver: Mapping[str, Any]
    env: Mapping[str, str] = field(default_factory=dict)


class Standalone:
    """A running stand-in at `url`; its admin has `admin_password`."""

    def __init__(self, directory: Path, processes: Processes, authority: Authority, *, external_url: str = "") -> None:
        self.admin_password = new_secret()
        self.postgres = Postgres.start(directory / "harbor-postgres", processes, authority)
        self.redis = Redis.start(directory / "harbor-redis", processes)
        self.environment: dict[str, str] = {}
        self._directory = directory
        self._processes = processes
        self._port, self._registry_port = free_port(), free_port()
        self._core: Process | None = None
        self._registry: Process | None = None
        self.registry_program = self._on_files()
        self._external_url = external_url or self.url

    @classmethod
    def start(
        cls,
        directory: Path,
        processes: Processes,
        authority: Authority,
        *,
        external_url: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> Standalone:
        """Starts a new Harbor in `directory`; `external_url` is that of a proxy in front of it.

        `environment` is added to the one of core.
        """
        standalone = cls(directory, processes, authority, external_url=external_url)
        standalone._prepare()
        standalone.environment |= environment or {}
        standalone.start_core()
        return standalone

    @property
    def url(self) -> str:
        """The URL of core, without TLS."""
        return f"http://{join(HOST, self._port)}"

    @property
    def images(self) -> Path:
        """The folder in which the registry stores the images."""
        return self._directory / "registry"

    def start_core(self) -> None:
        """Starts core with the current environment. Raises LabError."""
        argv = [sys.executable, "-m", "lab.harbor", "--listen", join(HOST, self._port)]
        self._core = self._processes.start("harbor-core", argv, env=self.environment, cwd=PROJECT_ROOT)
        wait_until(lambda: _answers(f"{self.url}/api/v2.0/ping"), "core answers", deadline=20, process=self._core)

    def stop_core(self) -> None:
        """Stops core; its state stays in the database."""
        if self._core is not None:
            self._core.stop()

    @property
    def registry_config(self) -> Path:
        """The configuration of the registry that was started last, which is `registry_program`."""
        return self._directory / "registry.yml"

    @property
    def registry_log(self) -> Path:
        """The log of every registry that was started."""
        return self._processes.log_dir / "registry.log"

    def start_registry(self, *, relative_urls: bool = True, program: RegistryProgram | None = None) -> None:
        """Starts the registry, after stopping the one that runs. Raises LabError.

        `relative_urls` is the chart value `registry.relativeurls`: an upload continues at a path, not at a URL. Without
        `program`, the images are files in the folder `images`.
        """
        if self._registry is not None:
            self._registry.stop()
        self.registry_program = program = program or self._on_files()
        address = join(HOST, self._registry_port)
        relative = str(relative_urls).lower()
        text = REGISTRY_CONFIG.format(address=address, htpasswd=self._directory / "htpasswd", relative=relative)
        # JSON is YAML whose texts no parser takes for numbers.
        self.registry_config.write_text(f"{text}storage: {json.dumps({**program.driver, **STORAGE})}\n")
        argv: list[str | Path] = [program.path, "serve", self.registry_config]
        self._registry = self._processes.start("registry", argv, env=program.env)
        wait_until(lambda: _answers(f"http://{address}/"), "the registry answers", deadline=30, process=self._registry)

    def _on_files(self) -> RegistryProgram:
        tool = locate("docker-registry", ["docker-registry"])
        return RegistryProgram(tool.path, {"filesystem": {"rootdirectory": str(self.images)}}, tool.env)

    def _prepare(self) -> None:
        password, registry_password = new_secret(), new_secret()
        with self.postgres.connect(self.postgres.admin_user, self.postgres.admin_password) as connection:
            verifier = connection.pgconn.encrypt_password(password.encode(), ROLE.encode()).decode()
            connection.execute(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{verifier}'".encode())
            connection.execute(f"CREATE DATABASE registry OWNER {ROLE}".encode())
        line = bcrypt.hashpw(registry_password.encode(), bcrypt.gensalt(4)).decode()
        (self._directory / "htpasswd").write_text(f"{REGISTRY_USER}:{line}\n")
        self.start_registry()
        self.environment = {
            **self._secrets(),
            "POSTGRESQL_HOST": self.postgres.host,
            "POSTGRESQL_PORT": str(self.postgres.port),
            "POSTGRESQL_USERNAME": ROLE,
            "POSTGRESQL_PASSWORD": password,
            "POSTGRESQL_DATABASE": "registry",
            "POSTGRESQL_SSLMODE": "verify-full",
            "SSL_CERT_FILE": str(self.postgres.ca_path),
            "_REDIS_URL_CORE": f"redis://{join(HOST, self.redis.port)}/0?idle_timeout_seconds=30",
            "REGISTRY_URL": f"http://{join(HOST, self._registry_port)}",
            "REGISTRY_CREDENTIAL_USERNAME": REGISTRY_USER,
            "REGISTRY_CREDENTIAL_PASSWORD": registry_password,
            "REGISTRY_STORAGE_PROVIDER_NAME": "filesystem",
            "EXT_ENDPOINT": self._external_url,
            "WITH_TRIVY": "true",
            "HARBOR_ADMIN_PASSWORD": self.admin_password,
        }

    def _secrets(self) -> dict[str, str]:
        key, token_key = self._directory / "key", self._directory / "private_key.pem"
        key.write_text(secrets.token_hex(8))
        pem = rsa.generate_private_key(65537, 2048).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        token_key.write_bytes(pem)
        return {
            "KEY_PATH": str(key),
            "TOKEN_PRIVATE_KEY_PATH": str(token_key),
            "CORE_SECRET": new_secret(),
            "JOBSERVICE_SECRET": new_secret(),
        }


def _answers(url: str) -> bool:
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - a loopback address of our own
        return bool(answer.status)
