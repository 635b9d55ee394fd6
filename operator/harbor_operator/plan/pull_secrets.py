"""The pull credential: the desired robot account, and the content of the pull Secret."""

from __future__ import annotations

import base64
import json
import string
from collections.abc import Mapping

from pydantic import SecretStr

from harbor_operator.api.base import CredentialsRef
from harbor_operator.api.robot import Robot
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.harbor import NEVER_EXPIRES_DAYS, DesiredRobot, Login
from harbor_operator.plan import names

EVERY_PROJECT = "*"
_DOCKER_HUB = {"docker.io": "https://index.docker.io/v1/"}
"""The key under which every client looks up the credential of Docker Hub."""

_REQUIRED_CLASSES = (string.ascii_lowercase, string.ascii_uppercase, string.digits)
_LENGTHS = range(8, 129)


def plan_robot(registry: HarborRegistry, robot: Robot, generation: int = 1) -> DesiredRobot:
    """Returns the desired robot; its description names the registry that owns it, and the cluster of that.

    It does not contain the uid: a registry that was restored, or deleted and created again, owns its earlier robot.
    """
    has_every_project = EVERY_PROJECT in robot.projects
    return DesiredRobot(
        name=names.robot(registry, generation),
        description=f"pull secrets of HarborRegistry {registry.key} in cluster {registry.metadata.cluster}",
        projects=(EVERY_PROJECT,) if has_every_project else tuple(sorted(set(robot.projects))),
        earlier_name=names.earlier_robot(registry) if generation == 1 else "",
        earlier_description=f"pull secrets of HarborRegistry {registry.key} ({registry.metadata.uid})",
        duration_days=robot.expire_after_days or NEVER_EXPIRES_DAYS,
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


def docker_config(registry: HarborRegistry, login: Login, others: Mapping[str, Login] | None = None) -> SecretStr:
    """Returns the value of `.dockerconfigjson`; `others` are logins by host. The same logins give the same bytes."""
    logins = {**(others or {}), **dict.fromkeys(image_hosts(registry), login)}
    entries = {_DOCKER_HUB.get(host, host): _entry(login) for host, login in logins.items()}
    return SecretStr(json.dumps({"auths": entries}, sort_keys=True, separators=(",", ":")))


def image_hosts(registry: HarborRegistry) -> tuple[str, ...]:
    """Returns 'host' or 'host:port' of this Harbor as image references contain it, that of `spec.externalURL` first."""
    section = registry.spec.pull_secrets
    return (registry.spec.external_url.split("://", 1)[1], *(section.extra_hosts if section else ()))


def _entry(login: Login) -> dict[str, str]:
    plain = login.password.get_secret_value()
    auth = base64.b64encode(f"{login.username}:{plain}".encode()).decode()
    return {"auth": auth, "password": plain, "username": login.username}
