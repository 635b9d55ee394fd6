"""A Harbor in memory: both of its ports over the same state, with the special cases of the real one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from harbor_operator.api.robot import EVERY_PROJECT
from harbor_operator.model.harbor import (
    EVERYONE,
    AccountSettings,
    DesiredRobot,
    HarborEndpoint,
    Identity,
    Login,
    ObservedRobot,
    SystemInfo,
)
from harbor_operator.model.projects import ObservedMember, ObservedProject
from harbor_operator.model.reachability import (
    AnnouncedBody,
    Certificate,
    Component,
    PullResult,
    UploadResult,
    V2Response,
)
from harbor_operator.plan.pull_secrets import is_strong
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason

URL = "https://cr.example.com"


@dataclass
class StoredProject:
    """A project as the fake keeps it."""

    number: int
    public: bool
    storage_limit: int = -1
    images: list[str] = field(default_factory=list)
    registry: int = 0
    metadata: dict[str, str] = field(default_factory=dict)
    allowed_cves: frozenset[str] = frozenset()
    members: list[ObservedMember] = field(default_factory=list)


@dataclass
class StoredRobot:
    """A robot as the fake keeps it: the name without prefix is its key."""

    observed: ObservedRobot
    secret: str = "Chosen-by-harbor-1"


class FakeHarbor:
    """A Harbor in attributes that a test sets; `writes` lists the changes, `uploads` the trial uploads.

    `unanswered` counts the requests while it is down; the logins of robots in `rejected` fail although they are right.
    """

    def __init__(self, url: str = URL, admin_password: str = "Admin-pass-1") -> None:
        self.url = url
        self.down = False
        self.unanswered = 0
        self.read_only = False
        self.version = "2.15.2"
        self.keeps_quotas = True
        self.project_creation = EVERYONE
        self.accepts_tokens = True
        self.prefix = "robot$"
        self.certificate: Certificate | None = Certificate(("cr.example.com",), datetime(2030, 1, 1, tzinfo=UTC))
        self.v2_response = V2Response(401, f'Bearer realm="{url}/service/token",service="harbor-registry"')
        self.health: tuple[Component, ...] = (Component("core", healthy=True), Component("redis", healthy=True))
        self.upload = UploadResult(202, "/v2/library/x/blobs/uploads/1?_state=a", 202)
        self.accounts = {"admin": (admin_password, True)}
        self.pushers: dict[str, set[str]] = {}
        self.unknown_to_api: set[str] = set()
        self.projects = {"library": StoredProject(1, public=True)}
        self.robots: dict[str, StoredRobot] = {}
        self.last_pulls: dict[str, datetime] = {}
        self.rejected: set[str] = set()
        self.now = datetime(2026, 11, 23, 12, tzinfo=UTC)
        self.writes: list[str] = []
        self.robot_lists: list[str] = []
        self.uploads: list[str] = []
        self.announced: list[int] = []
        self.max_body = 0
        self.body_answer = AnnouncedBody.REACHED
        self._number = 1

    def accepts(self, username: str, password: str) -> bool:
        """Whether a login works."""
        endpoint = HarborEndpoint(self.url, login=Login(username, SecretStr(password)))
        return self._identity(endpoint) is not Identity.ANONYMOUS

    # As a client

    async def read_certificate(self, endpoint: HarborEndpoint) -> Certificate | None:
        self._answer()
        return self.certificate

    async def read_v2_response(self, endpoint: HarborEndpoint) -> V2Response:
        self._answer()
        return self.v2_response

    async def read_health(self, endpoint: HarborEndpoint) -> tuple[Component, ...]:
        self._answer()
        return self.health

    async def try_login(self, endpoint: HarborEndpoint) -> bool:
        self._answer()
        return self._identity(endpoint) is not Identity.ANONYMOUS

    async def try_upload(self, endpoint: HarborEndpoint, repository: str, size: int) -> UploadResult:
        self._answer()
        if self._identity(endpoint) is not Identity.ADMIN or repository.partition("/")[0] not in self.projects:
            return UploadResult(401)
        if self.read_only:
            return UploadResult(403)
        self.uploads.append(repository)
        return self.upload

    async def announce_body(self, endpoint: HarborEndpoint, size: int) -> AnnouncedBody:
        self._answer()
        self.announced.append(size)
        if self.max_body and size > self.max_body:
            return AnnouncedBody.REFUSED
        return self.body_answer

    async def try_pull(self, endpoint: HarborEndpoint, manifest: str | None) -> PullResult:
        self._answer()
        if self._identity(endpoint) is Identity.ANONYMOUS and manifest is None:
            return PullResult(401)
        if not self.accepts_tokens:
            return PullResult(200, 401, 401 if manifest else None)
        if manifest is None:
            return PullResult(200, 200)
        v2_response = 401 if self._identity(endpoint) is Identity.ANONYMOUS else 200
        return PullResult(200, v2_response, self._manifest(endpoint, manifest))

    async def read_pushable(self, endpoint: HarborEndpoint, projects: Sequence[str]) -> tuple[str, ...]:
        self._answer()
        identity, login = self._identity(endpoint), endpoint.login
        if identity is Identity.ADMIN:
            return tuple(project for project in projects if project in self.projects)
        robot = self._robot_of(login.username) if login and identity is Identity.ROBOT else None
        grants = robot.observed.grants if robot else frozenset()
        pushers = {project for project, _, action in grants if action in {"push", "delete"}}
        pushers |= self.pushers.get(login.username, set()) if login and identity is Identity.USER else set()
        return tuple(project for project in projects if pushers & {EVERY_PROJECT, project})

    # As the administrator

    async def read_identity(self, endpoint: HarborEndpoint) -> Identity:
        self._answer()
        if endpoint.login is not None and endpoint.login.username in self.unknown_to_api:
            return Identity.ANONYMOUS
        return self._identity(endpoint)

    async def read_system(self, endpoint: HarborEndpoint) -> SystemInfo:
        self._answer()
        if self._identity(endpoint) is Identity.ANONYMOUS:
            return SystemInfo()
        return SystemInfo(self.version, self.read_only)

    async def read_account_settings(self, endpoint: HarborEndpoint) -> AccountSettings:
        self.must_be_admin(endpoint)
        return AccountSettings(self.project_creation, self.prefix)

    async def read_projects(self, endpoint: HarborEndpoint) -> list[ObservedProject]:
        self._answer()
        return [self.observed(name) for name in self.projects]

    async def read_project_names(self, endpoint: HarborEndpoint) -> list[str]:
        self._answer()
        return list(self.projects)

    async def read_image(self, endpoint: HarborEndpoint, project: str) -> str | None:
        self.must_be_admin(endpoint)
        return next(iter(self.projects[project].images), None)

    async def read_robots(self, endpoint: HarborEndpoint, text: str) -> list[ObservedRobot]:
        self.must_be_admin(endpoint)
        found = {name: robot.observed for name, robot in self.robots.items() if text in name and "+" not in name}
        return [replace(robot, login=self.prefix + name) for name, robot in found.items()]

    async def read_project_robots(self, endpoint: HarborEndpoint, project: ObservedProject) -> list[ObservedRobot]:
        self.must_be_admin(endpoint)
        self.robot_lists.append(project.name)
        is_current = project.name in self.projects and self.projects[project.name].number == project.number
        found = {name: one.observed for name, one in self.robots.items() if name.startswith(f"{project.name}+")}
        return [replace(robot, login=self.prefix + name) for name, robot in found.items()] if is_current else []

    async def find_robot(self, endpoint: HarborEndpoint, login: str, prefix: str) -> ObservedRobot | None:
        self.must_be_admin(endpoint)
        found = self.robots.get(login.removeprefix(prefix)) if login.startswith(prefix) else None
        return replace(found.observed, login=login) if found and prefix == self.prefix else None

    async def read_last_pull(self, endpoint: HarborEndpoint, login: str) -> datetime | None:
        self.must_be_admin(endpoint)
        return self.last_pulls.get(login)

    async def read_last_use(self, endpoint: HarborEndpoint, login: str) -> datetime | None:
        return await self.read_last_pull(endpoint, login)

    async def create_robot(self, endpoint: HarborEndpoint, desired: DesiredRobot) -> ObservedRobot:
        self.must_be_admin(endpoint)
        if desired.full_name in self.robots:
            raise Refused(Reason.ROBOT_REFUSED, f"robot account 0:{desired.full_name} already exists")
        absent = [name for name in desired.projects if name != EVERY_PROJECT and name not in self.projects]
        if absent:
            raise Refused(Reason.ROBOT_REFUSED, f"project {absent[0]} not found")
        expires_at = self.now + timedelta(days=desired.duration_days) if desired.expires else None
        rights = (desired.description, desired.grants, desired.duration_days)
        robot = ObservedRobot(
            self.next_number(), self.prefix + desired.full_name, *rights, expires_at, created_at=self.now
        )
        self.robots[desired.full_name] = StoredRobot(replace(robot, updated_at=self.now))
        self.writes.append(f"create robot {desired.full_name}")
        return robot

    async def update_robot(self, endpoint: HarborEndpoint, robot: ObservedRobot, desired: DesiredRobot) -> None:
        self.must_be_admin(endpoint)
        name = robot.login.removeprefix(self.prefix)
        rights = replace(robot, grants=desired.grants, description=desired.description, updated_at=self.now)
        ends = replace(rights, duration_days=desired.duration_days, is_enabled=desired.is_enabled)
        self.robots[name].observed = ends if desired.expires else replace(ends, expires_at=None)
        self.writes.append(f"update robot {name}")

    async def set_robot_secret(self, endpoint: HarborEndpoint, robot: ObservedRobot, secret: SecretStr) -> None:
        self.must_be_admin(endpoint)
        if not is_strong(secret):
            raise Refused(Reason.ROBOT_REFUSED, "the secret must be longer than 8 chars with upper, lower and digit")
        name = robot.login.removeprefix(self.prefix)
        self.robots[name].secret = secret.get_secret_value()
        self.robots[name].observed = replace(self.robots[name].observed, updated_at=self.now)
        self.writes.append(f"set secret {name}")

    async def remove_robot(self, endpoint: HarborEndpoint, robot: ObservedRobot) -> None:
        self.must_be_admin(endpoint)
        if self.robots.pop(robot.login.removeprefix(self.prefix), None):
            self.writes.append(f"remove robot {robot.login}")

    def _answer(self) -> None:
        if self.down:
            self.unanswered += 1
            raise Unavailable(f"{self.url} cannot be reached", Reason.REGISTRY_UNREACHABLE)

    def must_be_admin(self, endpoint: HarborEndpoint) -> None:
        self._answer()
        if self._identity(endpoint) is not Identity.ADMIN:
            raise Refused(Reason.ADMIN_CREDENTIALS_REJECTED, "Harbor does not accept the administrator's login")

    def _identity(self, endpoint: HarborEndpoint) -> Identity:
        if endpoint.login is None:
            return Identity.ANONYMOUS
        name, password = endpoint.login.username, endpoint.login.password.get_secret_value()
        robot = self._robot_of(name)
        if robot is not None:
            has_ended = robot.observed.expires_at is not None and robot.observed.expires_at <= self.now
            is_rejected = robot.observed.login.removeprefix(self.prefix) in self.rejected
            good = robot.secret == password and robot.observed.is_enabled and not has_ended and not is_rejected
            return Identity.ROBOT if good else Identity.ANONYMOUS
        known, is_admin = self.accounts.get(name, (None, False))
        if known != password:
            return Identity.ANONYMOUS
        return Identity.ADMIN if is_admin else Identity.USER

    def _robot_of(self, login: str) -> StoredRobot | None:
        return self.robots.get(login.removeprefix(self.prefix)) if login.startswith(self.prefix) else None

    def _manifest(self, endpoint: HarborEndpoint, manifest: str) -> int:
        name = manifest.partition("/")[0]
        project = self.projects.get(name)
        if project is None:
            return 401
        who = self._identity(endpoint)
        robot = self._robot_of(endpoint.login.username) if endpoint.login and who is Identity.ROBOT else None
        granted = robot and {EVERY_PROJECT, name} & {grant[0] for grant in robot.observed.grants}
        if not (project.public or who is Identity.ADMIN or granted):
            return 401
        return 200 if manifest in project.images else 404

    def observed(self, name: str) -> ObservedProject:
        stored = self.projects[name]
        images = len(stored.images)
        return ObservedProject(
            stored.number, name, stored.public, images, stored.registry, stored.metadata, stored.allowed_cves
        )

    def next_number(self) -> int:
        self._number += 1
        return self._number
