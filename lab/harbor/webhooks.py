"""The webhooks of projects: `/projects/{project}/webhook/policies`. The stand-in sends no request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aiohttp import web

from lab.harbor.core import core_of, sender_of
from lab.harbor.errors import bad_request, conflict, not_found
from lab.harbor.projects import named_in_path
from lab.harbor.reading import page, read_id, read_json
from lab.harbor.state import timestamp

if TYPE_CHECKING:
    from lab.harbor.core import Core
    from lab.harbor.state import Document

KIND, RIGHT = "webhook", "notification-policy"
EVENTS = {
    "PUSH_ARTIFACT",
    "PULL_ARTIFACT",
    "DELETE_ARTIFACT",
    "QUOTA_EXCEED",
    "QUOTA_WARNING",
    "SCANNING_FAILED",
    "SCANNING_STOPPED",
    "SCANNING_COMPLETED",
    "REPLICATION",
    "TAG_RETENTION",
}
FORMATS = {"Default", "CloudEvents"}
BODY = {
    "id": int,
    "project_id": int,
    "name": str,
    "description": str,
    "creator": str,
    "enabled": bool,
    "event_types": list,
    "targets": list,
}


async def index(request: web.Request) -> web.Response:
    """Returns the webhooks of the project, with their headers."""
    project = await named_in_path(request)
    sender_of(request).require(project, RIGHT, "list")
    return page(request, await _webhooks_of(core_of(request), project))


async def read(request: web.Request) -> web.Response:
    """Returns one webhook."""
    _, webhook = await _in_path(request, "read")
    return web.json_response(webhook)


async def create(request: web.Request) -> web.Response:
    """Adds a webhook."""
    core, project = core_of(request), await named_in_path(request)
    sender_of(request).require(project, RIGHT, "create")
    body = _checked(await read_json(request, BODY))
    if any(webhook["name"] == body.get("name") for webhook in await _webhooks_of(core, project)):
        raise conflict(f"notification policy named {body.get('name')} already exists")
    number, now = await core.state.next_id(KIND), timestamp()
    times = {"creation_time": now, "update_time": now}
    await core.state.put(KIND, number, {"description": "", **body, **_identity(number, project), **times})
    return web.Response(status=201, headers={"Location": f"{request.path.rstrip('/')}/{number}"})


async def update(request: web.Request) -> web.Response:
    """Replaces the webhook; what the body does not name becomes empty."""
    project, webhook = await _in_path(request, "update")
    body = _checked(await read_json(request, BODY))
    changed = {"description": "", "creator": "", **body, **_identity(webhook["id"], project)}
    times = {"creation_time": webhook["creation_time"], "update_time": timestamp()}
    await core_of(request).state.put(KIND, webhook["id"], {**changed, **times})
    return web.Response()


async def delete(request: web.Request) -> web.Response:
    """Removes the webhook."""
    _, webhook = await _in_path(request, "delete")
    await core_of(request).state.remove(KIND, webhook["id"])
    return web.Response()


async def _in_path(request: web.Request, action: str) -> tuple[Document, Document]:
    project = await named_in_path(request)
    sender_of(request).require(project, RIGHT, action)
    number = read_id(request, "webhook", "notificationPolicy")
    webhook = await core_of(request).state.get(KIND, number)
    if webhook is None or webhook["project_id"] != project["project_id"]:
        raise not_found(f"notificationPolicy {number} not found")
    return project, webhook


async def _webhooks_of(core: Core, project: Document) -> list[Document]:
    return [webhook for webhook in await core.state.all(KIND) if webhook["project_id"] == project["project_id"]]


def _identity(number: int, project: Document) -> Document:
    return {"id": number, "project_id": project["project_id"]}


def _checked(body: dict[str, Any]) -> Document:
    """Returns the body with the targets as Harbor stores them. Raises 400."""
    events, targets = body.get("event_types") or [], body.get("targets") or []
    if not events:
        raise bad_request("empty event type")
    if unknown := [event for event in events if event not in EVENTS]:
        raise bad_request(f"unsupported event type {unknown[0]}")
    if not targets:
        raise bad_request(f"empty notification target with policy {body.get('name')}")
    return {"enabled": False, **body, "targets": [_target(target) for target in targets]}


def _target(target: Document) -> Document:
    kind, shape = target.get("type"), target.get("payload_format") or ""
    if urlsplit(target.get("address") or "").scheme not in {"http", "https"}:
        raise bad_request(f"invalid scheme: {target.get('address')}")
    if kind not in {"http", "slack"}:
        raise bad_request(f"unsupported target type {kind} with policy")
    if shape and kind == "slack":
        raise bad_request("set payload format is not allowed for slack")
    if shape and shape not in FORMATS:
        raise bad_request(f"unsupported payload format type: {shape}")
    stored = {"skip_cert_verify": False, **target, **({"payload_format": shape or "Default"} if kind == "http" else {})}
    return {name: value for name, value in stored.items() if value not in {None, ""}}


ROUTES = (
    ("GET", "/projects/{project}/webhook/policies", index),
    ("POST", "/projects/{project}/webhook/policies", create),
    ("GET", "/projects/{project}/webhook/policies/{webhook}", read),
    ("PUT", "/projects/{project}/webhook/policies/{webhook}", update),
    ("DELETE", "/projects/{project}/webhook/policies/{webhook}", delete),
)
