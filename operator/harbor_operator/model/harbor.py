"""Harbor as observed through its API: identities, projects, quotas and robot accounts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from pydantic import SecretStr


class Identity(StrEnum):
    """The kind of account that Harbor recognises in a login."""

    ADMIN = "admin"
    USER = "user"
    ROBOT = "robot"
    ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True)
class SystemInfo:
    """Harbor's description of itself; `version` is empty for an anonymous request."""

    version: str = ""
    read_only: bool = False


SettingValue = str | int | bool


@dataclass(frozen=True, slots=True)
class ObservedSetting:
    """A setting of Harbor's configuration, and whether Harbor lets its administrator change it now."""

    value: SettingValue
    is_editable: bool = True


NEVER_EXPIRES_DAYS = -1
EVERYONE = "everyone"
"""Harbor's value of `project_creation_restriction` that lets every account, also a robot, create projects."""


class AccountSettings(NamedTuple):
    """What Harbor's configuration says of accounts: who can create projects, and how logins of robots begin."""

    project_creation: str
    robot_prefix: str


Access = tuple[str, str]
"""Resource, action."""
Grant = tuple[str, str, str]
"""Project (or '*'), resource, action."""
PULL: frozenset[Access] = frozenset({("repository", "pull")})


class RobotLevel(StrEnum):
    """Whether a robot belongs to Harbor or to one project; the words of its API."""

    SYSTEM = "system"
    PROJECT = "project"


@dataclass(frozen=True, slots=True)
class ObservedRobot:
    """A robot account as observed; `login` is its name with Harbor's prefix, as clients send it.

    `duration_days` counts from its creation to `expires_at`; NEVER_EXPIRES_DAYS and None = it does not expire.
    `updated_at` is its last change, also of its secret; None directly after a change by this process that does not
    disable it.
    """

    number: int
    login: str
    description: str
    grants: frozenset[Grant]
    duration_days: int = NEVER_EXPIRES_DAYS
    expires_at: datetime | None = None
    is_enabled: bool = True
    created_at: datetime | None = field(default=None, compare=False)
    updated_at: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class DesiredRobot:
    """A robot account with the same access to each of the projects; `name` is without Harbor's prefix.

    One of level PROJECT belongs to its only project, whose name Harbor puts before `name`.

    The description identifies the owner. Those of earlier versions have `earlier_name` and `earlier_description`.
    `duration_days` is the lifetime of a new robot: Harbor counts it from the creation, so a change of an existing one
    could end it at once. Only its end is removed.
    """

    name: str
    description: str
    projects: tuple[str, ...]
    earlier_name: str = ""
    earlier_description: str = ""
    duration_days: int = NEVER_EXPIRES_DAYS
    is_enabled: bool = True
    access: frozenset[Access] = PULL
    level: RobotLevel = RobotLevel.SYSTEM

    @property
    def full_name(self) -> str:
        """The name as Harbor stores it; a login has Harbor's prefix before it."""
        return self.name if self.level is RobotLevel.SYSTEM else f"{self.projects[0]}+{self.name}"

    @property
    def grants(self) -> frozenset[Grant]:
        """All permissions of the robot."""
        return frozenset((project, *access) for project in self.projects for access in self.access)

    @property
    def expires(self) -> bool:
        """Whether the robot has an end."""
        return self.duration_days != NEVER_EXPIRES_DAYS

    def lasting_as(self, observed: ObservedRobot) -> DesiredRobot:
        """Returns what an existing robot must become: its own lifetime stays, unless it is to last forever."""
        return replace(self, duration_days=observed.duration_days) if self.expires else self

    def is_met_by(self, observed: ObservedRobot) -> bool:
        """Whether no write is needed, its secret aside."""
        is_same = observed.grants == self.grants and observed.description == self.description
        return is_same and (observed.duration_days, observed.is_enabled) == (self.duration_days, self.is_enabled)


@dataclass(frozen=True, slots=True)
class Login:
    """A name and its password."""

    username: str
    password: SecretStr


@dataclass(frozen=True, slots=True)
class HarborEndpoint:
    """The URL of a Harbor, the trusted authorities (PEM; empty = the system's), and the login; None = anonymous."""

    url: str
    ca: str = ""
    login: Login | None = None

    def with_login(self, login: Login | None) -> HarborEndpoint:
        """The same Harbor with another login."""
        return replace(self, login=login)
