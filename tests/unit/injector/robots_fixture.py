"""An injector whose namespaces have robots in a Harbor."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from pydantic import SecretStr
from typing_extensions import override

from harbor_operator.api.v1alpha1 import ConflictPolicy, NamespaceSelection
from harbor_operator.injector.deps import RuntimeDeps
from harbor_operator.injector.namespace_robots import NamespaceRobots
from harbor_operator.injector.robot_worker import RobotWorker
from harbor_operator.model.harbor import HarborEndpoint, Login
from harbor_operator.model.injection import DesiredInjection
from harbor_operator.model.outcomes import PullSecretFacts
from harbor_operator.model.robots import NamespaceRobotPolicy, RobotRotation
from harbor_operator.ports.harbor import Harbor, RegistryProbe
from harbor_operator.ports.namespace_robots import DeclaredRobots
from tests.fakes.harbor import FakeHarbor, StoredProject
from tests.unit.injector.fixture import CLAIM, NAME, InjectorFixture

STEM, OWNER = "intra-cr-pull-a222a995", "pull secrets of HarborRegistry intra/cr in cluster cluster-1"
UID = CLAIM.registry_uid


class RobotsFixture(InjectorFixture):
    """An injector whose namespaces have robots; `sync` is what the PullSecrets step does in a pass."""

    def __init__(
        self,
        port: Harbor | None = None,
        admin: HarborEndpoint | None = None,
        stem: str = STEM,
        owner: str = OWNER,
    ) -> None:
        self.harbor = FakeHarbor()
        self.port: Harbor = port or self.harbor
        self.probe: RegistryProbe = self.harbor
        self.rotation = RobotRotation(retire_after=timedelta(seconds=10))
        self.admin = admin or HarborEndpoint(self.harbor.url, login=Login("admin", SecretStr("Admin-pass-1")))
        self.stem, self.robot_owner = stem, owner
        self.shared: tuple[str, ...] = ()
        self.selectable: tuple[str, ...] = ()
        self.key = "Key-1"
        super().__init__()

    @override
    def start(self) -> None:
        super().start()
        deps = RuntimeDeps(self.clock, lambda: 0.5, self.clock.sleep, self.metrics)
        self.robots = NamespaceRobots(RobotWorker(self.port, self.probe, self.now), self.injector, deps)

    async def sync(self, *, selection: NamespaceSelection | None = None) -> None:
        existing = frozenset(await self.port.read_project_names(self.admin))
        policy = NamespaceRobotPolicy(
            self.stem,
            self.robot_owner,
            SecretStr(self.key),
            self.shared,
            self.selectable,
            existing,
            self.rotation,
        )
        contents = self.robots.declare(UID, DeclaredRobots(self.admin, policy, ("cr.example.com",), ()))
        self.robots.begin_list(UID)
        self.robots.observe(UID, await self.port.read_robots(self.admin, self.stem))
        declared = DesiredInjection(
            CLAIM,
            "intra/cr",
            selection or NamespaceSelection(),
            ConflictPolicy.REFUSE,
            None,
            contents,
            self.robots.version(UID),
        )
        self.injector.declare(declared)
        self.feed()
        self.robots.reconcile(UID)
        await self.settle_robots()

    async def settle_robots(self) -> None:
        for _ in range(3):
            await self.settle()
            await self.robots.work_through()
        await self.settle()

    def now(self) -> datetime:
        """The time of the operator, which is that of the Harbor in memory."""
        return self.harbor.now

    def project(self, *names: str) -> None:
        for name in names:
            self.harbor.projects[name] = StoredProject(len(self.harbor.projects) + 1, public=False)

    def namespace(self, name: str, projects: str | None = None) -> None:
        self.cluster.add_namespace(name, projects=projects)
        self.cluster.put_account(name, "default")

    def login(self, namespace: str) -> dict[str, str]:
        return self.hosts(namespace)["cr.example.com"]

    def hosts(self, namespace: str) -> dict[str, dict[str, str]]:
        entries: dict[str, dict[str, str]] = json.loads(self.cluster.contents[namespace, NAME])["auths"]
        return entries

    def accepts(self, login: dict[str, str]) -> bool:
        return self.harbor.accepts(login["username"], login["password"])

    def granted(self, namespace: str) -> set[str]:
        return {grant[0] for grant in self.harbor.robots[f"{STEM}.{namespace}"].observed.grants}

    @property
    def facts(self) -> PullSecretFacts:
        facts = self.injector.read(CLAIM)
        assert facts is not None
        return facts
