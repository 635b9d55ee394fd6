"""The quotas of projects: `/quotas`. Each has the number of its project."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from lab.harbor.core import core_of, sender_of
from lab.harbor.errors import bad_request, not_found
from lab.harbor.projects import valid_storage
from lab.harbor.reading import page, read_id, read_json

if TYPE_CHECKING:
    from lab.harbor.state import Document


async def index(request: web.Request) -> web.Response:
    """Returns all quotas, or the quota of one project."""
    sender_of(request).require_system("quota", "list")
    wanted = request.query.get("reference_id")
    projects = await core_of(request).state.all("project")
    return page(request, [_quota(one) for one in projects if wanted in {None, str(one["project_id"])}])


async def read(request: web.Request) -> web.Response:
    """Returns one quota."""
    sender_of(request).require_system("quota", "read")
    return web.json_response(_quota(await _project_of_quota(request)))


async def update(request: web.Request) -> web.Response:
    """Sets the limit."""
    sender_of(request).require_system("quota", "update")
    project = await _project_of_quota(request)
    body = await read_json(request, {"hard": dict})
    storage = (body.get("hard") or {}).get("storage")
    if not isinstance(storage, int):
        raise bad_request("hard limits of storage not found")
    changed = {**project, "storage": valid_storage(storage)}
    await core_of(request).state.put("project", project["project_id"], changed)
    return web.Response()


async def _project_of_quota(request: web.Request) -> Document:
    number = read_id(request, "quota", "quota")
    project = await core_of(request).state.get("project", number)
    if project is None:
        raise not_found(f"quota {number} not found")
    return project


def _quota(project: Document) -> Document:
    return {
        "id": project["project_id"],
        "ref": {"id": project["project_id"], "name": project["name"], "owner_name": project["owner_name"]},
        "hard": {"storage": project["storage"]},
        "used": {"storage": 0},
        "creation_time": project["creation_time"],
        "update_time": project["update_time"],
    }
