"""The Secret with the key of the robots of namespaces, and the rotation that an annotation requests.

A request is complete when no namespace uses a robot that existed when it was made. The number of the newest one is
stored: Harbor counts up, and its clock can differ from that of the operator.
"""

from __future__ import annotations

from collections.abc import Iterable

from harbor_operator.api.robot import Robot
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.harbor import ObservedRobot
from harbor_operator.model.kubernetes import Manifest, StoredSecret
from harbor_operator.model.robots import NamespaceRobotPolicy, RobotKey, RobotRotation
from harbor_operator.plan.namespace_robots import namespace_of

KEY = "key"
ROTATE_REQUEST, OPEN_REQUEST, UP_TO = "rotate-request", "open-rotate-request", "rotate-up-to"


def read_key(stored: StoredSecret) -> RobotKey:
    """Returns what the Secret says."""
    values = {name: value.get_secret_value() for name, value in stored.values.items()}
    up_to = values.get(UP_TO, "")
    return RobotKey(
        key=stored.values[KEY],
        rotate_request=values.get(ROTATE_REQUEST, ""),
        open_request=values.get(OPEN_REQUEST, ""),
        up_to=int(up_to) if up_to.isdecimal() else 0,
    )


def progress_patch(key: RobotKey) -> Manifest:
    """Returns the merge patch of the Secret that stores everything but the key."""
    texts = {
        ROTATE_REQUEST: key.rotate_request,
        OPEN_REQUEST: key.open_request,
        UP_TO: str(key.up_to) if key.up_to else "",
    }
    removed = {name: None for name, text in texts.items() if not text}
    return {"data": removed, "stringData": {name: text for name, text in texts.items() if text}}


def is_requested(registry: HarborRegistry, key: RobotKey) -> bool:
    """Whether the annotation requests a rotation that has not begun."""
    request = registry.metadata.rotate_request
    return bool(request) and request not in {key.rotate_request, key.open_request}


def begin_rotation(
    registry: HarborRegistry, key: RobotKey, policy: NamespaceRobotPolicy, listed: Iterable[ObservedRobot]
) -> RobotKey:
    """Returns the key with the open request; one without a robot to replace is complete."""
    request = registry.metadata.rotate_request
    up_to = max((robot.number for robot in listed if namespace_of(policy, robot) is not None), default=0)
    if not up_to:
        return RobotKey(key.key, rotate_request=request)
    return RobotKey(key.key, key.rotate_request, open_request=request, up_to=up_to)


def end_rotation(key: RobotKey) -> RobotKey:
    """Returns the key after the open request is complete."""
    return RobotKey(key.key, rotate_request=key.open_request)


def rotation_of(robot: Robot, key: RobotKey) -> RobotRotation:
    """Returns when the robots of namespaces are replaced."""
    return RobotRotation(robot.rotate_after_days, robot.expire_after_days, robot.retire_after, key.up_to)
