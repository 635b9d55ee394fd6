"""A Harbor with a project, a cluster, and the section that keeps the robots of the project."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import Any, cast

from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.harbor import HarborEndpoint, Login
from harbor_operator.model.outcomes import Blocked, Done
from harbor_operator.steps.project_robots import ProjectRobotSection
from tests.fakes.harbor import FakeHarbor, StoredProject
from tests.fakes.harbor_projects import FakeHarborProjects
from tests.fakes.kube import FakeKube

CI = "robot$team+ci"
PUSH = [{"resource": "repository", "action": action} for action in ("pull", "push")]
GRACE = timedelta(seconds=86400)


def robot(name: str = "ci", **more: Any) -> dict[str, Any]:
    return {"name": name, "access": PUSH, "secret": {"name": f"{name}-login", "type": "Opaque"}, **more}


def team(*robots: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "team", "robots": list(robots), **more}


class RobotsFixture:
    """A Harbor with project 'team', a cluster, and the section that keeps the robots; the clock is Harbor's."""

    def __init__(self) -> None:
        self.harbor = FakeHarbor()
        self.harbor.projects["team"] = StoredProject(self.harbor.next_number(), public=False)
        self.kube = FakeKube()
        self.allowed: tuple[str, ...] = ()
        self.annotations: dict[str, str] = {}
        self.numbers = count(1)
        self.start()

    def start(self) -> None:
        """Starts the operator again."""
        ports = type(
            "Ports", (), {"harbor": self.harbor, "probe": self.harbor, "projects": FakeHarborProjects(self.harbor)}
        )
        self.section = ProjectRobotSection(
            self.kube,
            cast("Any", ports),
            self.allowed,
            lambda: SecretStr(f"Generated-{next(self.numbers)}"),
            lambda: self.harbor.now,
        )

    def registry(self, *projects: dict[str, Any]) -> HarborRegistry:
        metadata = {"name": "cr", "namespace": "intra", "uid": "uid-1", "annotations": self.annotations}
        spec = {"externalURL": "https://cr.example.com", "projects": list(projects)}
        return HarborRegistry.parse({"metadata": metadata, "spec": spec}, "cluster-1")

    async def reconcile(self, *projects: dict[str, Any]) -> Done | Blocked:
        login = Login("admin", SecretStr(self.harbor.accounts["admin"][0]))
        registry = self.registry(*projects)
        return await self.section.reconcile(registry, HarborEndpoint(self.harbor.url, login=login))

    async def settled(self, *projects: dict[str, Any]) -> None:
        """Reconciles until nothing changes, and forgets what was read and written."""
        outcome = await self.reconcile(*projects)
        while outcome.changes:
            outcome = await self.reconcile(*projects)
        assert isinstance(outcome, Done), outcome
        for record in (self.harbor.writes, self.harbor.robot_lists, self.kube.writes):
            record.clear()

    def login(self, name: str = "ci-login", namespace: str = "intra") -> tuple[str, str]:
        values = self.kube.values(namespace, name)
        return values["username"], values["password"]
