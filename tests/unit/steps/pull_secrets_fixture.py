"""The PullSecrets step with a Harbor, an API server and an injector."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.injector.deps import RuntimeDeps
from harbor_operator.injector.namespace_robots import NamespaceRobots
from harbor_operator.injector.robot_worker import RobotWorker
from harbor_operator.model.admission import AdmissionKind
from harbor_operator.model.injection import Claim
from harbor_operator.model.outcomes import Outcome, PullSecretFacts
from harbor_operator.model.pull_proof import ProofResult
from harbor_operator.steps.injection_grants import InjectionGrants
from harbor_operator.steps.pull_admission import SETTLE_SECONDS, PullAdmission
from harbor_operator.steps.pull_credential import PullCredential
from harbor_operator.steps.pull_images import PullImages
from harbor_operator.steps.pull_namespace_robots import PullNamespaceRobots
from harbor_operator.steps.pull_robot import PullRobot
from harbor_operator.steps.pull_secrets import BackgroundWork, PullSecretsStep
from harbor_operator.steps.sampled_pull_proof import ProofDeps, SampledPullProof
from tests.fakes.admission import FakeAdmission
from tests.fakes.harbor import FakeHarbor
from tests.fakes.harbor_projects import FakeHarborProjects
from tests.fakes.injected_secrets import FakeInjectedSecrets
from tests.fakes.injection import FakeInjection
from tests.fakes.kube import FakeKube
from tests.fakes.stuck_pods import FakeStuckPodEviction
from tests.unit.injector.fixture import Metrics

CLUSTER = "cluster-1"
DEPS = RuntimeDeps(lambda: 0.0, lambda: 0.5, lambda _: asyncio.sleep(0), Metrics())
ROBOT = "robot$intra-cr-pull-a222a995"
ROBOT_SECRET = "hreg-cr-pull-robot"
BY_HAND = {"secretRef": {"name": "pull-account"}}
ALL_READY = PullSecretFacts(namespaces=3, ready=3, failed=0)
CLAIM = Claim("uid-1", "harbor-pull", ("default",))
OLD = Claim("uid-1", "old-pull", ("default",))
PROOF_INTERVAL_SECONDS = 600.0
POLICY = "harbor-operator.intra.cr"
INJECTED = {"secretName": "harbor-pull", "serviceAccounts": ["default"]}
INJECTED_BY_POLICY = {**INJECTED, "admissionPolicy": POLICY}


def body(section: dict[str, Any] | None = None, *, keep: bool = False, status: Any = None) -> dict[str, Any]:
    spec: dict[str, Any] = {"externalURL": "https://cr.example.com"}
    spec["pullSecrets"] = {"credential": {"robot": {}}} if section is None else section
    spec["deletionPolicy"] = {"pullSecrets": "Retain" if keep else "Delete"}
    metadata = {"name": "cr", "namespace": "intra", "uid": "uid-1", "creationTimestamp": "2026-11-23T12:00:00Z"}
    manifest = {"metadata": metadata, "spec": spec}
    return {**manifest, "status": {"pullSecrets": status}} if status else manifest


def registry(section: dict[str, Any] | None = None, *, keep: bool = False, status: Any = None) -> HarborRegistry:
    return HarborRegistry.parse(body(section, keep=keep, status=status), CLUSTER)


def without_section(status: Any = None) -> HarborRegistry:
    manifest = body(status=status)
    del manifest["spec"]["pullSecrets"]
    return HarborRegistry.parse(manifest, CLUSTER)


def enabled(status: Any = None, *, keep: bool = False, **section: Any) -> HarborRegistry:
    """A registry that asks for an admission policy."""
    wanted = {"credential": {"robot": {}}, "admissionPolicy": "Enabled", **section}
    return registry(wanted, status=status, keep=keep)


def facts_of(outcome: Outcome) -> PullSecretFacts:
    assert outcome.facts.pull_secrets is not None
    return outcome.facts.pull_secrets


class CountedProofs:
    """The metrics of the proofs: how many ended with each result."""

    def __init__(self) -> None:
        self.results: Counter[str] = Counter()

    def proved(self, registry_namespace: str, registry_name: str, result: ProofResult) -> None:
        assert (registry_namespace, registry_name) == ("intra", "cr")
        self.results[result] += 1


@dataclass
class PullSecretsFixture:
    kube: FakeKube = field(default_factory=FakeKube)
    harbor: FakeHarbor = field(default_factory=FakeHarbor)
    injection: FakeInjection = field(default_factory=FakeInjection)
    admission: FakeAdmission = field(default_factory=FakeAdmission)
    now: float = 1000.0
    passwords: int = 0
    granted: tuple[str, ...] = ("intra",)
    injected: FakeInjectedSecrets = field(default_factory=FakeInjectedSecrets)
    proofs: CountedProofs = field(default_factory=CountedProofs)
    sample_size: int = 3
    stuck_pods: FakeStuckPodEviction = field(default_factory=FakeStuckPodEviction)

    def __post_init__(self) -> None:
        self.injection.progress = ALL_READY
        self.harbor.project_creation = "adminonly"
        self.kube.put("intra", "hreg-cr-admin-password", {"password": self.harbor.accounts["admin"][0]})
        self.restart()

    def restart(self, through: Callable[[Any], Any] = lambda target: target) -> None:
        """Starts the operator again; it reaches Harbor and the API server as `through` wraps them."""
        kube, harbor = through(self.kube), through(self.harbor)
        robot = PullRobot(kube, harbor, harbor, self.make_password, lambda: self.harbor.now)
        self.manager = NamespaceRobots(RobotWorker(harbor, harbor, lambda: self.harbor.now), self.injection, DEPS)
        namespace_robots = PullNamespaceRobots(kube, harbor, self.manager, self.make_password)
        credential = PullCredential(kube, harbor, harbor, robot, namespace_robots)
        admission = PullAdmission(self.admission, lambda: self.now)
        grants = InjectionGrants(self.kube, self.granted)
        images = PullImages(kube, harbor, FakeHarborProjects(self.harbor), credential)
        deps = ProofDeps(self.sample_size, PROOF_INTERVAL_SECONDS, lambda: self.harbor.now, self.proofs)
        proof = SampledPullProof(self.injection, self.injected, harbor, images, deps)
        background = BackgroundWork(self.injection, self.stuck_pods)
        self.step = PullSecretsStep(grants, credential, background, admission, proof)

    def make_password(self) -> SecretStr:
        """Returns 'Generated-1', then 'Generated-2' and so on."""
        self.passwords += 1
        return SecretStr(f"Generated-{self.passwords}")

    def account(self, username: str = "puller", *, is_admin: bool = False) -> None:
        self.harbor.accounts[username] = ("Account-pass-1", is_admin)
        self.kube.put("intra", "pull-account", {"username": username, "password": "Account-pass-1"})

    def accepts(self, login: Mapping[str, str]) -> bool:
        """Whether Harbor accepts a login of a pull Secret."""
        return self.harbor.accepts(login["username"], login["password"])

    @property
    def login(self) -> dict[str, str]:
        entry: dict[str, str] = self.logins["cr.example.com"]
        return entry

    @property
    def logins(self) -> dict[str, dict[str, str]]:
        """What the pull Secret of every namespace contains, by host."""
        docker_config = self.injection.desired["uid-1"].docker_config
        assert docker_config is not None
        logins: dict[str, dict[str, str]] = json.loads(docker_config.get_secret_value())["auths"]
        return logins

    @property
    def policies(self) -> list[AdmissionKind]:
        """What the API server holds of our admission policy."""
        return [kind for kind, name in self.admission.objects if name == POLICY]

    async def settle(self, wanted: HarborRegistry) -> Outcome:
        """Converges, and again when what was written is in force."""
        await self.step.reconcile(wanted)
        self.now += SETTLE_SECONDS
        return await self.step.reconcile(wanted)
