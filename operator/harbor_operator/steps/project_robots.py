"""The part of Configured that keeps the robots of projects and the Secrets with their logins.

Harbor lists robots project by project only. So a pass reads them, as it does the policies of projects, for the projects
of which something has changed or is due, and for a bounded number of the others in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import SecretStr

from harbor_operator.api.projects import Project, Unlisted
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.project_robots import project_missing
from harbor_operator.model.harbor import HarborEndpoint, ObservedRobot
from harbor_operator.model.kubernetes import StoredSecret
from harbor_operator.model.outcomes import Blocked, Done, Facts, StatusWarning
from harbor_operator.model.project_robots import RobotKey, RobotState
from harbor_operator.model.projects import ObservedProject
from harbor_operator.plan.names import label_selector, project_robot_secret
from harbor_operator.plan.project_robots import describe_robots, owned_name, read_state, state_labels
from harbor_operator.plan.pull_secrets import image_hosts
from harbor_operator.plan.robot_rotation import is_due
from harbor_operator.ports import Refused
from harbor_operator.ports.harbor_ports import HarborPorts
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.steps.login_secrets import LoginSecrets
from harbor_operator.steps.outcomes import BlockedError
from harbor_operator.steps.project_policies import due_projects
from harbor_operator.steps.project_robot import ProjectRobotAccount, RobotPass


@dataclass(frozen=True, slots=True)
class _Version:
    """What tells that the robots of a project must be read: the spec, the Secrets, and whether a step is due."""

    project: Project
    hosts: tuple[str, ...]
    states: Mapping[RobotKey, RobotState]
    secrets: tuple[StoredSecret | None, ...]
    is_due: bool


@dataclass(slots=True)
class _Memory:
    """What is known of one registry: projects as verified, their numbers, and the robots in use."""

    verified: dict[str, _Version] = field(default_factory=dict)
    projects: dict[str, ObservedProject] = field(default_factory=dict)
    used: dict[RobotKey, ObservedRobot] = field(default_factory=dict)


@dataclass(slots=True)
class _ProjectPass:
    """What one pass knows of a project and has done there; `states` are those of all robots."""

    registry: HarborRegistry
    admin: HarborEndpoint
    project: Project
    states: dict[RobotKey, RobotState]
    listed: list[ObservedRobot] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    warnings: list[StatusWarning] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


class ProjectRobotSection:
    """Creates robots and corrects them; one that is refused stops no other.

    Deletes a robot only if it was created for this registry, is not in the spec, and its project says so.
    """

    def __init__(
        self,
        kube: NamespaceResources,
        ports: HarborPorts,
        allowed: tuple[str, ...],
        make_password: Callable[[], SecretStr],
        clock: Callable[[], datetime],
    ) -> None:
        self._kube = kube
        self._harbor = ports.harbor
        self._projects = ports.projects
        self._secrets = LoginSecrets(kube, allowed)
        self._account = ProjectRobotAccount(kube, ports, self._secrets, make_password, clock)
        self._clock = clock
        self._memory: dict[str, _Memory] = {}

    def is_requested(self, registry: HarborRegistry) -> bool:
        """Whether a project has a robot, or lost one that it may delete."""
        return any(project.robots or project.unlisted is Unlisted.DELETE for project in registry.spec.projects)

    async def reconcile(self, registry: HarborRegistry, admin: HarborEndpoint) -> Done | Blocked:
        """Compares the robots with the spec, project by project, and writes the difference."""
        states = await self._read_states(registry)
        memory = self._memory.setdefault(registry.metadata.uid, _Memory())
        projects = {project.name: project for project in registry.spec.projects if _has_work(project, states)}
        versions = {name: await self._version(registry, project, states) for name, project in projects.items()}
        passes: list[_ProjectPass] = []
        for name in due_projects(versions, memory.verified):
            memory.verified.pop(name, None)
            work = _ProjectPass(registry, admin, projects[name], states)
            await self._reconcile_project(work)
            if not work.changes and not work.refused and not versions[name].is_due:
                memory.verified[name] = versions[name]
            passes.append(work)
        return _outcome(registry, states, passes)

    async def remove(self, registry: HarborRegistry) -> None:
        """Forgets what was verified; robots and Secrets stay, so that pipelines go on."""
        self._memory.pop(registry.metadata.uid, None)

    async def _read_states(self, registry: HarborRegistry) -> dict[RobotKey, RobotState]:
        selector = label_selector(state_labels(registry))
        stored = await self._kube.read_secrets(registry.metadata.namespace, selector)
        states = {secret.name: read_state(secret) for secret in stored}
        # Another client can give a Secret the same labels.
        return {key: state for name, (key, state) in states.items() if name == project_robot_secret(registry, *key)}

    async def _version(
        self, registry: HarborRegistry, project: Project, states: Mapping[RobotKey, RobotState]
    ) -> _Version:
        mine = {key: state for key, state in states.items() if key[0] == project.name}
        used, secrets, due = self._memory[registry.metadata.uid].used, list[StoredSecret | None](), False
        for robot in project.robots:
            key = project.name, robot.name
            credential = mine.get(key, RobotState()).credential
            due |= credential.candidate is not None or credential.retires
            due |= is_due(registry, robot, credential, used.get(key), self._clock())
            try:
                secrets.append(await self._secrets.read(registry, key, robot))
            except Refused:  # `_reconcile_project` reads it again and reports it
                due = True
        return _Version(project, image_hosts(registry), mine, tuple(secrets), due)

    async def _reconcile_project(self, work: _ProjectPass) -> None:
        used = self._memory[work.registry.metadata.uid].used
        try:
            work.listed = await self._list(work.registry, work.admin, work.project)
        except Refused as error:
            work.refused.append(error)
            return
        if work.project.unlisted is Unlisted.DELETE:
            await self._remove_unlisted(work)
        for robot in work.project.robots:
            key = work.project.name, robot.name
            state = work.states.get(key, RobotState())
            one = RobotPass(work.registry, work.admin, work.project.name, robot, work.listed, state)
            try:
                await self._account.ensure(one)
            except Refused as error:
                work.refused.append(error)
            work.changes += one.changes
            work.warnings += one.warnings
            work.states[key] = one.state
            if one.used:
                used[key] = one.used

    async def _list(self, registry: HarborRegistry, admin: HarborEndpoint, project: Project) -> list[ObservedRobot]:
        """Returns the robots of a project; its number is looked up if it is not known, or has no robot."""
        numbers = self._memory[registry.metadata.uid].projects
        if (known := numbers.get(project.name)) and (listed := await self._harbor.read_project_robots(admin, known)):
            return listed
        found = (await self._projects.find_projects(admin, {project.name})).get(project.name)
        if found is None:
            raise BlockedError(project_missing(project.name))
        numbers[project.name] = found
        return await self._harbor.read_project_robots(admin, found)

    async def _remove_unlisted(self, work: _ProjectPass) -> None:
        registry, project = work.registry, work.project
        names = {robot.name for robot in project.robots}
        for robot in list(work.listed):
            if (owned := owned_name(registry, project.name, robot)) is not None and owned not in names:
                try:
                    await self._harbor.remove_robot(work.admin, robot)
                except Refused as error:
                    work.refused.append(error)
                    continue
                work.listed.remove(robot)
                work.changes.append(f"removed robot '{robot.login}'")
        # What is stored is the reason to look for a robot, so it stays as long as the robot.
        kept = names | {owned_name(registry, project.name, robot) for robot in work.listed}
        for key in [key for key in work.states if key[0] == project.name and key[1] not in kept]:
            try:
                work.changes += await self._account.forget(registry, key, work.states[key])
            except Refused as error:
                work.refused.append(error)
            else:
                del work.states[key]


def _has_work(project: Project, states: Mapping[RobotKey, RobotState]) -> bool:
    is_left = project.unlisted is Unlisted.DELETE and any(name == project.name for name, _ in states)
    return bool(project.robots) or is_left


def _outcome(
    registry: HarborRegistry, states: Mapping[RobotKey, RobotState], passes: Sequence[_ProjectPass]
) -> Done | Blocked:
    wanted = [(project.name, robot.name) for project in registry.spec.projects for robot in project.robots]
    credentials = [states[key].credential for key in wanted if key in states]
    facts = Facts(project_robots=describe_robots(credentials, len(wanted)))
    changes = tuple(change for one in passes for change in one.changes)
    warnings = tuple(warning for one in passes for warning in one.warnings)
    if refused := [error for one in passes for error in one.refused]:
        return Blocked(refused[0].reason, "; ".join(dict.fromkeys(map(str, refused))), facts, warnings, changes)
    count = f"{len(wanted)} {'robot of a project is' if len(wanted) == 1 else 'robots of projects are'}"
    return Done(f"{count} as the spec says" if wanted else "", facts=facts, warnings=warnings, changes=changes)
