"""The credential that every namespace gets: the robot behind it, and the text of the pull Secret."""

from __future__ import annotations

import base64
import json
import string

from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import HarborRegistry, Robot
from harbor_operator.model.harbor import DesiredRobot
from harbor_operator.plan import names

EVERY_PROJECT = "*"

_KINDS = (string.ascii_lowercase, string.ascii_uppercase, string.digits)
_LENGTHS = range(8, 129)


def plan_robot(registry: HarborRegistry, robot: Robot) -> DesiredRobot:
    """The wished robot; the uid in its description is how we know it again."""
    every = EVERY_PROJECT in robot.projects
    return DesiredRobot(
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
