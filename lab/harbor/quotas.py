"""The quotas of projects: `/quotas`. Each has the number of its project."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from aiohttp import web

from lab.harbor.core import core_of, sender_of
from lab.harbor.errors import bad_request, denied, not_found
from lab.harbor.projects import UNLIMITED, valid_storage
from lab.harbor.reading import page, read_id, read_json
from lab.harbor.repositories import project_blobs, sizes_of

if TYPE_CHECKING:
    from lab.harbor.core import Core
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


async def require_room(core: Core, name: str, manifest: bytes) -> None:
    """Raises 403 if the image does not fit into its project; Harbor itself already refuses the layer that does not.

    An invalid manifest needs no room: the registry refuses it.
    """
    project = await core.project(name.partition("/")[0])
    if project is None or project["storage"] == UNLIMITED:
        return
    stored = await project_blobs(core, project)
    used, limit = sum(stored.values()), project["storage"]
    try:
        parts = {**sizes_of(manifest), f"sha256:{sha256(manifest).hexdigest()}": len(manifest)}
        added = sum(size for digest, size in parts.items() if digest not in stored)
    except (ValueError, TypeError, KeyError, AttributeError):
        return
    if used + added > limit:
        raise denied(
            f"Quota exceeded when processing the request of adding {added} Byte of storage resource, which when updated"
            f" to current usage of {used} Byte will exceed the configured upper limit of {limit} Byte."
        )


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
