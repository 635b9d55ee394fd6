"""The robots of projects: the desired robot, its Secrets, and whose a robot in Harbor is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from pydantic import SecretStr

from harbor_operator.api.project_robots import ProjectRobot, RobotSecretType
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.harbor import NEVER_EXPIRES_DAYS, DesiredRobot, Login, ObservedRobot, RobotLevel
from harbor_operator.model.kubernetes import StoredSecret
from harbor_operator.model.outcomes import ProjectRobotFacts
from harbor_operator.model.project_robots import LoginSecret, RobotKey, RobotState, SecretPlace
from harbor_operator.model.robots import RobotCredential
from harbor_operator.plan import names
from harbor_operator.plan.docker_config import DOCKER_CONFIG_KEY
from harbor_operator.plan.pull_secrets import docker_config
from harbor_operator.plan.robot_rotation import PASSWORD, USERNAME, read_credential, write_credential

PROJECT, ROBOT = "project", "robot"
SECRET_NAMESPACE, SECRET_NAME = "secret-namespace", "secret-name"

_GENERATION_SEPARATOR = "_"
"""The name of a robot in the spec has none, so that no generation has the name of another robot."""


def plan_project_robot(
    registry: HarborRegistry, project: str, robot: ProjectRobot, generation: int = 1
) -> DesiredRobot:
    """Returns the desired robot; its description proves for whom the operator created it."""
    return DesiredRobot(
        name=robot.name if generation == 1 else f"{robot.name}{_GENERATION_SEPARATOR}{generation}",
        description=_description(registry, robot.name),
        projects=(project,),
        duration_days=robot.expire_after_days or NEVER_EXPIRES_DAYS,
        access=frozenset((one.resource, one.action) for one in robot.access),
        level=RobotLevel.PROJECT,
    )


def named_generations(project: str, name: str, listed: Iterable[ObservedRobot]) -> dict[int, ObservedRobot]:
    """Returns the robots of a project that have this name, also those of other clients, by generation."""
    pattern = re.compile(
        rf"{re.escape(project)}\+{re.escape(name)}(?:{_GENERATION_SEPARATOR}([2-9]|[1-9][0-9]{{1,8}}))?$"
    )
    found = ((pattern.search(robot.login), robot) for robot in listed)
    return {int(match[1] or 1): robot for match, robot in found if match}


def owned_name(registry: HarborRegistry, project: str, observed: ObservedRobot) -> str | None:
    """Returns the name in the spec that a robot was created for; None if not for this HarborRegistry."""
    before, after = _description(registry, "\0").split("\0")
    description = observed.description
    if not (description.startswith(before) and description.endswith(after)):
        return None
    name = description[len(before) : len(description) - len(after)]
    return name if named_generations(project, name, [observed]) else None


def secret_place(registry: HarborRegistry, robot: ProjectRobot) -> SecretPlace:
    """Returns where the login of a robot belongs."""
    return SecretPlace(robot.secret.namespace or registry.metadata.namespace, robot.secret.name)


def plan_login_secret(registry: HarborRegistry, project: str, robot: ProjectRobot, login: Login) -> LoginSecret:
    """Returns the Secret with the login of a robot."""
    values: Mapping[str, SecretStr] = {USERNAME: SecretStr(login.username), PASSWORD: login.password}
    if robot.secret.type is RobotSecretType.DOCKER_CONFIG:
        values = {DOCKER_CONFIG_KEY: docker_config(registry, login)}
    labels = login_labels(registry, (project, robot.name))
    return LoginSecret(secret_place(registry, robot), robot.secret.type.value, values, labels)


def login_labels(registry: HarborRegistry, key: RobotKey) -> dict[str, str]:
    """Labels that mark a Secret as created for the login of one robot, and for nothing else of the registry."""
    return {
        **names.cluster_labels(registry),
        names.COMPONENT: names.ROBOT_LOGIN,
        names.ROBOT: names.project_robot_digest(*key),
    }


def leaving_robot(
    registry: HarborRegistry, place: SecretPlace, found: StoredSecret
) -> tuple[RobotKey, ProjectRobot] | None:
    """Returns the robot whose login the Secret at this place has, if the spec names another Secret for that robot."""
    digest = found.labels.get(names.ROBOT)
    for project in registry.spec.projects:
        for robot in project.robots:
            key = (project.name, robot.name)
            if names.project_robot_digest(*key) == digest and secret_place(registry, robot) != place:
                return (key, robot) if found.belongs_to(login_labels(registry, key)) else None
    return None


def state_labels(registry: HarborRegistry) -> dict[str, str]:
    """Labels of the Secrets in which the operator keeps the passwords of robots."""
    return {**names.owner_labels(registry), names.COMPONENT: names.ROBOT_STATE}


def read_state(stored: StoredSecret) -> tuple[RobotKey, RobotState]:
    """Returns what a Secret says about which robot."""
    values = {key: value.get_secret_value() for key, value in stored.values.items()}
    has_place = {SECRET_NAMESPACE, SECRET_NAME} <= values.keys()
    place = SecretPlace(values[SECRET_NAMESPACE], values[SECRET_NAME]) if has_place else None
    return (values.get(PROJECT, ""), values.get(ROBOT, "")), RobotState(read_credential(stored), place)


def write_state(key: RobotKey, state: RobotState) -> dict[str, SecretStr]:
    """Returns the values of the Secret of one robot."""
    texts = dict(zip((PROJECT, ROBOT), key, strict=True))
    if state.place:
        texts |= {SECRET_NAMESPACE: state.place.namespace, SECRET_NAME: state.place.name}
    return {**write_credential(state.credential), **{name: SecretStr(text) for name, text in texts.items()}}


def describe_robots(credentials: Sequence[RobotCredential], robots: int) -> ProjectRobotFacts:
    """Returns what the status says about the robots of the spec, of which `credentials` are stored."""
    ends = [one.expires_at for one in credentials if one.login and one.expires_at]
    rotated, revoked = ({getattr(one, name) for one in credentials} for name in ("rotate_request", "revoke_request"))
    return ProjectRobotFacts(
        robots=robots,
        ready=sum(one.login is not None for one in credentials),
        expires_at=min(ends, default=None),
        rotate_request=rotated.pop() if len(rotated) == 1 else "",
        revoke_request=revoked.pop() if len(revoked) == 1 else "",
    )


def _description(registry: HarborRegistry, name: str) -> str:
    return f"robot '{name}' of HarborRegistry {registry.key} in cluster {registry.metadata.cluster}"
