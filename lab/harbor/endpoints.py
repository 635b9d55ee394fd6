"""The endpoints of other registries: `/registries`. The stand-in does not connect to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from lab.harbor.core import core_of, sender_of
from lab.harbor.errors import bad_request, conflict, not_found, precondition
from lab.harbor.reading import matches, page, read_id, read_json, read_q
from lab.harbor.state import timestamp

if TYPE_CHECKING:
    from lab.harbor.state import Document

RIGHT = "registry"
MASK = "*****"
BODY = {"name": str, "type": str, "url": str, "insecure": bool, "description": str, "credential": dict}
CHANGES = {"name": str, "url": str, "insecure": bool, "access_key": str, "access_secret": str, "credential_type": str}


async def index(request: web.Request) -> web.Response:
    """Returns all endpoints."""
    sender_of(request).require_system(RIGHT, "list")
    filters, endpoints = read_q(request), await core_of(request).state.all("endpoint")
    return page(request, [shown(one) for one in endpoints if matches(one, filters, ("name", "type"))])


async def create(request: web.Request) -> web.Response:
    """Creates an endpoint."""
    core = core_of(request)
    sender_of(request).require_system(RIGHT, "create")
    body = await read_json(request, BODY)
    if not body.get("name") or not body.get("url") or not body.get("type"):
        raise bad_request("name, type and url of the registry must not be empty")
    if await core.state.find("endpoint", "name", body["name"]) is not None:
        raise conflict(f"the registry named {body['name']} already exists")
    number, now = await core.state.next_id("endpoint"), timestamp()
    known = {name: body[name] for name in BODY if body.get(name) is not None}
    times = {"creation_time": now, "update_time": now}
    await core.state.put("endpoint", number, {"insecure": False, **known, "id": number, "status": "healthy", **times})
    return web.Response(status=201, headers={"Location": f"/api/v2.0/registries/{number}"})


async def read(request: web.Request) -> web.Response:
    """Returns one endpoint."""
    return web.json_response(shown(await _in_path(request, "read")))


async def update(request: web.Request) -> web.Response:
    """Changes what the body names; the type stays."""
    endpoint = await _in_path(request, "update")
    body = await read_json(request, CHANGES)
    named = {name: body[name] for name in ("name", "url", "insecure") if body.get(name) is not None}
    keys = {"type": "credential_type", "access_key": "access_key", "access_secret": "access_secret"}
    credential = {key: body[name] for key, name in keys.items() if body.get(name) is not None}
    changed = {**endpoint, **named, "credential": {**endpoint.get("credential", {}), **credential}}
    await core_of(request).state.put("endpoint", endpoint["id"], {**changed, "update_time": timestamp()})
    return web.Response()


async def delete(request: web.Request) -> web.Response:
    """Deletes an endpoint that no project mirrors."""
    endpoint = await _in_path(request, "delete")
    projects = await core_of(request).state.all("project")
    if any(project.get("registry_id") == endpoint["id"] for project in projects):
        raise precondition(f"the registry {endpoint['id']} is referenced by some project, cannot delete it")
    await core_of(request).state.remove("endpoint", endpoint["id"])
    return web.Response()


async def _in_path(request: web.Request, action: str) -> Document:
    sender_of(request).require_system(RIGHT, action)
    number = read_id(request, "registry", "registry")
    endpoint = await core_of(request).state.get("endpoint", number)
    if endpoint is None:
        raise not_found(f"registry {number} not found")
    return endpoint


def shown(endpoint: Document) -> Document:
    """Returns the endpoint without its password."""
    credential = dict(endpoint.get("credential") or {})
    if credential.get("access_secret"):
        credential["access_secret"] = MASK
    return {**endpoint, **({"credential": credential} if credential else {})}


ROUTES = (
    ("GET", "/registries", index),
    ("POST", "/registries", create),
    ("GET", "/registries/{registry}", read),
    ("PUT", "/registries/{registry}", update),
    ("DELETE", "/registries/{registry}", delete),
)
