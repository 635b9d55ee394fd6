"""A Harbor release that is installed without the operator, but with the same values: fixed secrets, images on Swift."""

from __future__ import annotations

import base64
import json
import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import bcrypt
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from lab.harbor.access import new_secret
from lab.harbor.workloads import Workloads
from lab.nginx import Front, Site

if TYPE_CHECKING:
    from pathlib import Path

    from lab.lab import Lab

NAMESPACE, NAME, ROLE, CONTAINER = "registry-system", "cr", "harbor", "images"
REGISTRY_USER = "harbor_registry"


class Release:
    """The release, the processes instead of its pods, and the TLS proxy in front of them."""

    def __init__(self, lab: Lab) -> None:
        self.admin_password, self.swift_key = new_secret(), new_secret()
        self._lab = lab
        lab.services.ceph.create_swift_user("harbor", "swift", self.swift_key)
        self._passwords = {"database": new_secret(), "registry": new_secret()}
        self.workloads = Workloads.start(
            lab.directory / "harbor", lab.processes, lab.control_plane.kubeconfig, namespace=NAMESPACE, release=NAME
        )
        site = Site(self.workloads.url, host_header="$http_host")
        self.front = Front.start(lab.directory / "harbor-front", lab.processes, lab.authority, site)

    @property
    def host(self) -> str:
        """The host and port of image references."""
        return self.front.url.removeprefix("https://")

    def install(self) -> None:
        """Creates database, Secrets and release, and waits for the workloads."""
        postgres = self._lab.services.postgres
        with postgres.connect(postgres.admin_user, postgres.admin_password) as connection:
            password = self._passwords["database"].encode()
            verifier = connection.pgconn.encrypt_password(password, ROLE.encode()).decode()
            connection.execute(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{verifier}'".encode())
            connection.execute(f"CREATE DATABASE registry OWNER {ROLE}".encode())
        self._lab.control_plane.kubectl("create", "namespace", NAMESPACE)
        for name, data in self._secrets().items():
            self.set_secret(name, data)
        self.helm("install")
        self.workloads.wait_running()

    def helm(self, verb: str, *extra: str) -> None:
        """Installs or upgrades with fixed values."""
        values = self._lab.directory / "values.yaml"
        values.write_text(yaml.safe_dump(self._values()))
        chart = self._lab.chart.reference
        self._lab.control_plane.helm(verb, NAME, chart, f"--namespace={NAMESPACE}", f"--values={values}", *extra)

    def uninstall(self) -> None:
        """Uninstalls the release only."""
        self._lab.control_plane.helm("uninstall", NAME, f"--namespace={NAMESPACE}", "--wait")

    def set_secret(self, name: str, data: dict[str, str]) -> None:
        """Applies a Secret."""
        metadata = {"name": name, "namespace": NAMESPACE}
        self._lab.control_plane.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data})

    def set_swift_key(self, key: str) -> None:
        """Changes the Swift key of the registry."""
        self.set_secret("own-swift", {"REGISTRY_STORAGE_SWIFT_PASSWORD": key})

    def authfile(self, directory: Path, login: tuple[str, str]) -> Path:
        """Writes a `.dockerconfigjson` with this login, and returns its path."""
        path = directory / "auth.json"
        auth = base64.b64encode(":".join(login).encode()).decode()
        path.write_text(json.dumps({"auths": {self.host: {"auth": auth}}}))
        return path

    def _secrets(self) -> dict[str, dict[str, str]]:
        password = self._passwords["registry"]
        htpasswd = f"{REGISTRY_USER}:{bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()}"
        token_key = rsa.generate_private_key(65537, 2048).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        return {
            "own-admin": {"HARBOR_ADMIN_PASSWORD": self.admin_password},
            "own-key": {"secretKey": secrets.token_hex(8)},
            "own-core": {"secret": secrets.token_hex(8)},
            "own-token": {"tls.key": token_key.decode(), "tls.crt": "unused"},
            "own-xsrf": {"CSRF_KEY": secrets.token_hex(16)},
            "own-jobservice": {"JOBSERVICE_SECRET": secrets.token_hex(8)},
            "own-registry": {"REGISTRY_HTTP_SECRET": secrets.token_hex(8)},
            "own-credential": {"REGISTRY_PASSWD": password, "REGISTRY_HTPASSWD": htpasswd},
            "own-database": {"password": self._passwords["database"]},
            "own-swift": {"REGISTRY_STORAGE_SWIFT_PASSWORD": self.swift_key},
            "own-redis": self._redis(),
            "own-ca": {"ca.crt": self._lab.authority.ca_pem},
            "own-tls": {"tls.crt": "unused", "tls.key": "unused"},
        }

    def _redis(self) -> dict[str, str]:
        redis = self._lab.services.redis
        password = redis.password or ""
        url = f"redis://:{quote(password, safe='')}@127.0.0.1:{redis.port}"
        return {"_REDIS_URL_CORE": f"{url}/0", "_REDIS_URL_REG": f"{url}/2", "REGISTRY_REDIS_PASSWORD": password}

    def _values(self) -> dict[str, Any]:
        return {
            "externalURL": self.front.url,
            "existingSecretAdminPassword": "own-admin",
            "existingSecretAdminPasswordKey": "HARBOR_ADMIN_PASSWORD",
            "existingSecretSecretKey": "own-key",
            "caBundleSecretName": "own-ca",
            "core": {
                "existingSecret": "own-core",
                "secretName": "own-token",
                "existingXsrfSecret": "own-xsrf",
                "existingXsrfSecretKey": "CSRF_KEY",
                "extraEnvVars": [_from_redis_secret("_REDIS_URL_CORE"), _from_redis_secret("_REDIS_URL_REG")],
            },
            "jobservice": {
                "existingSecret": "own-jobservice",
                "existingSecretKey": "JOBSERVICE_SECRET",
                "jobLoggers": ["database"],
            },
            "registry": {
                "existingSecret": "own-registry",
                "existingSecretKey": "REGISTRY_HTTP_SECRET",
                "relativeurls": True,
                "credentials": {"username": REGISTRY_USER, "existingSecret": "own-credential"},
                "registry": {"extraEnvVars": [_from_redis_secret("REGISTRY_REDIS_PASSWORD")]},
            },
            "expose": {"type": "ingress", "tls": {"certSource": "secret", "secret": {"secretName": "own-tls"}}},
            "trivy": {"enabled": False},
            **self._backends(),
        }

    def _backends(self) -> dict[str, Any]:
        services = self._lab.services
        database = {
            "host": services.postgres.host,
            "port": str(services.postgres.port),
            "username": ROLE,
            "coreDatabase": "registry",
            "existingSecret": "own-database",
            "sslmode": "verify-full",
        }
        swift = {
            "authurl": services.auth_url,
            "username": "harbor:swift",
            "container": CONTAINER,
            "authversion": 1,
            "chunksize": "5242880",
            "existingSecret": "own-swift",
        }
        storage = {"type": "swift", "disableredirect": True, "caBundleSecretName": "own-ca", "swift": swift}
        return {
            "database": {"type": "external", "external": database},
            "redis": {"type": "external", "external": {"addr": f"127.0.0.1:{services.redis.port}"}},
            "persistence": {"imageChartStorage": storage},
        }


def _from_redis_secret(name: str) -> dict[str, Any]:
    """Returns a variable from the Redis Secret: the chart itself would write the password to ConfigMaps."""
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": "own-redis", "key": name}}}
