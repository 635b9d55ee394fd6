"""The credential that every namespace gets: the robot behind it, and the text of the pull Secret."""

from __future__ import annotations

import base64
import json
import string
from dataclasses import dataclass

from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import HarborRegistry, Robot
from harbor_operator.outcomes import Blocked
from harbor_operator.plan import names
from harbor_operator.reasons import Reason

EVERY_PROJECT = "*"

_KINDS = (string.ascii_lowercase, string.ascii_uppercase, string.digits)
_LENGTHS = range(8, 129)

Grant = tuple[str, str, str]
"""Project (or '*'), resource, action."""


@dataclass(frozen=True, slots=True)
class SeenRobot:
    """A robot as Harbor shows it; `login` is its name with the prefix, as clients type it."""

    number: int
    login: str
    description: str
    grants: frozenset[Grant]
    is_forever: bool = True
    is_enabled: bool = True


@dataclass(frozen=True, slots=True)
class RobotWish:
    """A system-level robot that may pull from the projects and nothing else; `name` is without Harbor's prefix."""

    name: str
    description: str
    projects: tuple[str, ...]

    @property
    def grants(self) -> frozenset[Grant]:
        """All that it may do."""
        return frozenset((project, "repository", "pull") for project in self.projects)

    def obstacle(self, seen: SeenRobot) -> Blocked | None:
        """The reason to leave a robot of that name alone: it was not made for this registry."""
        if seen.description == self.description:
            return None
        return Blocked(
            Reason.ROBOT_REFUSED,
            f"robot '{seen.login}' is in Harbor already and was not made for this registry (its description is not "
            f"'{self.description}'): delete it in Harbor under Robot Accounts, or rename the HarborRegistry",
        )

    def is_met_by(self, seen: SeenRobot) -> bool:
        """Whether nothing has to be written, its secret aside."""
        return seen.grants == self.grants and seen.is_forever and seen.is_enabled


def plan_robot(registry: HarborRegistry, robot: Robot) -> RobotWish:
    """The wished robot; the uid in its description is how we know it again."""
    every = EVERY_PROJECT in robot.projects
    return RobotWish(
        name=names.robot(registry),
        description=f"pull secrets of HarborRegistry {registry.key} ({registry.metadata.uid})",
        projects=(EVERY_PROJECT,) if every else tuple(sorted(set(robot.projects))),
    )


def pull_login_secret(registry: HarborRegistry) -> str | None:
    """Secret with `username` and `password` of the account that is spread; None if nothing is."""
    if registry.spec.pull_secrets is None:
        return None
    given = registry.spec.pull_secrets.credential.secret_ref
    return given.name if given else names.robot_secret(registry)


def is_strong(secret: SecretStr) -> bool:
    """Whether Harbor takes it as a secret: 8 to 128 characters, upper and lower case, and a digit."""
    text = secret.get_secret_value()
    return len(text) in _LENGTHS and all(set(text) & set(kind) for kind in _KINDS)


def docker_config(registry: HarborRegistry, username: str, password: SecretStr) -> SecretStr:
    """The `.dockerconfigjson` text; the same credential always gives the same bytes."""
    word = password.get_secret_value()
    auth = base64.b64encode(f"{username}:{word}".encode()).decode()
    entry = {"auth": auth, "password": word, "username": username}
    document = {"auths": {image_host(registry): entry}}
    return SecretStr(json.dumps(document, sort_keys=True, separators=(",", ":")))


def image_host(registry: HarborRegistry) -> str:
    """Host and port as they stand in an image reference; clients look a credential up by exactly this text."""
    return registry.spec.external_url.split("://", 1)[1]
