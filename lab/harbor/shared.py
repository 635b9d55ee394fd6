"""The stand-in outside of any cluster, behind TLS: a Harbor that several clusters use, and none has installed."""

from __future__ import annotations

import base64
import json
import ssl
import urllib.request
from typing import TYPE_CHECKING, Any, Self
from urllib.error import HTTPError

from lab.addresses import NAMES, join
from lab.harbor.standalone import Standalone
from lab.nginx import Front, Site
from lab.process import Processes, free_port

if TYPE_CHECKING:
    from pathlib import Path

    from lab.certs import Authority

Manifest = dict[str, Any]


class SharedHarbor:
    """A running Harbor: `core` is the stand-in, `front` the proxy in front of it."""

    def __init__(self, core: Standalone, front: Front, ca_path: Path) -> None:
        self.core = core
        self.front = front
        self._tls = ssl.create_default_context(cafile=str(ca_path))

    @classmethod
    def start(cls, directory: Path, processes: Processes, authority: Authority) -> Self:
        """Starts a new Harbor in `directory`."""
        directory.mkdir(parents=True)
        port = free_port()
        core = Standalone.start(directory, processes, authority, external_url=f"https://{join(NAMES[0], port)}")
        site = Site(core.url, host_header="$http_host")
        return cls(
            core, Front.start(directory / "harbor-front", processes, authority, site, port=port), authority.ca_path
        )

    @property
    def url(self) -> str:
        """The URL for clients."""
        return self.front.url

    def robots(self) -> list[Manifest]:
        """Returns all robot accounts, read as the administrator."""
        found: list[Manifest] = self._get("/api/v2.0/robots?page_size=100", "admin", self.core.admin_password)
        return found

    def accepts(self, username: str, password: str) -> bool:
        """Whether the token service accepts a login."""
        try:
            self._get("/service/token?service=harbor-registry", username, password)
        except HTTPError as error:
            error.close()
            return False
        return True

    def configure(self, **settings: Any) -> None:
        """Changes settings of Harbor as the administrator."""
        body = json.dumps(settings).encode()
        self._send("/api/v2.0/configurations", "admin", self.core.admin_password, body)

    def create_public_project(self, name: str) -> None:
        """Creates a project from which everyone can pull, as another client."""
        body = json.dumps({"project_name": name, "public": True}).encode()
        self._send("/api/v2.0/projects", "admin", self.core.admin_password, body, "POST")

    def create_robot(self, name: str) -> None:
        """Creates a robot as another client."""
        access = [{"kind": "project", "namespace": "*", "access": [{"resource": "repository", "action": "pull"}]}]
        body = {"name": name, "level": "system", "duration": -1, "permissions": access}
        self._send("/api/v2.0/robots", "admin", self.core.admin_password, json.dumps(body).encode(), "POST")

    def delete_robot(self, name: str) -> None:
        """Deletes the robot whose name ends so."""
        (found,) = [robot for robot in self.robots() if robot["name"].endswith(name)]
        self._send(f"/api/v2.0/robots/{found['id']}", "admin", self.core.admin_password, method="DELETE")

    def _get(self, path: str, username: str, password: str) -> Any:
        return json.loads(self._send(path, username, password))

    def _send(self, path: str, username: str, password: str, body: bytes | None = None, method: str = "") -> bytes:
        login = base64.b64encode(f"{username}:{password}".encode()).decode()
        headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}
        method = method or ("PUT" if body else "GET")
        request = urllib.request.Request(f"{self.url}{path}", body, headers, method=method)  # noqa: S310
        with urllib.request.urlopen(request, timeout=10, context=self._tls) as answer:  # noqa: S310 - always https
            content: bytes = answer.read()
        return content
