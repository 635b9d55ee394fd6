"""One robot for each namespace: its projects, name and password.

The password is derived from a key of the registry, the namespace and the number of the robot in Harbor. So the operator
stores one key instead of a Secret for each robot, a crash loses nothing, and a robot that is created again has another
password: the login of a deleted namespace does not work for a new namespace of that name.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from fnmatch import fnmatchcase

from pydantic import SecretStr

from harbor_operator.model.harbor import DesiredRobot, Login, ObservedRobot
from harbor_operator.model.namespace import ObservedNamespace
from harbor_operator.model.robots import NamespaceRobotPolicy

_DIGEST_CHARACTERS = 8
_FOR = " for namespace "
_EVERY_CLASS = "Aa1"
"""Harbor requires an upper case letter, a lower case letter and a digit in each secret."""


def projects_of(policy: NamespaceRobotPolicy, namespace: ObservedNamespace) -> tuple[str, ...]:
    """Returns the projects that the robot of a namespace can pull from; empty if the namespace gets no robot.

    The annotation only chooses among what the spec allows: the project of the namespace's name, the shared ones and the
    selectable ones.
    """
    if namespace.projects is None:
        chosen = {namespace.name, *policy.shared}
    else:
        names = (name.strip() for name in namespace.projects.split(","))
        chosen = {name for name in names if _is_allowed(policy, namespace, name)}
    return tuple(sorted(chosen & policy.existing))


def plan_namespace_robot(policy: NamespaceRobotPolicy, namespace: ObservedNamespace) -> DesiredRobot | None:
    """Returns the robot of a namespace; None if it has no project to pull from."""
    projects = projects_of(policy, namespace)
    if not projects:
        return None
    return DesiredRobot(_name(policy, namespace.name), f"{policy.owner}{_FOR}{namespace.name}", projects)


def namespace_login(policy: NamespaceRobotPolicy, namespace: str, robot: ObservedRobot) -> Login:
    """Returns the login of the robot of a namespace."""
    message = f"{policy.stem}/{namespace}/{robot.number}".encode()
    digest = hmac.digest(policy.key.get_secret_value().encode(), message, "sha256")
    text = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    return Login(robot.login, SecretStr(f"{_EVERY_CLASS}{text}"))


def namespace_of(policy: NamespaceRobotPolicy, robot: ObservedRobot) -> str | None:
    """Returns the namespace that a robot of this registry was created for; None for any other robot."""
    owner, separator, namespace = robot.description.partition(_FOR)
    if owner != policy.owner or not separator or not robot.login.endswith(_name(policy, namespace)):
        return None
    return namespace


def _is_allowed(policy: NamespaceRobotPolicy, namespace: ObservedNamespace, project: str) -> bool:
    if project == namespace.name or project in policy.shared:
        return True
    return any(fnmatchcase(project, pattern) for pattern in policy.selectable)


def _name(policy: NamespaceRobotPolicy, namespace: str) -> str:
    # The name of a namespace contains no dot. Harbor allows no two separators in a row.
    readable = re.sub(r"--+", "-", namespace)
    digest = hashlib.sha256(namespace.encode()).hexdigest()[:_DIGEST_CHARACTERS]
    return f"{policy.stem}.{namespace}" if readable == namespace else f"{policy.stem}.{readable}-{digest}"
