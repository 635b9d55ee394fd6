"""The credential of the robot as the operator stores it, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import SecretStr

from harbor_operator.model.harbor import Login


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
class NamespaceRobotPolicy:
    """Which robots the namespaces of one registry get.

    stem        the beginning of each robot's name
    owner       the beginning of each robot's description
    key         the key from which the passwords are derived
    shared      projects that each robot can pull from
    selectable  shell patterns of further projects that a namespace can choose
    existing    the projects of Harbor
    """

    stem: str
    owner: str
    key: SecretStr
    shared: tuple[str, ...]
    selectable: tuple[str, ...]
    existing: frozenset[str]
