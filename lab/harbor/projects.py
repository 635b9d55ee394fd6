"""Projects: `/projects`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from aiohttp import web

from lab.harbor.core import ADMIN_ID, core_of, sender_of
from lab.harbor.errors import bad_request, conflict, forbidden, not_found, precondition, unprocessable
from lab.harbor.reading import matches, page, read_json, read_q, sorted_by
from lab.harbor.state import timestamp

if TYPE_CHECKING:
    from lab.harbor.core import Core
    from lab.harbor.state import Document

NAME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
MAX_NAME_CHARACTERS = 255
UNLIMITED = -1
BODY = {
    "project_name": str,
    "public": bool,
    "metadata": dict,
    "storage_limit": int,
    "registry_id": int,
    "cve_allowlist": dict,
}


def new_project(number: int, name: str, metadata: dict[str, str], storage: int) -> Document:
    """Returns the stored form of a new project."""
    now = timestamp()
    return {
        "project_id": number,
        "name": name,
        "owner_id": ADMIN_ID,
        "owner_name": "admin",
        "metadata": metadata,
        "storage": storage,
        "creation_time": now,
        "update_time": now,
    }


async def named_in_path(request: web.Request) -> Document:
    """Returns the project in the path; digits are an id, unless a header declares a name."""
    core, wanted = core_of(request), request.match_info["project"]
    by_name = request.headers.get("X-Is-Resource-Name", "false").lower() == "true"
    if wanted.isdigit() and not by_name:
        project = await core.state.get("project", wanted)
    else:
        project = await core.project(wanted)
    if project is None:
        sender_of(request).require_login()
        raise not_found(f"project {wanted} not found")
    return project


async def exists(request: web.Request) -> web.Response:
    """Whether a project of this name exists; requires a login, even for a public project."""
    name = request.query.get("project_name")
    if not name:
        raise unprocessable("project_name in query is required")
    sender_of(request).require_login()
    if await core_of(request).project(name) is None:
        raise not_found(f"project {name} not found")
    return web.Response()


async def create(request: web.Request) -> web.Response:
    """Creates a project; like Harbor, ignores `cve_allowlist`."""
    core = core_of(request)
    await _require_creation(request)
    body = await read_json(request, BODY)
    name = body.get("project_name", "")
    if len(name) > MAX_NAME_CHARACTERS:
        raise unprocessable(f"project_name in body should be at most {MAX_NAME_CHARACTERS} chars long")
    if not NAME.fullmatch(name):
        raise bad_request(f"project name {name} is not in lower case or contains illegal characters")
    storage = await _wanted_storage(core, body)
    if await core.project(name) is not None:
        raise conflict(f"The project named {name} already exists")
    public = (body.get("metadata") or {}).get("public") or str(bool(body.get("public"))).lower()
    number = await core.state.next_id("project")
    metadata = {**(body.get("metadata") or {}), "public": public}
    project = new_project(number, name, metadata, storage) | await _proxy_cache(core, body)
    await core.state.put("project", number, project | {"cve_allowlist": _allowlist(number, {})})
    owner = {"entity_id": ADMIN_ID, "entity_name": "admin", "entity_type": "u", "role_id": 1}
    member = await core.state.next_id("member")
    await core.state.put("member", member, {"id": member, "project_id": number, **owner})
    by_name = request.headers.get("X-Resource-Name-In-Location", "").lower() == "true"
    return web.Response(status=201, headers={"Location": f"/api/v2.0/projects/{name if by_name else number}"})


async def _require_creation(request: web.Request) -> None:
    # Harbor asks for no right at all while everyone can create projects, but for a robot that it is of the system.
    sender, configuration = sender_of(request), await core_of(request).configuration()
    sender.require_login()
    if sender.robot is not None and sender.robot["level"] != "system":
        raise forbidden("Only system level robot can create project")
    if configuration["project_creation_restriction"] == "adminonly":
        sender.require_system("project", "create")


async def _proxy_cache(core: Core, body: dict[str, Any]) -> dict[str, int]:
    number = body.get("registry_id")
    if number is None:
        return {}
    if await core.state.get("endpoint", number) is None:
        raise not_found(f"registry {number} not found")
    return {"registry_id": number}


def _allowlist(project: int, body: dict[str, Any]) -> dict[str, Any]:
    items = (body.get("cve_allowlist") or {}).get("items") or []
    return {"id": project, "project_id": project, "items": items}


async def _wanted_storage(core: Core, body: dict[str, Any]) -> int:
    storage = body.get("storage_limit")
    if storage is None:
        storage = (await core.configuration())["storage_per_project"]
    return valid_storage(storage)


def valid_storage(storage: int) -> int:
    """Returns the limit. Raises 400 if it is invalid."""
    if storage < UNLIMITED or storage == 0:
        raise bad_request(f"invalid hard limits: storage limit {storage} must be a positive integer or -1")
    return storage


async def index(request: web.Request) -> web.Response:
    """Returns the projects that the sender can see."""
    core, sender = core_of(request), sender_of(request)
    filters = read_q(request)
    if name := request.query.get("name"):
        filters["name"] = (name, True)
    seen = [
        project
        for project in await core.state.all("project")
        if sender.lists(project) and matches(project, filters, ("name", "project_id"))
    ]
    if public := request.query.get("public"):
        seen = [project for project in seen if project["metadata"]["public"] == public.lower()]
    shown = [await _shown(core, project) for project in sorted_by(request, seen, ("name", "creation_time"))]
    return page(request, shown)


async def read(request: web.Request) -> web.Response:
    """Returns one project."""
    project = await named_in_path(request)
    sender_of(request).require(project, "project", "read")
    return web.json_response(await _shown(core_of(request), project))


async def _shown(core: Core, project: Document) -> Document:
    shown = {name: value for name, value in project.items() if name != "storage"}
    return {**shown, "repo_count": len(await repositories_of(core, project))}


async def repositories_of(core: Core, project: Document) -> list[Document]:
    """Returns the repositories of the project."""
    return [one for one in await core.state.all("repository") if one["project_id"] == project["project_id"]]


async def update(request: web.Request) -> web.Response:
    """Changes the metadata; a storage limit is ignored, because it belongs to the quota."""
    project = await named_in_path(request)
    sender_of(request).require(project, "project", "update")
    body = await read_json(request, BODY)
    metadata = {**project["metadata"], **{k: v for k, v in (body.get("metadata") or {}).items() if v is not None}}
    changed = {**project, "metadata": metadata, "update_time": timestamp()}
    if body.get("cve_allowlist") is not None:
        changed["cve_allowlist"] = _allowlist(project["project_id"], body)
    await core_of(request).state.put("project", project["project_id"], changed)
    return web.Response()


async def delete(request: web.Request) -> web.Response:
    """Deletes an empty project with its robots."""
    core, project = core_of(request), await named_in_path(request)
    sender_of(request).require(project, "project", "delete")
    if await repositories_of(core, project):
        raise precondition(f"the project {project['name']} contains repositories, can not be deleted")
    for robot in await core.state.all("robot"):
        if robot["project_id"] == project["project_id"]:
            await core.state.remove("robot", robot["id"])
    await core.state.remove("project", project["project_id"])
    return web.Response()


async def metadata(request: web.Request) -> web.Response:
    """Returns the metadata."""
    project = await named_in_path(request)
    sender_of(request).require(project, "metadata", "read")
    return web.json_response(project["metadata"])
