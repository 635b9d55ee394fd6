"""Robot accounts in the format of Harbor's API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from harbor_operator.model.harbor import NEVER_EXPIRES_DAYS, DesiredRobot, ObservedRobot, RobotLevel

_MAX_UNIX_SECONDS = 1 << 34


def list_of_robots(robots: Sequence[Mapping[str, Any]] | None, level: RobotLevel) -> list[ObservedRobot]:
    """Returns the robots of one level on a page."""
    return [_robot(robot) for robot in robots or [] if robot["level"] == level]


def created_robot(created: Mapping[str, Any], desired: DesiredRobot) -> ObservedRobot:
    """Returns the new robot; the answer repeats neither its rights nor its description."""
    expires_at = _moment(created.get("expires_at"))
    return ObservedRobot(
        number=created["id"],
        login=created["name"],
        description=desired.description,
        grants=desired.grants,
        duration_days=desired.duration_days,
        expires_at=expires_at,
        created_at=_time(created.get("creation_time")),
    )


def robot_body(desired: DesiredRobot) -> dict[str, Any]:
    """Returns the body of a request, without the name."""
    access = [{"resource": resource, "action": action} for resource, action in sorted(desired.access)]
    return {
        "description": desired.description,
        "level": desired.level.value,
        "duration": desired.duration_days,
        "disable": not desired.is_enabled,
        "permissions": [{"kind": "project", "namespace": project, "access": access} for project in desired.projects],
    }


def _robot(robot: Mapping[str, Any]) -> ObservedRobot:
    grants = frozenset(
        (permission["namespace"], access["resource"], access["action"])
        for permission in robot.get("permissions") or []
        for access in permission["access"]
    )
    return ObservedRobot(
        number=robot["id"],
        login=robot["name"],
        description=robot.get("description", ""),
        grants=grants,
        duration_days=robot.get("duration", NEVER_EXPIRES_DAYS),
        expires_at=_moment(robot.get("expires_at")),
        is_enabled=not robot.get("disable", False),
        created_at=_time(robot.get("creation_time")),
        updated_at=_time(robot.get("update_time")),
    )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _moment(seconds: int | None) -> datetime | None:
    # NEVER_EXPIRES_DAYS, or a time that no robot lives to see.
    return datetime.fromtimestamp(seconds, UTC) if seconds and 0 < seconds < _MAX_UNIX_SECONDS else None
