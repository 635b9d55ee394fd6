"""Harbor's API: reads are real, and writes are recorded with the fields that differ."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any, NoReturn

from pydantic import SecretStr

from harbor_operator.api.projects import Role
from harbor_operator.kubectl.plan import Action
from harbor_operator.kubectl.planning.differences import changed, described, differences
from harbor_operator.kubectl.planning.recorder import PlanEnds, RecordedPort, Recorder
from harbor_operator.model.harbor import (
    DesiredRobot,
    Grant,
    HarborEndpoint,
    ObservedRobot,
    ObservedSetting,
    SettingValue,
)
from harbor_operator.model.projects import (
    UNLIMITED,
    DesiredMember,
    DesiredProject,
    DesiredRegistry,
    ObservedMember,
    ObservedProject,
    ObservedQuota,
    ObservedRegistry,
)
from harbor_operator.model.reachability import PullResult
from harbor_operator.model.replications import ObservedReplication, Replication
from harbor_operator.model.schedules import DesiredSchedule, ObservedSchedule, SystemJob
from harbor_operator.plan.projects import ADMIN, GIB, ROLES
from harbor_operator.plan.schedules import NONE, differing_parameters

_ROLE_NAMES = {number: str(role) for role, number in ROLES.items()}
_LOGIN = "its login is written"


class PlannedHarbor(RecordedPort):
    """Robots; a login that is set in this plan counts as accepted."""

    def __init__(self, harbor: Any, recorder: Recorder) -> None:
        super().__init__(harbor, recorder)
        self._set: set[str] = set()

    async def create_robot(self, _endpoint: HarborEndpoint, desired: DesiredRobot) -> ObservedRobot:
        """Records the robot, and returns it under its name without Harbor's prefix."""
        self._recorder.record(Action.CREATE, f"robot '{desired.full_name}'", described(desired))
        grants, days = desired.grants, desired.duration_days
        return ObservedRobot(0, desired.full_name, desired.description, grants, days)

    async def update_robot(self, _endpoint: HarborEndpoint, robot: ObservedRobot, desired: DesiredRobot) -> None:
        """Records what differs."""
        is_same = robot.grants == desired.grants
        grants = [] if is_same else [changed("rights", _rights(robot.grants), _rights(desired.grants))]
        self._recorder.record(Action.CHANGE, f"robot '{robot.login}'", [*differences(robot, desired), *grants])

    async def set_robot_secret(self, _endpoint: HarborEndpoint, robot: ObservedRobot, _secret: SecretStr) -> None:
        """Records the password of a robot, which Harbor then accepts."""
        self._set.add(robot.login)
        self._recorder.record(Action.CHANGE, f"robot '{robot.login}'", ["password set to the one in its Secret"])

    async def remove_robot(self, _endpoint: HarborEndpoint, robot: ObservedRobot) -> None:
        """Records the removal."""
        self._recorder.record(Action.REMOVE, f"robot '{robot.login}'")

    async def read_project_robots(self, endpoint: HarborEndpoint, project: ObservedProject) -> list[ObservedRobot]:
        """Returns the robots of a project; one that the plan creates has none."""
        if not project.number:
            return []
        found: list[ObservedRobot] = await self._port.read_project_robots(endpoint, project)
        return found

    def is_set(self, endpoint: HarborEndpoint) -> bool:
        """Whether the password of the login is set in this plan."""
        return endpoint.login is not None and endpoint.login.username in self._set


class PlannedProbe(RecordedPort):
    """The registry as a client; a pull is not tried, because Harbor records it."""

    def __init__(self, probe: Any, harbor: PlannedHarbor, recorder: Recorder) -> None:
        super().__init__(probe, recorder)
        self._harbor = harbor

    async def try_login(self, endpoint: HarborEndpoint) -> bool:
        """Returns whether the registry accepts the login, or would after the changes."""
        return self._harbor.is_set(endpoint) or bool(await self._port.try_login(endpoint))

    async def try_pull(self, _endpoint: HarborEndpoint, _manifest: str | None) -> PullResult:
        """Returns a success."""
        return PullResult(200, 200)


