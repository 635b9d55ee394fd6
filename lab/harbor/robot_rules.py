"""The validation of robots. Pure: a body in, an error or nothing out."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from lab.harbor.access import NEVER_EXPIRES
from lab.harbor.errors import bad_request
from lab.harbor.permissions import known

if TYPE_CHECKING:
    from datetime import datetime

NAME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
LEVELS = ("system", "project")
BODY = {"name": str, "description": str, "level": str, "disable": bool, "duration": int, "permissions": list}


def check_robot(body: dict[str, Any]) -> None:
    """Raises 400 unless duration, level and permissions are valid."""
    duration = body.get("duration") or 0
    if duration != NEVER_EXPIRES and duration <= 0:
        raise bad_request(f"bad request error duration input: {duration}")
    level = body.get("level") or ""
    if level not in LEVELS:
        raise bad_request(f"bad request error level input: {level}")
    permissions = body.get("permissions") or []
    if not permissions:
        raise bad_request("bad request empty permission")
    if level == "project" and len(permissions) > 1:
        raise bad_request("bad request permission")
    for permission in permissions:
        _check_permission(level, permission)


def _check_permission(level: str, permission: dict[str, Any]) -> None:
    access = permission.get("access") or []
    if not access:
        raise bad_request("bad request empty access")
    kind = permission.get("kind", "")
    if level == "project" and kind != "project":
        raise bad_request(f"bad request permission kind: {kind}")
    for one in access:
        resource, action = one.get("resource", ""), one.get("action", "")
        if not known(kind, resource, action):
            raise bad_request(f"bad request permission: {resource}:{action}")


def check_name(name: str) -> None:
    """Raises 400 unless the name is valid for a new robot."""
    if not NAME.fullmatch(name):
        raise bad_request("robot name is not in lower case or contains illegal characters")


def expiry(created: datetime, duration: int) -> int:
    """Returns when a robot with this duration (days since its creation) expires, or -1."""
    return NEVER_EXPIRES if duration == NEVER_EXPIRES else int((created + timedelta(days=duration)).timestamp())


def namespaces(body: dict[str, Any]) -> list[str]:
    """Returns the projects in the permissions."""
    return [
        one.get("namespace", "")
        for one in body["permissions"]
        if one.get("kind") == "project" and one.get("namespace") != "*"
    ]
