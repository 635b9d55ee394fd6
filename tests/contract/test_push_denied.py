"""A push that is denied: what the client prints leads to the cause, and the remedy lets the same push succeed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio

from harbor_operator.adapters.harbor_configuration import HttpHarborConfiguration
from harbor_operator.checks.catalogue.search import find, problems
from harbor_operator.model.harbor import HarborEndpoint, Login
from harbor_operator.plan.docker_config import render_docker_config
from lab.images import make_image
from lab.process import LabError
from lab.skopeo import Skopeo
from tests.contract.test_configuration_step import StepFixture

pytestmark = pytest.mark.lab

PIPELINE = {
    "name": "ci",
    "secret": {"name": "ci-login", "type": "Opaque"},
    "access": [{"resource": "repository", "action": "push"}, {"resource": "repository", "action": "pull"}],
}


@dataclass
class Client:
    """A docker client with an image, and the registry whose spec has the remedy."""

    step: StepFixture
    directory: Path
    project: str = field(default_factory=lambda: f"contract-{uuid4().hex[:8]}")

    def __post_init__(self) -> None:
        self._skopeo = Skopeo(self.directory / "skopeo")
        make_image(self.directory / "image", size=1 << 12)
        self.host = self.step.admin.url.partition("://")[2]
        assert self.step.admin.login
        self.login = self.step.admin.login

    async def apply(self, **project: object) -> None:
        """Adds the project to `spec.projects`."""
        spec = {"externalURL": self.step.admin.url, **({"caSecretRef": {"name": "ca"}} if self.step.admin.ca else {})}
        await self.step.reconcile({**spec, "projects": [{"name": self.project, **project}]})

    def push(self, login: Login | None = None) -> None:
        """Pushes the image, as the administrator unless another login is given. Raises LabError."""
        authfile = self.directory / "auth.json"
        authfile.write_text(render_docker_config({self.host: login or self.login}).get_secret_value())
        self._skopeo.copy_in(self.directory / "image", f"{self.host}/{self.project}/app:1", authfile=authfile)

    def denied(self, problem: str, remedy: str, login: Login | None = None) -> None:
        """Asserts that a push fails with a text that `kubectl harbor explain` finds, with this remedy."""
        with pytest.raises(LabError) as denied:
            self.push(login)
        assert problem in find(str(denied.value)), denied.value
        assert remedy in problems()[problem].remedy


@pytest_asyncio.fixture
async def client(harbor_endpoint: HarborEndpoint, tmp_path: Path) -> AsyncIterator[Client]:
    made = Client(StepFixture(harbor_endpoint), tmp_path)
    yield made
    await made.step.call("DELETE", f"/projects/{made.project}/repositories/app")
    await made.step.call("DELETE", f"/projects/{made.project}")


async def test_a_project_that_does_not_exist_is_added_to_the_spec(client: Client) -> None:
    client.denied("PushDenied", "Add the project to `spec.projects`")
    await client.apply()
    client.push()


async def test_an_account_without_the_right_is_replaced_by_one_with_it(client: Client) -> None:
    pull = {**PIPELINE, "access": [{"resource": "repository", "action": "pull"}]}
    await client.apply(robots=[pull])
    client.denied("PushDenied", "give the account the role Developer in it", pipeline_of(client))
    await client.apply(robots=[PIPELINE])
    client.push(pipeline_of(client))


def pipeline_of(client: Client) -> Login:
    values = client.step.kube.secrets["intra", "ci-login"].values
    return Login(values["username"].get_secret_value(), values["password"])


async def test_the_read_only_mode_is_turned_off(client: Client) -> None:
    await client.apply()
    configuration = HttpHarborConfiguration()
    await configuration.write_configuration(client.step.admin, {"read_only": True})
    try:
        client.denied("RegistryReadOnly", "turn it off under Configuration, System Settings")
    finally:
        await configuration.write_configuration(client.step.admin, {"read_only": False})
    client.push()


async def test_a_full_quota_is_raised_in_the_spec(client: Client) -> None:
    """Another administrator's quota of 1 KiB: in the spec, the smallest is 1 GiB."""
    await client.apply()
    number = (await client.step.call("GET", f"/projects/{client.project}")).decode(lambda body: body["project_id"])
    of_project = f"/quotas?reference=project&reference_id={number}"
    quota = (await client.step.call("GET", of_project)).decode(lambda body: body[0]["id"])
    await client.step.call("PUT", f"/quotas/{quota}", {"hard": {"storage": 1 << 10}})
    client.denied("ProjectQuotaExceeded", "Raise `quotaGiB` of the project in `spec.projects`")
    await client.apply(quotaGiB=1)
    client.push()
