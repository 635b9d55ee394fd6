"""Checks of the robots of projects, and what can fail with the Secrets of their logins."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from fnmatch import fnmatchcase

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.harbor import DesiredRobot, ObservedRobot
from harbor_operator.model.outcomes import Blocked, StatusWarning
from harbor_operator.model.project_robots import RobotKey, SecretPlace
from harbor_operator.reasons import Reason

SETTING = "HARBOR_OPERATOR_ROBOT_SECRET_NAMESPACES"
FIELD = "spec.projects[].robots[].secret"


def is_allowed(registry: HarborRegistry, namespace: str, allowed: Iterable[str]) -> bool:
    """Whether Secrets for this registry may be written into a namespace.

    `allowed` are pairs 'namespace of the registry/namespace of the Secret' of names or shell patterns.
    """
    own = registry.metadata.namespace
    pairs = (pair.split("/", 1) for pair in allowed)
    return namespace == own or any(fnmatchcase(own, one) and fnmatchcase(namespace, other) for one, other in pairs)


def secret_not_allowed(registry: HarborRegistry, key: RobotKey, place: SecretPlace) -> Blocked:
    """Returns the outcome for a Secret in a namespace that the administrator of the operator has not allowed."""
    return Blocked(
        Reason.ROBOT_SECRET_NOT_ALLOWED,
        f"{_robot(key)} has no login: a HarborRegistry in namespace '{registry.metadata.namespace}' must not write "
        f"Secrets into namespace '{place.namespace}'. The administrator of the operator can add "
        f"'{registry.metadata.namespace}/{place.namespace}' to its setting `{SETTING}`; else remove "
        f"`{FIELD}.namespace`",
    )


def foreign_login_secret(key: RobotKey, place: SecretPlace) -> Blocked:
    """Returns the outcome for a Secret of that name that was not created for this robot."""
    return Blocked(
        Reason.SECRET_INVALID,
        f"{_robot(key)} has no login: {place} exists and was not created for it, so the operator does not change it. "
        f"Choose another name in `{FIELD}.name`, or delete the Secret if nothing uses it",
    )


def secret_failed(key: RobotKey, place: SecretPlace, reason: Reason, message: str) -> Blocked:
    """Returns the outcome for a Secret that cannot be read or written."""
    text = f"the login of {_robot(key)} cannot be kept in {place}: {message}{_needed_rights(place, reason)}"
    return Blocked(reason, text)


def removal_failed(
    registry: HarborRegistry, key: RobotKey, place: SecretPlace, reason: Reason, message: str
) -> Blocked:
    """Returns the outcome for a Secret that had the login of a robot and cannot be removed."""
    own = registry.metadata.namespace
    remedy = ""
    if place.namespace != own:
        remedy = (
            f". If this namespace was deleted, change `{SETTING}` so that it does not allow '{own}/{place.namespace}'"
        )
    text = f"{place} cannot be removed, which had the login of {_robot(key)}: {message}{_needed_rights(place, reason)}"
    return Blocked(reason, f"{text}{remedy}")


def check_robot_owner(key: RobotKey, desired: DesiredRobot, observed: ObservedRobot) -> Blocked | None:
    """Returns a block if a robot in Harbor was not created for this entry of the spec."""
    if observed.description == desired.description:
        return None
    return Blocked(
        Reason.ROBOT_REFUSED,
        f"robot '{observed.login}' already exists in Harbor, and its description is not '{desired.description}', so "
        f"another client can be using it: give {_robot(key)} another `name`, or set this description in Harbor to let "
        "the operator take the robot over, which replaces its password",
    )


def robot_login_rejected(key: RobotKey, login: str) -> Blocked:
    """Returns the outcome for a login that Harbor rejects although its password was just set."""
    return Blocked(
        Reason.ROBOT_REFUSED,
        f"Harbor rejects the login '{login}' of {_robot(key)} directly after its password was set: read the log of "
        "Harbor's core",
    )


def project_missing(project: str) -> Blocked:
    """Returns the outcome for the robots of a project that Harbor does not have."""
    return Blocked(Reason.PROJECT_REFUSED, f"the robots of project '{project}' wait until the project exists in Harbor")


def robot_rotation_failed(key: RobotKey, why: str) -> StatusWarning:
    """Returns the warning that the login of a robot could not be replaced, and stays in use."""
    message = f"{_robot(key)} keeps its present login, because its successor cannot be used: {why}"
    return StatusWarning(Reason.ROBOT_ROTATION_FAILED, message)


def replaced_robot_used(robot: str, last_use: datetime | None) -> StatusWarning:
    """Returns the warning that a replaced robot is not disabled, because a pipeline still uses it."""
    seen = f", last at {last_use:%Y-%m-%dT%H:%M:%SZ}" if last_use else ""
    return StatusWarning(
        Reason.ROBOT_STILL_USED,
        f"robot '{robot}' was replaced and is still used{seen}: let its pipelines read the Secret again. The operator "
        "disables it once it is unused for `retireAfterSeconds`",
    )


def _needed_rights(place: SecretPlace, reason: Reason) -> str:
    if reason is not Reason.RIGHTS_MISSING:
        return ""
    return f"; deploy/examples/robot-secrets.yaml has the rights that namespace '{place.namespace}' needs"


def _robot(key: RobotKey) -> str:
    project, name = key
    return f"robot '{name}' of project '{project}'"
