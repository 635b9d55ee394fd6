"""A Harbor behind its ports, with projects, robots and images that a test makes and removes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

from pydantic import SecretStr

from harbor_operator.adapters.harbor_api import API
from harbor_operator.adapters.harbor_http import HarborHttp, HttpRequest
from harbor_operator.adapters.harbor_projects import HttpHarborProjects
from harbor_operator.model.harbor import DesiredRobot, HarborEndpoint, Login
from harbor_operator.model.projects import DesiredProject, ObservedProject
from harbor_operator.ports.harbor import Harbor, RegistryProbe
from harbor_operator.ports.harbor_projects import HarborProjects
from tests.fakes.harbor import FakeHarbor
from tests.fakes.harbor_projects import FakeHarborProjects

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
HTTP = HarborHttp()


@dataclass
class HarborFixture:
    """A Harbor behind both ports, and the objects that the test must remove."""

    harbor: Harbor
    probe: RegistryProbe
    admin: HarborEndpoint
    fake: FakeHarbor | None = None
    projects: list[str] = field(default_factory=list)
    robots: list[str] = field(default_factory=list)

    def with_login(self, username: str, password: str) -> HarborEndpoint:
        return self.admin.with_login(Login(username, SecretStr(password)))

    async def project(self, name: str = "") -> DesiredProject:
        desired = DesiredProject(name or f"contract-{uuid4().hex[:8]}", public=False)
        self.projects.append(desired.name)
        await self._projects.create_project(self.admin, desired)
        return desired

    async def observed(self, name: str) -> ObservedProject | None:
        return (await self._projects.find_projects(self.admin, {name})).get(name)

    @property
    def _projects(self) -> HarborProjects:
        return FakeHarborProjects(self.fake) if self.fake else HttpHarborProjects()

    def robot(self, *projects: str) -> DesiredRobot:
        desired = DesiredRobot(f"contract-{uuid4().hex[:8]}", "made by a test", projects or ("*",))
        self.robots.append(desired.name)
        return desired

    async def push(self, repository: str) -> str:
        """Pushes the smallest image; returns 'project/name:tag'."""
        image = f"{repository}:one"
        if self.fake:
            self.fake.projects[repository.partition("/")[0]].images.append(image)
            return image
        config = b'{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}'
        digest = f"sha256:{hashlib.sha256(config).hexdigest()}"
        started = await HTTP.send(self.admin, HttpRequest("POST", f"/v2/{repository}/blobs/uploads/"))
        path = "/v2/" + started.headers["Location"].split("/v2/", 1)[1] + f"&digest={digest}"
        octets = {"Content-Type": "application/octet-stream"}
        assert (await HTTP.send(self.admin, HttpRequest("PUT", path, headers=octets, data=config))).status == 201
        described = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": len(config)}
        body = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": described, "layers": []}).encode()
        request = HttpRequest("PUT", f"/v2/{repository}/manifests/one", headers={"Content-Type": MANIFEST}, data=body)
        assert (await HTTP.send(self.admin, request)).status == 201
        return image

    async def pull(self, client: HarborEndpoint, image: str) -> None:
        """Gets the manifest of 'project/name:tag'."""
        if self.fake and client.login:
            self.fake.last_pulls[client.login.username] = datetime.now(UTC)
            return
        repository, _, tag = image.rpartition(":")
        request = HttpRequest("GET", f"/v2/{repository}/manifests/{tag}", headers={"Accept": MANIFEST})
        assert (await HTTP.send(client, request)).status == 200

    async def clean_up(self) -> None:
        for name in self.robots:
            for robot in await self.harbor.read_robots(self.admin, name):
                await self.harbor.remove_robot(self.admin, robot)
        for name in self.projects if self.fake is None else ():
            await HTTP.send(self.admin, HttpRequest("DELETE", f"{API}/projects/{name}/repositories/app"))
            await HTTP.send(self.admin, HttpRequest("DELETE", f"{API}/projects/{name}"))
