"""Injected pull Secrets are read back and proved, on a real API server with the shipped rights and against a Harbor.

The injector ends after it has injected, so that nothing repairs what a test changes.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from pydantic import SecretStr
from typing_extensions import override

from harbor_operator.adapters.harbor import HttpHarbor
from harbor_operator.adapters.harbor_probe import HttpRegistryProbe
from harbor_operator.adapters.harbor_projects import HttpHarborProjects
from harbor_operator.adapters.injected_secrets import KubernetesInjectedSecrets
from harbor_operator.adapters.kube_client import KubernetesClient
from harbor_operator.adapters.kubeconfig import from_kubeconfig
from harbor_operator.adapters.secrets import make_password
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.injector.injector import Injector
from harbor_operator.injector.namespace_robots import NamespaceRobots
from harbor_operator.injector.robot_worker import RobotWorker
from harbor_operator.model.harbor import DesiredRobot, HarborEndpoint
from harbor_operator.model.outcomes import Done, Outcome, Pending
from harbor_operator.model.reachability import PullResult
from harbor_operator.plan import names
from harbor_operator.plan.docker_config import DOCKER_CONFIG_KEY, encode
from harbor_operator.reasons import Reason
from harbor_operator.steps.injection_grants import InjectionGrants
from harbor_operator.steps.pull_admission import PullAdmission
from harbor_operator.steps.pull_credential import PullCredential
from harbor_operator.steps.pull_images import PullImages
from harbor_operator.steps.pull_namespace_robots import PullNamespaceRobots
from harbor_operator.steps.pull_robot import PullRobot
from harbor_operator.steps.pull_secrets import BackgroundWork, PullSecretsStep
from harbor_operator.steps.sampled_pull_proof import RETRY_SECONDS, ProofDeps, SampledPullProof
from lab.controlplane import ControlPlane
from lab.operator import NAMESPACE, USER
from lab.process import free_port
from tests.contract.harbor_fixture import HarborFixture
from tests.contract.injection import CHOSEN, create, remove, run_injector, until
from tests.fakes.admission import FakeAdmission
from tests.fakes.kube import FakeKube
from tests.fakes.stuck_pods import FakeStuckPodEviction
from tests.unit.injector.fixture import NAME
from tests.unit.steps.pull_secrets_fixture import BY_HAND, DEPS, CountedProofs

pytestmark = pytest.mark.lab

INTERVAL_SECONDS = 600.0
SAMPLE_SIZE = 2
COUNT = 3


class RecordingProbe(HttpRegistryProbe):
    """Records the images that were requested."""

    def __init__(self) -> None:
        super().__init__()
        self.images: list[str | None] = []

    @override
    async def try_pull(self, endpoint: HarborEndpoint, manifest: str | None) -> PullResult:
        self.images.append(manifest)
        return await super().try_pull(endpoint, manifest)


@dataclass
class ProofFixture:
    """Namespaces with their pull Secrets, each with a project and an image of its name."""

    plane: ControlPlane
    harbor: HarborFixture
    credential: str
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    stem: str = field(default_factory=lambda: f"proof-{uuid4().hex[:8]}")
    kube: FakeKube = field(default_factory=FakeKube)
    probe: RecordingProbe = field(default_factory=RecordingProbe)
    metrics: CountedProofs = field(default_factory=CountedProofs)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.namespaces = [f"{self.stem}-{number}" for number in range(COUNT)]
        admin = self.harbor.admin
        assert admin.login is not None
        self.kube.put("intra", "hreg-cr-admin-password", {"password": admin.login.password.get_secret_value()})
        self.kube.put("intra", "ca", {"ca.crt": admin.ca})

    def registry(self, **changes: Any) -> HarborRegistry:
        admin = self.harbor.admin
        section = {
            "namespaces": {"selector": {"matchLabels": CHOSEN}},
            "credential": BY_HAND if self.credential == "Account" else {"robot": {"scope": self.credential}},
            "extraHosts": ["harbor.intra:8443"],
        }
        spec = {"externalURL": admin.url, "pullSecrets": section, **changes}
        spec |= {"caSecretRef": {"name": "ca"}} if admin.ca else {}
        metadata = {"name": "cr", "namespace": "intra", "uid": self.stem}
        return HarborRegistry.parse({"metadata": metadata, "spec": spec}, self.stem)

    def assemble(self, injector: Injector, client: KubernetesClient) -> None:
        harbor = HttpHarbor()

        def password() -> SecretStr:
            return make_password(32)

        self.manager = NamespaceRobots(
            RobotWorker(harbor, HttpRegistryProbe(), lambda: datetime.now(UTC)),
            injector,
            replace(DEPS, clock=lambda: self.seconds),
        )
        self.robots = PullNamespaceRobots(self.kube, harbor, self.manager, password)
        self.robot = PullRobot(self.kube, self.probe, harbor, password, lambda: self.now)
        credential = PullCredential(self.kube, self.probe, harbor, self.robot, self.robots)
        images = PullImages(self.kube, harbor, HttpHarborProjects(), credential)
        deps = ProofDeps(SAMPLE_SIZE, INTERVAL_SECONDS, lambda: self.now, self.metrics)
        self.step = PullSecretsStep(
            InjectionGrants(self.kube, ("*",)),
            credential,
            BackgroundWork(injector, FakeStuckPodEviction()),
            PullAdmission(FakeAdmission(), lambda: 0.0),
            SampledPullProof(injector, KubernetesInjectedSecrets(client), self.probe, images, deps),
        )

    async def inject(self, injector: Injector) -> None:
        """Reconciles until every namespace is ready; the first sample may contain only some of them."""
        while not isinstance(await self.step.reconcile(self.registry()), Done):
            await self.manager.work_through()
            await until(lambda: injector.queue.depth == 0)

    async def later(self, seconds: float = INTERVAL_SECONDS, **changes: Any) -> Outcome:
        """A pass after so many seconds; Harbor's robots are not listed again."""
        self.now += timedelta(seconds=seconds)
        self.probe.images.clear()
        self.metrics.results.clear()
        return await self.step.reconcile(self.registry(**changes))

    async def make_account(self) -> None:
        """A robot that an administrator has made, whose login is in a Secret beside the registry."""
        admin = self.harbor.admin
        made = await self.harbor.harbor.create_robot(admin, self.harbor.robot())
        await self.harbor.harbor.set_robot_secret(admin, made, SecretStr("Chosen-by-us-1"))
        self.kube.put("intra", "pull-account", {"username": made.login, "password": "Chosen-by-us-1"})

    async def disable_robot(self, namespace: str) -> None:
        """What an administrator does in Harbor's portal."""
        admin = self.harbor.admin
        robots = await HttpHarbor().read_robots(admin, names.cluster_digest(self.registry()))
        (robot,) = [robot for robot in robots if robot.login.endswith(f".{namespace}")]
        disabled = DesiredRobot(robot.login, robot.description, (namespace,), is_enabled=False)
        await HttpHarbor().update_robot(admin, robot, disabled)

    def change_secret(self, namespace: str, content: str) -> None:
        """What another client does while the watches of the operator deliver nothing."""
        patch = json.dumps({"data": {DOCKER_CONFIG_KEY: encode(content)}})
        self.plane.kubectl("-n", namespace, "patch", "secret", NAME, f"--patch={patch}")

    def content(self, namespace: str) -> str:
        found = json.loads(self.plane.kubectl("-n", namespace, "get", "secret", NAME, "-o", "json"))
        return base64.b64decode(found["data"][DOCKER_CONFIG_KEY]).decode()

    async def clean_up(self) -> None:
        await self.robots.remove(self.registry())
        await self.robot.remove(self.registry())
        await self.harbor.clean_up()


