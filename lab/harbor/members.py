"""The members of projects, and the groups of users: `/projects/{project}/members`, `/usergroups`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from lab.harbor.core import core_of, sender_of
from lab.harbor.errors import INTERNAL, HarborError, bad_request, conflict, not_found
from lab.harbor.projects import named_in_path
from lab.harbor.reading import page, read_id, read_json

if TYPE_CHECKING:
    from lab.harbor.core import Core
    from lab.harbor.state import Document

ROLES = {1: "projectAdmin", 2: "developer", 3: "guest", 4: "maintainer", 5: "limitedGuest"}
GROUP_TYPES = {1, 2, 3}
LDAP_GROUP = 1


async def index(request: web.Request) -> web.Response:
    """Returns the members of the project."""
    project = await named_in_path(request)
    sender_of(request).require(project, "member", "list")
    members = [member for member in await core_of(request).state.all("member") if _is_of(member, project)]
    return page(request, [_shown(member) for member in members])


async def create(request: web.Request) -> web.Response:
    """Adds a user or a group."""
    core, project = core_of(request), await named_in_path(request)
    sender_of(request).require(project, "member", "create")
    body = await read_json(request, {"role_id": int, "member_user": dict, "member_group": dict})
    entity = await _entity(core, body)
    members = [member for member in await core.state.all("member") if _is_of(member, project)]
    if any(all(member[name] == entity[name] for name in ("entity_id", "entity_type")) for member in members):
        raise conflict("the project member already exists")
    number = await _put(core, project["project_id"], entity, _role(body))
    return web.Response(status=201, headers={"Location": f"/api/v2.0/projects/{project['name']}/members/{number}"})


async def update(request: web.Request) -> web.Response:
    """Sets the role."""
    member = await _in_path(request, "update")
    role = _role(await read_json(request, {"role_id": int}))
    await core_of(request).state.put("member", member["id"], {**member, "role_id": role})
    return web.Response()


async def delete(request: web.Request) -> web.Response:
    """Removes the member."""
    member = await _in_path(request, "delete")
    await core_of(request).state.remove("member", member["id"])
    return web.Response()


async def groups(request: web.Request) -> web.Response:
    """Returns the groups that Harbor knows."""
    sender_of(request).require_system("user-group", "list")
    return page(request, await core_of(request).state.all("usergroup"))


async def create_group(request: web.Request) -> web.Response:
    """Creates a group; the stand-in does not ask a directory for it."""
    core = core_of(request)
    sender_of(request).require_system("user-group", "create")
    body = await read_json(request, {"group_name": str, "group_type": int, "ldap_group_dn": str})
    if body.get("group_type") not in GROUP_TYPES:
        raise bad_request(f"invalid group type {body.get('group_type')}")
    number = (await _onboard(core, body))["id"]
    return web.Response(status=201, headers={"Location": f"/api/v2.0/usergroups/{number}"})


async def delete_group(request: web.Request) -> web.Response:
    """Deletes a group, and its memberships."""
    core = core_of(request)
    sender_of(request).require_system("user-group", "delete")
    number = read_id(request, "group", "user group")
    await core.state.remove("usergroup", number)
    for member in await core.state.all("member"):
        if (member["entity_type"], member["entity_id"]) == ("g", number):
            await core.state.remove("member", member["id"])
    return web.Response()


async def _in_path(request: web.Request, action: str) -> Document:
    project = await named_in_path(request)
    sender_of(request).require(project, "member", action)
    number = read_id(request, "member", "project member")
    member = await core_of(request).state.get("member", number)
    if member is None or not _is_of(member, project):
        raise not_found(f"project member {number} not found")
    return member


async def _entity(core: Core, body: dict[str, Any]) -> Document:
    user, group = body.get("member_user") or {}, body.get("member_group") or {}
    if name := user.get("username"):
        found = next((one for one in await core.state.all("user") if one["username"] == name), None)
        if found is None:
            raise not_found(f"user {name} not found")
        return {"entity_id": found["user_id"], "entity_name": name, "entity_type": "u"}
    if not group.get("group_name") and not group.get("ldap_group_dn"):
        raise HarborError(500, "UNKNOWN", INTERNAL)
    if (await core.configuration())["auth_mode"] == "db_auth":
        raise not_found(f"{group.get('ldap_group_dn') or group['group_name']} not found: not supported")
    known = await _onboard(core, group)
    return {"entity_id": known["id"], "entity_name": known["group_name"], "entity_type": "g"}


async def _onboard(core: Core, group: dict[str, Any]) -> Document:
    """Returns the group, and creates it if Harbor does not know it."""
    dn, kind = group.get("ldap_group_dn") or "", LDAP_GROUP if group.get("ldap_group_dn") else group.get("group_type")
    name = group.get("group_name") or dn.partition(",")[0].partition("=")[2]
    for known in await core.state.all("usergroup"):
        if known["group_type"] == kind and (known["ldap_group_dn"] == dn if dn else known["group_name"] == name):
            return known
    number = await core.state.next_id("usergroup")
    made = {"id": number, "group_name": name, "group_type": kind, "ldap_group_dn": dn}
    await core.state.put("usergroup", number, made)
    return made


def _role(body: dict[str, Any]) -> int:
    role = body.get("role_id")
    if role not in ROLES:
        raise bad_request("project member role is invalid")
    return int(role)


async def _put(core: Core, project: int, entity: Document, role: int) -> int:
    number = await core.state.next_id("member")
    await core.state.put("member", number, {"id": number, "project_id": project, "role_id": role, **entity})
    return number


def _is_of(member: Document, project: Document) -> bool:
    return bool(member["project_id"] == project["project_id"])


def _shown(member: Document) -> Document:
    return {**member, "role_name": ROLES[member["role_id"]]}


ROUTES = (
    ("GET", "/projects/{project}/members", index),
    ("POST", "/projects/{project}/members", create),
    ("PUT", "/projects/{project}/members/{member}", update),
    ("DELETE", "/projects/{project}/members/{member}", delete),
    ("GET", "/usergroups", groups),
    ("POST", "/usergroups", create_group),
    ("DELETE", "/usergroups/{group}", delete_group),
)
