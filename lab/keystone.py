"""OpenStack's identity service: Keystone version 3 on SQLite, with an empty catalog."""

from __future__ import annotations

import json
import shutil
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.addresses import HOST, join
from lab.packages import KEYSTONE_PASSWORD, keystone, keystone_config
from lab.process import free_port, wait_until

if TYPE_CHECKING:
    from lab.process import Process, Processes

REGION = "lab"
DOMAIN = "default"
MEMBER = "member"
GATEWAY = """
rgw keystone url = {url}
rgw keystone api version = 3
rgw keystone admin user = admin
rgw keystone admin password = {password}
rgw keystone admin project = admin
rgw keystone admin domain = Default
rgw keystone accepted roles = {member},admin
"""


class Keystone:
    """A running Keystone; `url` is the base of its API."""

    def __init__(self, port: int) -> None:
        self._address = join(HOST, port)
        self._token = ""

    @classmethod
    def start(cls, directory: Path, processes: Processes) -> Keystone:
        """Starts Keystone with its administrator and no other user. Raises LabError."""
        packages = keystone()
        shutil.copytree(packages.home / "seed", directory)
        config, port = directory / "keystone.conf", free_port()
        config.write_text(keystone_config(directory))
        argv: list[str | Path] = [sys.executable, packages.home / "serve.py", HOST, str(port)]
        env = {**packages.env, "OS_KEYSTONE_CONFIG_FILES": str(config)}
        process: Process = processes.start("keystone", argv, env=env)
        server = cls(port)
        wait_until(server._answers, "Keystone answers", deadline=90, process=process)
        server._log_in()
        return server

    @property
    def url(self) -> str:
        """The URL without TLS and version."""
        return f"http://{self._address}"

    @property
    def gateway_lines(self) -> str:
        """The settings with which a RADOS gateway asks this Keystone who sends a request."""
        return GATEWAY.format(url=self.url, password=KEYSTONE_PASSWORD, member=MEMBER)

    def add_object_store(self, url: str) -> None:
        """Adds an object store to the catalog, in its region `REGION`."""
        self._send("POST", "regions", {"region": {"id": REGION}})
        service = self._create("service", {"name": "swift", "type": "object-store"})
        self._create("endpoint", {"service_id": service, "interface": "public", "url": url, "region_id": REGION})

    def create_project(self, name: str) -> str:
        """Creates a project in the domain `DOMAIN`, and returns its id."""
        return self._create("project", {"name": name, "domain_id": DOMAIN})

    def create_user(self, name: str, password: str) -> str:
        """Creates a user in the domain `DOMAIN` without any role, and returns its id."""
        return self._create("user", {"name": name, "password": password, "domain_id": DOMAIN})

    def give_role(self, user: str, project: str, role: str = MEMBER) -> None:
        """Gives a user a role in a project; both are ids."""
        (found,) = self._send("GET", f"roles?name={role}")["roles"]
        self._send("PUT", f"projects/{project}/users/{user}/roles/{found['id']}")

    def _create(self, kind: str, values: dict[str, str]) -> str:
        return str(self._send("POST", f"{kind}s", {kind: values})[kind]["id"])

    def _log_in(self) -> None:
        user = {"name": "admin", "domain": {"id": DOMAIN}, "password": KEYSTONE_PASSWORD}
        scope = {"project": {"name": "admin", "domain": {"id": DOMAIN}}}
        identity = {"methods": ["password"], "password": {"user": user}}
        request = self._request("POST", "auth/tokens", {"auth": {"identity": identity, "scope": scope}})
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - a loopback address of our own
            self._token = answer.headers["X-Subject-Token"]

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        with urllib.request.urlopen(self._request(method, path, body), timeout=30) as answer:  # noqa: S310
            content = answer.read()
        return json.loads(content) if content else None

    def _request(self, method: str, path: str, body: dict[str, Any] | None) -> urllib.request.Request:
        headers = {"Content-Type": "application/json", "X-Auth-Token": self._token}
        data = json.dumps(body).encode() if body else None
        return urllib.request.Request(f"{self.url}/v3/{path}", data, headers, method=method)  # noqa: S310

    def _answers(self) -> bool:
        with urllib.request.urlopen(f"{self.url}/v3", timeout=5) as answer:  # noqa: S310 - a loopback address of our own
            return bool(answer.status)