@pytest_asyncio.fixture(params=["Cluster", "Namespace", "Account"])
async def fixture(
    request: pytest.FixtureRequest, plane: ControlPlane, http: KubernetesClient, harbor_endpoint: HarborEndpoint
) -> AsyncIterator[ProofFixture]:
    fixture = ProofFixture(plane, HarborFixture(HttpHarbor(), HttpRegistryProbe(), harbor_endpoint), request.param)
    for name in fixture.namespaces:
        await fixture.harbor.project(name)
        await fixture.harbor.push(f"{name}/app")
    await fixture.make_account()
    await create(http, *fixture.namespaces)
    async with KubernetesClient(from_kubeconfig(plane.kubeconfig_for_service_account(NAMESPACE, NAMESPACE))) as client:
        async with run_injector(plane) as running:
            fixture.assemble(running.injector, client)
            await fixture.inject(running.injector)
        await fixture.later(0)
        yield fixture
    await remove(http, *fixture.namespaces)
    await fixture.clean_up()


only_namespace_robots = pytest.mark.parametrize("fixture", ["Namespace"], indirect=True)


async def test_a_sample_only_lists_the_secrets_of_its_namespaces(fixture: ProofFixture) -> None:
    seen: list[str] = []
    for _ in range(COUNT):
        mark = fixture.plane.audit.mark()
        assert isinstance(await fixture.later(), Done)
        requests = fixture.plane.audit.since(mark, user=USER)
        assert {(one.verb, one.resource, one.code) for one in requests} == {("list", "secrets", 200)}
        assert all(one.uri.endswith(f"fieldSelector=metadata.name%3D{NAME}") for one in requests)
        assert fixture.metrics.results == {"passed": SAMPLE_SIZE}
        namespaces = [one.namespace for one in requests]
        assert len(namespaces) == SAMPLE_SIZE
        if fixture.credential == "Namespace":
            assert sorted(filter(None, fixture.probe.images)) == sorted(f"{name}/app:one" for name in namespaces)
        assert None not in fixture.probe.images
        seen += namespaces
    assert sorted(seen) == sorted(fixture.namespaces * SAMPLE_SIZE)


