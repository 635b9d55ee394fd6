"""Robot accounts: `/robots`. Names are stored without the prefix, which is a setting."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aiohttp import web

from lab.harbor.access import hash_secret, is_strong, new_secret
from lab.harbor.core import ADMIN_ID, core_of, sender_of
from lab.harbor.errors import bad_request, conflict, forbidden, not_found
from lab.harbor.reading import matches, page, read_id, read_json, read_q, sorted_by
from lab.harbor.robot_rules import BODY, check_name, check_robot, expiry, namespaces
from lab.harbor.state import timestamp

if TYPE_CHECKING:
    from lab.harbor.access import Principal
    from lab.harbor.core import Core
    from lab.harbor.state import Document

SYSTEM = 0
"""The project number of a system robot."""
WEAK = (
    "the secret must be 8-128, inclusively, characters long with at least 1 uppercase letter, "
    "1 lowercase letter and 1 number"
)


async def create(request: web.Request) -> web.Response:
    """Creates a robot; its secret is generated, even if the body has one, and returned only here."""
    core, sender = core_of(request), sender_of(request)
    sender.require_login()
    body = await read_json(request, BODY)
    check_name(body.get("name") or "")
    check_robot(body)
    project = await _named_projects(core, body)
    await _require(core, sender, project, "create")
    name = f"{body['permissions'][0]['namespace']}+{body['name']}" if project else body["name"]
    number = await core.state.next_id("robot")
    if await core.state.find("robot", "name", name):
        raise conflict(f"robot account {project}:{name} already exists")
    secret, now = new_secret(), datetime.now(UTC)
    robot = _new_robot(number, name, project, body, now) | hash_secret(secret)
    await core.state.put("robot", number, robot)
    shown = {
        "id": number,
        "name": (await _prefix(core)) + name,
        "secret": secret,
        "creation_time": robot["creation_time"],
        "expires_at": robot["expires_at"],
    }
    return web.json_response(shown, status=201, headers={"Location": f"/api/v2.0/robots/{number}"})


def _new_robot(number: int, name: str, project: int, body: dict[str, Any], now: datetime) -> Document:
    return {
        "id": number,
        "name": name,
        "project_id": project,
        "level": body["level"],
        "description": body.get("description") or "",
        "duration": body["duration"],
        "disable": bool(body.get("disable")),
        "expires_at": expiry(now, body["duration"]),
        "permissions": body["permissions"],
        "creation_time": timestamp(now),
        "update_time": timestamp(now),
    }


async def _named_projects(core: Core, body: dict[str, Any]) -> int:
    """Returns the project number of a project robot. Raises 404 if a project in the body does not exist."""
    number = SYSTEM
    for name in namespaces(body):
        project = await core.project(name)
        if project is None:
            raise not_found(f"project {name} not found")
        number = project["project_id"]
    return number if body["level"] == "project" else SYSTEM


async def _require(core: Core, sender: Principal, project: int, action: str) -> None:
    owner = await core.state.get("project", project) if project else None
    if owner is None:
        sender.require_system("robot", action)
    else:
        sender.require(owner, "robot", action)


async def _prefix(core: Core) -> str:
    return str((await core.configuration())["robot_name_prefix"])


async def _in_path(request: web.Request, action: str) -> Document:
    core, sender = core_of(request), sender_of(request)
    sender.require_login()
    number = read_id(request, "robot", "robot")
    robot = await core.state.get("robot", number)
    if robot is None:
        raise not_found(f"robot {number} not found")
    await _require(core, sender, robot["project_id"], action)
    return robot


def _shown(robot: Document, prefix: str) -> Document:
    hidden = {"salt", "hash", "project_id"}
    shown = {name: value for name, value in robot.items() if name not in hidden}
    editable = {"editable": True, "creator_type": "local", "creator_ref": ADMIN_ID}
    return {**shown, "name": prefix + robot["name"], **editable}


async def index(request: web.Request) -> web.Response:
    """Returns the system robots, or with `q=Level=project,ProjectID=N` those of one project."""
    core, sender = core_of(request), sender_of(request)
    sender.require_login()
    filters = read_q(request)
    level = filters.pop("level", ("system", False))[0]
    project = filters.pop("projectid", ("", False))[0]
    if level == "project" and not project.isdigit():
        raise bad_request("must with project ID when to query project robots")
    if level not in {"system", "project"}:
        raise bad_request(f"bad request error level input: {level}")
    number = int(project) if level == "project" else SYSTEM
    await _require(core, sender, number, "list")
    prefix = await _prefix(core)
    known = ("name", "id", "description", "disable", "duration")
    robots = [
        robot
        for robot in await core.state.all("robot")
        if robot["project_id"] == number and matches(robot, filters, known)
    ]
    return page(request, [_shown(robot, prefix) for robot in sorted_by(request, robots, (*known, "creation_time"))])


async def read(request: web.Request) -> web.Response:
    """Returns one robot."""
    robot = await _in_path(request, "read")
    return web.json_response(_shown(robot, await _prefix(core_of(request))))


async def update(request: web.Request) -> web.Response:
    """Replaces the changeable fields; name (with prefix) and level must be unchanged."""
    core, robot = core_of(request), await _in_path(request, "update")
    body = await read_json(request, BODY)
    check_robot(body)
    if body["level"] != robot["level"] or body.get("name") != (await _prefix(core)) + robot["name"]:
        raise bad_request("cannot update the level or name of robot")
    await _named_projects(core, body)
    created = datetime.fromisoformat(robot["creation_time"])
    changes = {
        "description": body.get("description") or "",
        "disable": bool(body.get("disable")),
        "duration": body["duration"],
        "expires_at": expiry(created, body["duration"]),
        "permissions": body["permissions"],
        "update_time": timestamp(),
    }
    await core.state.put("robot", robot["id"], {**robot, **changes})
    return web.Response()


async def refresh(request: web.Request) -> web.Response:
    """Sets the secret of the body, or a generated one; the old secret is invalid at once."""
    core, robot = core_of(request), await _in_path(request, "update")
    if sender_of(request).robot is not None:
        raise forbidden()
    chosen = (await read_json(request, {"secret": str})).get("secret") or ""
    if chosen and not is_strong(chosen):
        raise bad_request(WEAK)
    secret = chosen or new_secret()
    await core.state.put("robot", robot["id"], {**robot, **hash_secret(secret), "update_time": timestamp()})
    return web.json_response({} if chosen else {"secret": secret})


async def delete(request: web.Request) -> web.Response:
    """Deletes the robot; its logins fail at once."""
    robot = await _in_path(request, "delete")
    await core_of(request).state.remove("robot", robot["id"])
    return web.Response()