class PlannedAccounts(RecordedPort):
    """The administrator's account."""

    async def change_password(self, _endpoint: HarborEndpoint, _password: SecretStr) -> NoReturn:
        """Records the change; Harbor accepts no other login until then."""
        detail = "password set to the one in its Secret"
        self._recorder.record(Action.CHANGE, "user 'admin' of Harbor", [detail])
        raise PlanEnds("what follows in Harbor, because the password of user 'admin' is changed first")


class PlannedConfiguration(RecordedPort):
    """Harbor's settings; each is a line of its own."""

    _observed: Mapping[str, ObservedSetting] = {}

    async def read_configuration(self, endpoint: HarborEndpoint) -> Mapping[str, ObservedSetting]:
        """Returns the settings of Harbor."""
        self._observed = await self._port.read_configuration(endpoint)
        return self._observed

    async def write_configuration(
        self, _endpoint: HarborEndpoint, changes: Mapping[str, SettingValue | SecretStr]
    ) -> None:
        """Records each setting."""
        for name, value in changes.items():
            before = self._observed[name].value if name in self._observed else None
            self._recorder.record(Action.CHANGE, f"setting '{name}'", [changed(name, before, value)])


class PlannedLogins(RecordedPort):
    """Harbor's own tests of the servers through which people log in: not made, because they are no reads."""

    async def try_oidc(self, _endpoint: HarborEndpoint, _url: str, *, verify: bool) -> bool:  # noqa: ARG002
        """Returns a success."""
        return True

    async def try_ldap(self, _endpoint: HarborEndpoint, _connection: object) -> str:
        """Returns a success."""
        return ""

    async def try_ldap_search(self, _endpoint: HarborEndpoint) -> bool:
        """Returns a success."""
        return True


class PlannedProjects(RecordedPort):
    """Projects; one that the plan creates exists for the steps that follow."""

    def __init__(self, projects: Any, recorder: Recorder) -> None:
        super().__init__(projects, recorder)
        self._observed: dict[str, ObservedProject] = {}
        self.created: dict[str, ObservedProject] = {}

    async def find_projects(self, endpoint: HarborEndpoint, names: Collection[str]) -> Mapping[str, ObservedProject]:
        """Returns those of the projects that exist, or that the plan has created."""
        found = await self._port.find_projects(endpoint, names)
        self._observed.update(found)
        return {**{name: one for name, one in self.created.items() if name in names}, **found}

    async def create_project(self, _endpoint: HarborEndpoint, desired: DesiredProject) -> None:
        """Records the project."""
        limit = [f"quota: {_size(desired.storage_limit)}"]
        details = [*described(replace(desired, storage_limit=UNLIMITED, registry=0)), *limit]
        mirror = ["mirrors a registry"] if desired.registry else []
        self._recorder.record(Action.CREATE, _project(desired.name), [*details, *mirror])
        self.created[desired.name] = ObservedProject(0, desired.name, desired.public)

    async def update_project(self, _endpoint: HarborEndpoint, desired: DesiredProject) -> None:
        """Records the settings that differ."""
        self._recorder.record(Action.CHANGE, _project(desired.name), _settings(self._observed[desired.name], desired))

    async def set_quota(self, _endpoint: HarborEndpoint, quota: ObservedQuota, storage_limit: int) -> None:
        """Records the quota."""
        name = next(one.name for one in self._observed.values() if one.number == quota.project)
        detail = f"quota: {_size(quota.storage_limit)} -> {_size(storage_limit)}"
        self._recorder.record(Action.CHANGE, _project(name), [detail])

    async def read_members(self, endpoint: HarborEndpoint, project: str) -> list[ObservedMember]:
        """Returns the members; Harbor makes the administrator one of a new project."""
        if project in self.created:
            return [ObservedMember(0, ROLES[Role.PROJECT_ADMIN], ADMIN, entity=1)]
        found: list[ObservedMember] = await self._port.read_members(endpoint, project)
        return found

    async def add_member(self, _endpoint: HarborEndpoint, project: str, desired: DesiredMember) -> None:
        """Records the member."""
        role = _ROLE_NAMES[desired.role]
        self._recorder.record(Action.CHANGE, _project(project), [f"member '{desired.name}': added as {role}"])

    async def set_role(self, _endpoint: HarborEndpoint, project: str, member: ObservedMember, role: int) -> None:
        """Records the role."""
        before = _ROLE_NAMES.get(member.role, str(member.role))
        self._recorder.record(
            Action.CHANGE, _project(project), [f"member '{member.name}': {before} -> {_ROLE_NAMES[role]}"]
        )

    async def remove_member(self, _endpoint: HarborEndpoint, project: str, member: ObservedMember) -> None:
        """Records the removal."""
        self._recorder.record(Action.CHANGE, _project(project), [f"member '{member.name}': removed"])