async def test_within_the_interval_no_request_is_sent(fixture: ProofFixture) -> None:
    await fixture.later()
    mark = fixture.plane.audit.mark()
    assert isinstance(await fixture.later(INTERVAL_SECONDS - 1), Done)
    assert fixture.plane.audit.since(mark, user=USER) == []
    assert fixture.probe.images == []


@pytest.mark.parametrize(
    ("auths", "problem"),
    [
        ({"username": "robot$cr", "password": "Wrong-pass-1"}, "Harbor rejects the login in its Secret"),
        ({"auth": "bm8gY29sb24="}, "its Secret has no login for"),
    ],
)
async def test_a_changed_secret_is_found_and_its_repair_too(
    fixture: ProofFixture, auths: dict[str, str], problem: str
) -> None:
    changed = fixture.namespaces[0]
    good, host = fixture.content(changed), fixture.harbor.admin.url.partition("://")[2]
    fixture.change_secret(changed, json.dumps({"auths": {host: auths}}))
    outcomes = [await fixture.later() for _ in range(COUNT)]
    outcome = outcomes[-1]
    assert isinstance(outcome, Pending)
    assert outcome.reason is Reason.PULL_PROOF_FAILED
    assert f"'{changed}': {problem}" in outcome.message
    assert not any(name in outcome.message for name in fixture.namespaces[1:])
    assert "Wrong-pass-1" not in repr(outcomes)
    fixture.change_secret(changed, good)
    assert isinstance(await fixture.later(RETRY_SECONDS), Done)
    assert fixture.metrics.results == {"passed": 1}


@only_namespace_robots
async def test_a_disabled_robot_is_found_and_enabled_again(fixture: ProofFixture) -> None:
    disabled = fixture.namespaces[1]
    await fixture.disable_robot(disabled)
    outcome = [await fixture.later() for _ in range(COUNT)][-1]
    assert isinstance(outcome, Pending)
    assert f"'{disabled}': Harbor rejects the login in its Secret" in outcome.message
    await fixture.manager.work_through()  # its password is set again, which does not help
    fixture.seconds += 3600  # the robots are listed again
    await fixture.later(1)
    await fixture.manager.work_through()
    assert isinstance(await fixture.later(RETRY_SECONDS), Done)


@only_namespace_robots
async def test_a_harbor_that_is_down_is_no_failed_proof(fixture: ProofFixture) -> None:
    outcome = await fixture.later(internalURL=f"http://127.0.0.1:{free_port()}")
    assert isinstance(outcome, Done)
    assert fixture.metrics.results == {"unavailable": SAMPLE_SIZE}
    assert isinstance(await fixture.later(RETRY_SECONDS), Done)
    assert fixture.metrics.results == {"passed": SAMPLE_SIZE}
