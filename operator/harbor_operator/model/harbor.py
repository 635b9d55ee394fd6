"""Harbor as seen through its API: identities, projects, quotas and robot accounts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from pydantic import SecretStr


class Identity(StrEnum):
    """Who Harbor takes the sender of a login for."""

    ADMIN = "admin"
    USER = "user"
    ROBOT = "robot"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class SystemInfo:
    """What Harbor says about itself; a version is told only to those who are logged in."""

    version: str = ""
    read_only: bool = False


UNLIMITED = -1


@dataclass(frozen=True, slots=True)
class DesiredProject:
    """How a project shall be; `storage_limit` in bytes, UNLIMITED = no quota."""

    name: str
    public: bool
    storage_limit: int


@dataclass(frozen=True, slots=True)
class ObservedProject:
    """How a project is."""

    number: int
    name: str
    public: bool
    repositories: int = 0
    is_proxy_cache: bool = False


@dataclass(frozen=True, slots=True)
class ObservedQuota:
    """The quota of a project; `storage_limit` in bytes, UNLIMITED = no quota."""

    number: int
    storage_limit: int


@dataclass(frozen=True, slots=True)
class ProjectChanges:
    """What has to be written for one project."""

    create: bool = False
    set_public: bool = False
    set_quota: bool = False

    def __bool__(self) -> bool:
        """Whether anything has to be written."""
        return self.create or self.set_public or self.set_quota


Grant = tuple[str, str, str]
"""Project (or '*'), resource, action."""


@dataclass(frozen=True, slots=True)
class ObservedRobot:
    """A robot as Harbor shows it; `login` is its name with the prefix, as clients type it."""

    number: int
    login: str
    description: str
    grants: frozenset[Grant]
    is_forever: bool = True
    is_enabled: bool = True


@dataclass(frozen=True, slots=True)
class DesiredRobot:
    """A system-level robot that may pull from the projects and nothing else; `name` is without Harbor's prefix."""

    name: str
    description: str
    projects: tuple[str, ...]

    @property
    def grants(self) -> frozenset[Grant]:
        """All that it may do."""
        return frozenset((project, "repository", "pull") for project in self.projects)

    def is_met_by(self, observed: ObservedRobot) -> bool:
        """Whether nothing has to be written, its secret aside."""
        return observed.grants == self.grants and observed.is_forever and observed.is_enabled


@dataclass(frozen=True, slots=True)
class Login:
    """A name and its password."""

    username: str
    password: SecretStr


@dataclass(frozen=True, slots=True)
class HarborEndpoint:
    """Where a Harbor is, whose certificate counts (PEM; empty = the system's), and as whom we come."""

    url: str
    ca: str = ""
    login: Login | None = None

    def with_login(self, login: Login | None) -> HarborEndpoint:
        """The same Harbor, as somebody else."""
        return replace(self, login=login)
