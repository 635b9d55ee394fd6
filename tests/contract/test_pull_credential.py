"""An account that must not be in the pull Secrets: refused on a Harbor's answers, until the remedy is applied."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from pydantic import SecretStr

from harbor_operator.adapters.harbor import HttpHarbor
from harbor_operator.adapters.harbor_configuration import HttpHarborConfiguration
from harbor_operator.adapters.harbor_probe import HttpRegistryProbe
from harbor_operator.adapters.secrets import make_password
from harbor_operator.api.base import CredentialsRef
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.injector.namespace_robots import NamespaceRobots
from harbor_operator.injector.robot_worker import RobotWorker
from harbor_operator.model.harbor import PULL, Access, HarborEndpoint, Login, RobotLevel
from harbor_operator.model.outcomes import Blocked, StatusWarning
from harbor_operator.reasons import Reason
from harbor_operator.steps.pull_credential import PullCredential
from harbor_operator.steps.pull_namespace_robots import PullNamespaceRobots
from harbor_operator.steps.pull_robot import PullRobot
from tests.contract.harbor_fixture import HarborFixture
from tests.fakes.injection import FakeInjection
from tests.fakes.kube import FakeKube
from tests.unit.steps.pull_secrets_fixture import DEPS

pytestmark = pytest.mark.lab

PASSWORD = "Chosen-by-us-1"
REF = CredentialsRef(name="pull-account")
PUSH: frozenset[Access] = PULL | {("repository", "push")}
PREFIX = "robot_name_prefix"


class CredentialFixture:
    """The account of one registry: its Secret in a fake API server, everything else real."""

    def __init__(self, admin: HarborEndpoint) -> None:
        self.harbor = HarborFixture(HttpHarbor(), HttpRegistryProbe(), admin)
        self.kube = FakeKube()
        self.kube.put("intra", "ca", {"ca.crt": admin.ca})
        assert admin.login
        self.kube.put("intra", "hreg-cr-admin-password", {"password": admin.login.password.get_secret_value()})
        probe, harbor = self.harbor.probe, self.harbor.harbor
        self.now = datetime.now(UTC)
        robot = PullRobot(self.kube, probe, harbor, lambda: make_password(32), lambda: self.now)
        manager = NamespaceRobots(RobotWorker(harbor, probe, lambda: datetime.now(UTC)), FakeInjection(), DEPS)
        robots = PullNamespaceRobots(self.kube, harbor, manager, lambda: make_password(32))
        self._credential = PullCredential(self.kube, probe, harbor, robot, robots)

    async def robot(self, project: str, access: frozenset[Access] = PULL, **fields: Any) -> str:
        """Creates a robot as an administrator does, and returns its login."""
        desired = replace(self.harbor.robot(project), access=access, **fields)
        made = await self.harbor.harbor.create_robot(self.harbor.admin, desired)
        await self.harbor.harbor.set_robot_secret(self.harbor.admin, made, SecretStr(PASSWORD))
        return made.login

    async def read(self, login: Login) -> Login | Blocked:
        """Puts the login into the Secret, and returns what the operator makes of it."""
        self.kube.put("intra", REF.name, {"username": login.username, "password": login.password.get_secret_value()})
        return await self._credential.read_account(self.registry, REF, allow_push=False)

    async def warnings(self) -> list[StatusWarning]:
        """Returns what the operator warns of, beside the setting of Harbor that lets every account create projects."""
        found = await self._credential.read_warnings(self.registry)
        return [warning for warning in found if warning.code is not Reason.PROJECT_CREATION_OPEN]

    @property
    def registry(self) -> HarborRegistry:
        admin = self.harbor.admin
        section = {"credential": {"secretRef": {"name": REF.name}}}
        spec = {
            "externalURL": admin.url,
            "pullSecrets": section,
            "projects": [{"name": name} for name in self.harbor.projects],
            **({"caSecretRef": {"name": "ca"}} if admin.ca else {}),
        }
        metadata = {"name": "cr", "namespace": "intra", "uid": "uid-1"}
        return HarborRegistry.parse({"metadata": metadata, "spec": spec})


def login(username: str) -> Login:
    return Login(username, SecretStr(PASSWORD))


@pytest_asyncio.fixture
async def fixture(harbor_endpoint: HarborEndpoint) -> AsyncIterator[CredentialFixture]:
    made = CredentialFixture(harbor_endpoint)
    yield made
    await made.harbor.clean_up()


async def test_the_administrator_is_replaced_by_a_robot(fixture: CredentialFixture) -> None:
    admin = fixture.harbor.admin.login
    assert admin is not None
    refused = await fixture.read(admin)
    assert isinstance(refused, Blocked)
    assert refused.reason is Reason.PULL_CREDENTIAL_IS_ADMIN
    assert "use an account with pull permission only, or set `spec.pullSecrets.credential.robot`" in refused.message

    robot = login(await fixture.robot((await fixture.harbor.project()).name))
    assert await fixture.read(robot) == robot


async def test_an_account_that_may_push_is_replaced_by_one_that_may_not(fixture: CredentialFixture) -> None:
    project = (await fixture.harbor.project()).name
    refused = await fixture.read(login(await fixture.robot(project, PUSH)))
    assert isinstance(refused, Blocked)
    assert refused.reason is Reason.PULL_CREDENTIAL_MAY_PUSH
    assert f"may push to project '{project}'" in refused.message
    assert "use an account with pull permission only" in refused.message

    robot = login(await fixture.robot(project))
    assert await fixture.read(robot) == robot


async def test_a_changed_prefix_of_robots_changes_the_login(fixture: CredentialFixture) -> None:
    robot = login(await fixture.robot((await fixture.harbor.project()).name))
    assert await fixture.read(robot) == robot
    configuration, admin = HttpHarborConfiguration(), fixture.harbor.admin
    before = (await configuration.read_configuration(admin))[PREFIX].value
    await configuration.write_configuration(admin, {PREFIX: "bot+"})
    try:
        refused = await fixture.read(robot)
        assert isinstance(refused, Blocked)
        assert refused.reason is Reason.PULL_CREDENTIAL_REJECTED
        assert f"rejects '{robot.username}' with the password in Secret '{REF.name}'" in refused.message

        renamed = login(robot.username.replace(str(before), "bot+", 1))
        assert await fixture.read(renamed) == renamed
    finally:
        await configuration.write_configuration(admin, {PREFIX: before})


@pytest.mark.parametrize("level", RobotLevel)
async def test_a_robot_that_expires_soon_gets_a_later_end(fixture: CredentialFixture, level: RobotLevel) -> None:
    """Harbor shows the end of a robot to administrators only."""
    project = (await fixture.harbor.project()).name
    made = await fixture.robot(project, level=level, duration_days=30)
    assert await fixture.read(login(made)) == login(made)
    assert await fixture.warnings() == []

    fixture.now += timedelta(days=21)
    (warning,) = await fixture.warnings()
    assert warning.code is Reason.PULL_CREDENTIAL_EXPIRING
    assert f"robot '{made}' in Secret '{REF.name}'" in warning.message
    assert "set a later expiration in Harbor under Robot Accounts" in warning.message

    admin, harbor = fixture.harbor.admin, fixture.harbor.harbor
    prefix = (await harbor.read_account_settings(admin)).robot_prefix
    observed = await harbor.find_robot(admin, made, prefix)
    assert observed is not None
    desired = replace(fixture.harbor.robot(project), level=level, duration_days=365)
    await harbor.update_robot(admin, observed, desired)
    assert await fixture.read(login(made)) == login(made)
    assert await fixture.warnings() == []
