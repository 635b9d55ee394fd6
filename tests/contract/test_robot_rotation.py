"""The robots on a Harbor that answers over HTTP: the operator ends after any request of a rotation.

That is the stand-in of the lab, or a real one if HARBOR_URL names it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from uuid import uuid4

import pytest
import pytest_asyncio

from harbor_operator.adapters.harbor import HttpHarbor
from harbor_operator.adapters.harbor_http import HarborHttp
from harbor_operator.adapters.harbor_probe import HttpRegistryProbe
from harbor_operator.adapters.secrets import make_password
from harbor_operator.api.request_annotations import REVOKE_REQUESTED_AT, ROTATE_REQUESTED_AT
from harbor_operator.api.robot import Robot
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.harbor import HarborEndpoint, Login
from harbor_operator.model.outcomes import PullSecretFacts
from harbor_operator.plan import names
from harbor_operator.steps.pull_robot import PullRobot
from tests.contract.harbor_http import Killed, KillingHttp
from tests.fakes.kube import FakeKube

pytestmark = pytest.mark.lab

ROBOT = Robot(retire_after_seconds=10)
EVERY_NAMESPACE = PullSecretFacts(namespaces=3, ready=3, failed=0)


@dataclass
class RobotFixture:
    """An operator that is started again for each call; `used` is what the namespaces hold."""

    admin: HarborEndpoint
    name: str = field(default_factory=lambda: f"contract-{uuid4().hex[:8]}")
    kube: FakeKube = field(default_factory=FakeKube)

    def __post_init__(self) -> None:
        assert self.admin.login is not None
        password = {"password": self.admin.login.password.get_secret_value()}
        self.kube.put("intra", f"hreg-{self.name}-admin-password", password)
        self.kube.put("intra", "ca", {"ca.crt": self.admin.ca})

    def registry(self, **requests: str) -> HarborRegistry:
        metadata = {"name": self.name, "namespace": "intra", "uid": "uid-1", "annotations": requests}
        spec = {"externalURL": self.admin.url, **({"caSecretRef": {"name": "ca"}} if self.admin.ca else {})}
        return HarborRegistry.parse({"metadata": metadata, "spec": spec}, "cluster-1")

    def robot(self, http: HarborHttp | None = None) -> PullRobot:
        http = http or HarborHttp()
        return PullRobot(
            self.kube, HttpRegistryProbe(http), HttpHarbor(http), lambda: make_password(32), lambda: datetime.now(UTC)
        )

    async def accepts(self, login: Login) -> bool:
        return await HttpRegistryProbe().try_login(self.admin.with_login(login))

    async def logins(self) -> list[str]:
        digest = names.cluster_digest(self.registry())
        return [robot.login for robot in await HttpHarbor().read_robots(self.admin, digest)]


@dataclass
class Attempt:
    """One run of the operator for a registry: the request after which it ends, and whether it came that far."""

    registry: HarborRegistry
    after: int
    was_killed: bool = False


@pytest_asyncio.fixture
async def fixture(harbor_endpoint: HarborEndpoint) -> AsyncIterator[RobotFixture]:
    fixture = RobotFixture(harbor_endpoint)
    yield fixture
    await fixture.robot().remove(fixture.registry())
    assert await fixture.logins() == []


async def killed_later_each_time(fixture: RobotFixture, annotation: str = "") -> AsyncIterator[Attempt]:
    """Runs the operator again and again; the first attempt ends after one request, the next after two.

    Yields each attempt. The last one is the first that was not killed.
    """
    for after in count(1):
        requests = {annotation: f"request-{after}"} if annotation else {}
        attempt = Attempt(fixture.registry(**requests), after)
        try:
            await fixture.robot(KillingHttp(after)).ensure(attempt.registry, ROBOT)
        except Killed:
            attempt.was_killed = True
        yield attempt
        if not attempt.was_killed:
            return


async def test_a_kill_after_any_request_of_a_rotation_fails_no_login(fixture: RobotFixture) -> None:
    used = await fixture.robot().ensure(fixture.registry(), ROBOT)
    last = 0
    async for attempt in killed_later_each_time(fixture, ROTATE_REQUESTED_AT):
        last = attempt.after
        assert await fixture.accepts(used), f"what the namespaces hold fails after request {last}"
        earlier, used = used, await fixture.robot().ensure(attempt.registry, ROBOT)
        assert used.username != earlier.username
        assert await fixture.accepts(used)
        assert await fixture.accepts(earlier), "it retires later"
    assert last > 7


async def test_a_kill_after_any_request_of_a_revocation_is_made_up_for(fixture: RobotFixture) -> None:
    used = await fixture.robot().ensure(fixture.registry(), ROBOT)
    last = 0
    async for attempt in killed_later_each_time(fixture, REVOKE_REQUESTED_AT):
        last = attempt.after
        leaked, used = used, await fixture.robot().ensure(attempt.registry, ROBOT)
        assert await fixture.accepts(used)
        assert not await fixture.accepts(leaked)
    assert last > 4


async def test_a_kill_after_any_request_of_the_first_installation_loses_nothing(fixture: RobotFixture) -> None:
    last = 0
    async for attempt in killed_later_each_time(fixture):
        last = attempt.after
        used = await fixture.robot().ensure(fixture.registry(), ROBOT)
        assert await fixture.accepts(used)
        assert len(await fixture.logins()) == 1
        if attempt.was_killed:
            await fixture.robot().remove(fixture.registry())
    assert last > 4


async def test_the_earlier_robot_is_kept_until_every_namespace_has_the_new_one(fixture: RobotFixture) -> None:
    first = await fixture.robot().ensure(fixture.registry(), ROBOT)
    registry = fixture.registry(**{ROTATE_REQUESTED_AT: "now"})
    await fixture.robot().ensure(registry, ROBOT)
    await fixture.robot().retire(registry, ROBOT, PullSecretFacts(namespaces=3, ready=2, failed=0))
    assert "distributed-at" not in fixture.kube.values("intra", names.robot_secret(registry))
    for _ in range(2):
        await fixture.robot().retire(registry, ROBOT, EVERY_NAMESPACE)
    assert "distributed-at" in fixture.kube.values("intra", names.robot_secret(registry))
    assert await fixture.accepts(first)
