"""One robot for each namespace: its projects, name and password.

The password is derived from a key of the registry, the namespace and the number of the robot in Harbor. So the operator
stores one key instead of a Secret for each robot, a crash loses nothing, and a robot that is created again has another
password: the login of a deleted namespace does not work for a new namespace of that name.

A rotation creates another robot. Its password is set and tried, then it is written into the namespace. The replaced one
ends after the namespace has had the new login for some time. After a restart, the robots in Harbor say how far it was.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from pydantic import SecretStr

from harbor_operator.model.harbor import NEVER_EXPIRES_DAYS, DesiredRobot, Login, ObservedRobot
from harbor_operator.model.namespace import ObservedNamespace
from harbor_operator.model.robots import (
    NamespaceRobotFacts,
    NamespaceRobotPolicy,
    Replaced,
    Retirement,
    RobotGroup,
    RobotRotation,
)
from harbor_operator.plan.robot_rotation import plan_retirement

_DIGEST_CHARACTERS = 8
_FOR = " for namespace "
_MAX_EARLIER = 0.25
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
    return DesiredRobot(
        name=_name(policy, namespace.name),
        description=f"{policy.owner}{_FOR}{namespace.name}",
        projects=projects,
        duration_days=policy.rotation.expire_after_days or NEVER_EXPIRES_DAYS,
    )


def plan_successor(
    policy: NamespaceRobotPolicy, namespace: ObservedNamespace, group: RobotGroup
) -> DesiredRobot | None:
    """Returns the robot of a namespace that replaces the present one; None if it has no project to pull from."""
    desired = plan_namespace_robot(policy, namespace)
    taken = [_generation(policy, namespace.name, robot) or 1 for robot in group.robots]
    return replace(desired, name=f"{desired.name}.{max(taken) + 1}") if desired else None


def corrections(desired: DesiredRobot, group: RobotGroup) -> list[tuple[ObservedRobot, DesiredRobot]]:
    """Returns the robots whose rights or state differ, with what each must become; a replaced one can be disabled."""
    wanted = [
        (robot, replace(desired, is_enabled=robot is group.used or robot.is_enabled).lasting_as(robot))
        for robot in group.robots
    ]
    return [(robot, each) for robot, each in wanted if not each.is_met_by(robot)]


def is_due(rotation: RobotRotation, robot: ObservedRobot, now: datetime) -> bool:
    """Whether another robot must replace this one.

    Robots that were created together become due over the last quarter of their time, each at its own moment.
    """
    if robot.number <= rotation.up_to:
        return True
    limit = rotation.expire_after_days
    if limit is not None and (robot.expires_at is None or robot.duration_days > limit):
        return True
    if robot.created_at is None:
        return False
    lifetimes = [timedelta(days=rotation.rotate_after_days)] if rotation.rotate_after_days else []
    lifetimes += [(robot.expires_at - robot.created_at) * 2 / 3] if robot.expires_at else []
    return bool(lifetimes) and now >= robot.created_at + min(lifetimes) * (1 - _MAX_EARLIER * _spread(robot))


def plan_namespace_retirement(
    rotation: RobotRotation,
    earlier: ObservedRobot,
    held_since: datetime | None,
    last_pull: datetime | None,
    now: datetime,
) -> Retirement:
    """Returns what to do with a replaced robot; `held_since` is when its namespace had the new login first."""
    if earlier.expires_at is not None and earlier.expires_at <= now:
        return Retirement.DELETE
    if held_since is None:
        return Retirement.WAIT
    return plan_retirement(earlier, last_pull, Replaced(held_since, rotation.retire_after), now)


def namespace_login(policy: NamespaceRobotPolicy, namespace: str, robot: ObservedRobot) -> Login:
    """Returns the login of the robot of a namespace."""
    message = f"{policy.stem}/{namespace}/{robot.number}".encode()
    digest = hmac.digest(policy.key.get_secret_value().encode(), message, "sha256")
    text = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    return Login(robot.login, SecretStr(f"{_EVERY_CLASS}{text}"))


def namespace_of(policy: NamespaceRobotPolicy, robot: ObservedRobot) -> str | None:
    """Returns the namespace that a robot of this registry was created for; None for any other robot."""
    owner, separator, namespace = robot.description.partition(_FOR)
    if owner != policy.owner or not separator or _generation(policy, namespace, robot) is None:
        return None
    return namespace


def group_robots(
    policy: NamespaceRobotPolicy, listed: Iterable[ObservedRobot], used: Mapping[str, int]
) -> dict[str, RobotGroup]:
    """Returns the robots of each namespace; `used` are the numbers of those whose login this process has distributed.

    Without one, as after a restart, the newest is used: the namespace gets its login as soon as Harbor accepts it.
    """
    groups: dict[str, RobotGroup] = {}
    for robot in sorted(listed, key=lambda robot: robot.number):
        if (name := namespace_of(policy, robot)) is None:
            continue
        known = groups.get(name)
        if known is None:
            groups[name] = RobotGroup(robot)
        elif known.used.number == used.get(name):
            groups[name] = replace(known, others=(*known.others, robot))
        else:
            groups[name] = RobotGroup(robot, known.robots)
    return groups


def describe_robots(policy: NamespaceRobotPolicy, groups: Mapping[str, RobotGroup]) -> NamespaceRobotFacts:
    """Returns when the first robot in use expires, and when the last one replaced another."""
    ends = [group.used.expires_at for group in groups.values() if group.used.expires_at]
    successors = [
        group.used.created_at
        for name, group in groups.items()
        if group.used.created_at and _generation(policy, name, group.used) != 1
    ]
    return NamespaceRobotFacts(expires_at=min(ends, default=None), rotated_at=max(successors, default=None))


def _is_allowed(policy: NamespaceRobotPolicy, namespace: ObservedNamespace, project: str) -> bool:
    if project == namespace.name or project in policy.shared:
        return True
    return any(fnmatchcase(project, pattern) for pattern in policy.selectable)


def _name(policy: NamespaceRobotPolicy, namespace: str) -> str:
    # The name of a namespace contains no dot. Harbor allows no two separators in a row.
    readable = re.sub(r"--+", "-", namespace)
    digest = hashlib.sha256(namespace.encode()).hexdigest()[:_DIGEST_CHARACTERS]
    return f"{policy.stem}.{namespace}" if readable == namespace else f"{policy.stem}.{readable}-{digest}"


def _generation(policy: NamespaceRobotPolicy, namespace: str, robot: ObservedRobot) -> int | None:
    name = _name(policy, namespace)
    if robot.login.endswith(name):
        return 1
    stem, _, number = robot.login.rpartition(".")
    return int(number) if stem.endswith(name) and number.isdecimal() else None


def _spread(robot: ObservedRobot) -> float:
    """Returns a number from 0 to 1 that is always the same for a robot, and evenly distributed over all of them."""
    return int.from_bytes(hashlib.sha256(robot.login.encode()).digest()[:4]) / 0xFFFFFFFF
