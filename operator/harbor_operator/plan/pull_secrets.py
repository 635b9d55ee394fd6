"""The pull credential: the desired robot account, and the content of the pull Secret."""

from __future__ import annotations

import base64
import json
import string

from pydantic import SecretStr

from harbor_operator.api.base import CredentialsRef
from harbor_operator.api.v1alpha1 import HarborRegistry, Robot
from harbor_operator.model.harbor import DesiredRobot
from harbor_operator.plan import names

EVERY_PROJECT = "*"

_REQUIRED_CLASSES = (string.ascii_lowercase, string.ascii_uppercase, string.digits)
_LENGTHS = range(8, 129)


def plan_robot(registry: HarborRegistry, robot: Robot) -> DesiredRobot:
    """Returns the desired robot; its description names the registry that owns it, and the cluster of that.

    It does not contain the uid: a registry that was restored, or deleted and created again, owns its earlier robot.
    """
    has_every_project = EVERY_PROJECT in robot.projects
    return DesiredRobot(
        name=names.robot(registry),
        description=f"pull secrets of HarborRegistry {registry.key} in cluster {registry.metadata.cluster}",
        projects=(EVERY_PROJECT,) if has_every_project else tuple(sorted(set(robot.projects))),
        earlier_name=names.earlier_robot(registry),
        earlier_description=f"pull secrets of HarborRegistry {registry.key} ({registry.metadata.uid})",
    )


def pull_login_ref(registry: HarborRegistry) -> CredentialsRef | None:
    """Reference to the login of the pull credential; None without `spec.pullSecrets`."""
    if registry.spec.pull_secrets is None:
        return None
    reference = registry.spec.pull_secrets.credential.secret_ref
    return reference or CredentialsRef(name=names.robot_secret(registry))


def is_strong(secret: SecretStr) -> bool:
    """Whether Harbor accepts the robot secret: 8 to 128 characters, upper and lower case, and a digit."""
    text = secret.get_secret_value()
    return len(text) in _LENGTHS and all(set(text) & set(characters) for characters in _REQUIRED_CLASSES)


def docker_config(registry: HarborRegistry, username: str, password: SecretStr) -> SecretStr:
    """Returns the value of `.dockerconfigjson`; the same credential always gives the same bytes."""
    plain = password.get_secret_value()
    auth = base64.b64encode(f"{username}:{plain}".encode()).decode()
    entry = {"auth": auth, "password": plain, "username": username}
    config = {"auths": {image_host(registry): entry}}
    return SecretStr(json.dumps(config, sort_keys=True, separators=(",", ":")))


def image_host(registry: HarborRegistry) -> str:
    """Returns 'host' or 'host:port' as image references contain it; clients look up a credential by this text."""
    return registry.spec.external_url.split("://", 1)[1]