class PlannedRegistries(RecordedPort):
    """Endpoints of other registries; one that the plan creates exists for the steps that follow."""

    def __init__(self, registries: Any, recorder: Recorder) -> None:
        super().__init__(registries, recorder)
        self._created: dict[str, ObservedRegistry] = {}

    async def read_registries(self, endpoint: HarborEndpoint) -> Mapping[str, ObservedRegistry]:
        """Returns the endpoints that exist, or that the plan has created."""
        return {**self._created, **await self._port.read_registries(endpoint)}

    async def create_registry(self, _endpoint: HarborEndpoint, desired: DesiredRegistry) -> None:
        """Records the endpoint."""
        number = -1 - len(self._created)  # the id of no registry: 0 is this Harbor
        self._created[desired.name] = ObservedRegistry(
            number, desired.name, desired.type, desired.url, desired.is_insecure, desired.access_key
        )
        self._recorder.record(Action.CREATE, f"registry '{desired.name}'", described(desired))

    async def update_registry(
        self, _endpoint: HarborEndpoint, observed: ObservedRegistry, desired: DesiredRegistry
    ) -> None:
        """Records what differs; Harbor does not say which password it has."""
        self._recorder.record(Action.CHANGE, f"registry '{desired.name}'", [*differences(observed, desired), _LOGIN])


class PlannedReplications(RecordedPort):
    """Replication rules."""

    async def create_replication(self, _endpoint: HarborEndpoint, desired: Replication) -> None:
        """Records the rule."""
        self._recorder.record(Action.CREATE, f"replication '{desired.name}'", described(desired))

    async def update_replication(
        self, _endpoint: HarborEndpoint, observed: ObservedReplication, desired: Replication
    ) -> None:
        """Records what differs."""
        details = differences(observed.rule, desired) if observed.rule else described(desired)
        self._recorder.record(Action.CHANGE, f"replication '{desired.name}'", details)


class PlannedSchedules(RecordedPort):
    """Schedules of Harbor's own jobs."""

    def __init__(self, schedules: Any, recorder: Recorder) -> None:
        super().__init__(schedules, recorder)
        self._observed: dict[SystemJob, ObservedSchedule | None] = {}

    async def read_schedule(self, endpoint: HarborEndpoint, job: SystemJob) -> ObservedSchedule | None:
        """Returns the schedule of the job."""
        self._observed[job] = await self._port.read_schedule(endpoint, job)
        return self._observed[job]

    async def set_schedule(self, _endpoint: HarborEndpoint, desired: DesiredSchedule) -> None:
        """Records what differs."""
        before, subject = self._observed[desired.job], f"schedule '{desired.job}'"
        if desired.kind == NONE:
            self._recorder.record(Action.REMOVE, subject)
        elif before is None:
            self._recorder.record(Action.CREATE, subject, described(desired))
        else:
            cron = [changed("cron", before.cron, desired.cron)] if before.cron != desired.cron else []
            parameters = differing_parameters(desired, before)
            details = [changed(name, value, desired.parameters[name]) for name, value in parameters.items()]
            self._recorder.record(Action.CHANGE, subject, [*cron, *details] or ["dry_run, which Harbor does not show"])


def _project(name: str) -> str:
    return f"project '{name}'"


def _size(limit: int) -> str:
    return "unlimited" if limit == UNLIMITED else f"{limit / GIB:g} GiB"


def _settings(before: ObservedProject, after: DesiredProject) -> Iterator[str]:
    if before.public != after.public:
        yield changed("public", before.public, after.public)
    for name, value in after.metadata.items():
        if before.metadata.get(name) != value:
            yield changed(name, before.metadata.get(name), value)
    if after.allowed_cves is not None and after.allowed_cves != before.allowed_cves:
        yield changed("allowed_cves", before.allowed_cves, after.allowed_cves)


def _rights(grants: frozenset[Grant]) -> list[str]:
    return sorted(f"{project}: {resource} {action}" for project, resource, action in grants)
