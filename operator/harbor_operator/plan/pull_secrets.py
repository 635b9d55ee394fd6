"""The pull credential: the desired robot account, and the content of the pull Secret."""

from __future__ import annotations

import string
from collections.abc import Mapping

from pydantic import SecretStr

from harbor_operator.api.base import CredentialsRef
from harbor_operator.api.robot import EVERY_PROJECT, Robot
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.harbor import NEVER_EXPIRES_DAYS, DesiredRobot, Login
from harbor_operator.plan import names
from harbor_operator.plan.docker_config import render_docker_config

_REQUIRED_CLASSES = (string.ascii_lowercase, string.ascii_uppercase, string.digits)
_LENGTHS = range(8, 129)


def plan_robot(registry: HarborRegistry, robot: Robot, generation: int = 1) -> DesiredRobot:
    """Returns the desired robot; its description names the registry that owns it, and the cluster of that.

    It does not contain the uid: a registry that was restored, or deleted and created again, owns its earlier robot.
    """
    given = robot.cluster_projects
    return DesiredRobot(
        name=names.robot(registry, generation),
        description=robot_owner(registry),
        projects=(EVERY_PROJECT,) if EVERY_PROJECT in given else tuple(sorted(set(given))),
        earlier_name=names.earlier_robot(registry) if generation == 1 else "",
        earlier_description=f"pull secrets of HarborRegistry {registry.key} ({registry.metadata.uid})",
        duration_days=robot.expire_after_days or NEVER_EXPIRES_DAYS,
    )


def robot_owner(registry: HarborRegistry) -> str:
    """Returns the description of the robots of a registry, which proves that they belong to it."""
    return f"pull secrets of HarborRegistry {registry.key} in cluster {registry.metadata.cluster}"


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
    return render_docker_config({**(others or {}), **dict.fromkeys(image_hosts(registry), login)})


def image_hosts(registry: HarborRegistry) -> tuple[str, ...]:
    """Returns 'host' or 'host:port' of this Harbor as image references contain it, that of `spec.externalURL` first."""
    section = registry.spec.pull_secrets
    return (registry.spec.external_url.split("://", 1)[1], *(section.extra_hosts if section else ()))
