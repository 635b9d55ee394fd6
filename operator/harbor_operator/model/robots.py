"""The credential of the robot as the operator stores it, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import SecretStr

from harbor_operator.model.harbor import Login, ObservedRobot


@dataclass(frozen=True, slots=True)
class Candidate:
    """A password that is chosen and stored before Harbor gets it; `generation` is that of its robot."""

    generation: int
    password: SecretStr


@dataclass(frozen=True, slots=True)
class RobotCredential:
    """What the Secret of the robot says.

    login           the login in use, which Harbor has accepted; None before the first
    generation      the generation of its robot
    rotated_at      when it came into use
    expires_at      when Harbor will reject it; None = never
    candidate       its successor, which Harbor has not accepted yet
    retires         whether robots of earlier generations may be left in Harbor
    distributed_at  since when no namespace waits for the login; None while one does, or if nothing retires
    rotate_request  the last value of the annotation `rotate-requested-at` that led to a login
    revoke_request  the same of `revoke-requested-at`
    """

    login: Login | None = None
    generation: int = 1
    rotated_at: datetime | None = None
    expires_at: datetime | None = None
    candidate: Candidate | None = None
    retires: bool = False
    distributed_at: datetime | None = None
    rotate_request: str = ""
    revoke_request: str = ""


class Retirement(StrEnum):
    """What to do with a robot of an earlier generation; IN_USE = keep it, because only its pulls prevent its end."""

    WAIT = "wait"
    IN_USE = "in use"
    DISABLE = "disable"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Replaced:
    """Since when no namespace needs the robots of earlier generations, and how long they are kept unused."""

    since: datetime
    grace: timedelta


@dataclass(frozen=True, slots=True)
class RobotKey:
    """What the Secret of the robots of namespaces says.

    key             the key from which the passwords are derived
    rotate_request  the last value of the annotation `rotate-requested-at` that led to new robots everywhere
    open_request    the value that is being worked on; empty = none
    up_to           the newest robot in Harbor when that began
    """

    key: SecretStr
    rotate_request: str = ""
    open_request: str = ""
    up_to: int = 0


@dataclass(frozen=True, slots=True)
class RobotRotation:
    """When robots of namespaces are replaced, and how long the replaced ones are kept unused.

    rotate_after_days  the greatest age of a robot; None = no limit
    expire_after_days  the lifetime of a new robot; None = no end
    retire_after       how long a replaced robot is kept after its last use, and again after it is disabled
    up_to              robots with this number in Harbor, or a smaller one, are replaced by request; 0 = none
    """

    rotate_after_days: int | None = None
    expire_after_days: int | None = None
    retire_after: timedelta = timedelta(hours=1)
    up_to: int = 0


@dataclass(frozen=True, slots=True)
class NamespaceRobotPolicy:
    """Which robots the namespaces of one registry get.

    stem        the beginning of each robot's name
    owner       the beginning of each robot's description
    key         the key from which the passwords are derived
    shared      projects that each robot can pull from
    selectable  shell patterns of further projects that a namespace can choose
    existing    the projects of Harbor
    rotation    when a robot is replaced
    """

    stem: str
    owner: str
    key: SecretStr
    shared: tuple[str, ...]
    selectable: tuple[str, ...]
    existing: frozenset[str]
    rotation: RobotRotation = RobotRotation()


@dataclass(frozen=True, slots=True)
class RobotGroup:
    """The robots of one namespace: the one whose login is in its pull Secret, or will be, and all others."""

    used: ObservedRobot
    others: tuple[ObservedRobot, ...] = ()

    @property
    def candidate(self) -> ObservedRobot | None:
        """The successor that Harbor has not accepted yet."""
        later = [robot for robot in self.others if robot.number > self.used.number]
        return max(later, key=lambda robot: robot.number, default=None)

    @property
    def earlier(self) -> tuple[ObservedRobot, ...]:
        """The robots that were replaced."""
        return tuple(robot for robot in self.others if robot.number < self.used.number)

    @property
    def robots(self) -> tuple[ObservedRobot, ...]:
        """All of them."""
        return (self.used, *self.others)

    def replacing(self, changed: ObservedRobot) -> RobotGroup:
        """The same robots, one of them as it is now."""
        used, *others = (changed if robot.number == changed.number else robot for robot in self.robots)
        return RobotGroup(used, tuple(others))

    def without(self, gone: ObservedRobot) -> RobotGroup:
        """The same robots without one of the others."""
        return replace(self, others=tuple(robot for robot in self.others if robot.number != gone.number))

    def using(self, successor: ObservedRobot) -> RobotGroup:
        """The same robots, of which another one is used now."""
        return RobotGroup(successor, tuple(robot for robot in self.robots if robot.number != successor.number))


@dataclass(frozen=True, slots=True)
class NamespaceRobotFacts:
    """What is known of the robots of a registry's namespaces.

    expires_at  when the first of the robots in use expires; None = never
    rotated_at  when the last one was replaced; None = not since it was created first
    failures    why a robot could not be replaced, by namespace; its login stays in use
    in_use      the replaced robots that still pull, with their last pull
    """

    expires_at: datetime | None = None
    rotated_at: datetime | None = None
    failures: Mapping[str, str] = field(default_factory=dict)
    in_use: tuple[tuple[str, datetime | None], ...] = ()
