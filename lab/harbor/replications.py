"""Replication rules: `/replication/policies`. None of them runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from lab.harbor.core import core_of, sender_of
from lab.harbor.endpoints import shown
from lab.harbor.errors import bad_request, conflict, not_found
from lab.harbor.reading import matches, page, read_id, read_json, read_q
from lab.harbor.schedules import check_cron
from lab.harbor.state import timestamp

if TYPE_CHECKING:
    from lab.harbor.core import Core
    from lab.harbor.state import Document

KIND, RIGHT = "replication", "replication-policy"
TRIGGERS = {"manual", "scheduled", "event_based"}
FILTERS = {"name", "tag", "label", "resource"}
LOCAL = {"id": 0, "name": "Local", "type": "harbor", "url": "http://core:80", "status": "healthy", "insecure": True}
BODY = {
    "id": int,
    "name": str,
    "description": str,
    "src_registry": dict,
    "dest_registry": dict,
    "dest_namespace": str,
    "dest_namespace_replace_count": int,
    "trigger": dict,
    "filters": list,
    "deletion": bool,
    "override": bool,
    "enabled": bool,
    "speed": int,
    "copy_by_chunk": bool,
    "single_active_replication": bool,
}
DEFAULTS = {
    "description": "",
    "dest_namespace": "",
    "dest_namespace_replace_count": -1,
    "filters": [],
    "deletion": False,
    "override": False,
    "enabled": False,
    "speed": 0,
    "copy_by_chunk": False,
    "single_active_replication": False,
}
"""What Harbor stores for what a request does not name, also at an update."""


async def index(request: web.Request) -> web.Response:
    """Returns all rules."""
    sender_of(request).require_system(RIGHT, "list")
    core, filters = core_of(request), read_q(request)
    rules = [rule for rule in await core.state.all(KIND) if matches(rule, filters, ("name",))]
    return page(request, [await _shown(core, rule) for rule in rules])


async def create(request: web.Request) -> web.Response:
    """Creates a rule."""
    core = core_of(request)
    sender_of(request).require_system(RIGHT, "create")
    body = await _checked(core, await read_json(request, BODY))
    if await core.state.find(KIND, "name", body["name"]) is not None:
        raise conflict(f"replication policy {body['name']} already exists")
    number, now = await core.state.next_id(KIND), timestamp()
    await core.state.put(KIND, number, {**DEFAULTS, **body, "id": number, "creation_time": now, "update_time": now})
    return web.Response(status=201, headers={"Location": f"{request.path.rstrip('/')}/{number}"})


async def update(request: web.Request) -> web.Response:
    """Replaces a rule."""
    core, rule = core_of(request), await _in_path(request, "update")
    body = await _checked(core, await read_json(request, BODY))
    times = {"creation_time": rule["creation_time"], "update_time": timestamp()}
    await core.state.put(KIND, rule["id"], {**DEFAULTS, **body, "id": rule["id"], **times})
    return web.Response()


async def delete(request: web.Request) -> web.Response:
    """Deletes a rule."""
    rule = await _in_path(request, "delete")
    await core_of(request).state.remove(KIND, rule["id"])
    return web.Response()


async def _in_path(request: web.Request, action: str) -> Document:
    sender_of(request).require_system(RIGHT, action)
    number = read_id(request, "rule", "replication policy")
    rule = await core_of(request).state.get(KIND, number)
    if rule is None:
        raise not_found(f"replication policy {number} not found")
    return rule


async def _checked(core: Core, body: dict[str, Any]) -> Document:
    """Returns the body. Raises 400 or 404."""
    if not body.get("name"):
        raise bad_request("empty name")
    numbers = [(body.get(side) or {}).get("id") or 0 for side in ("src_registry", "dest_registry")]
    if all(numbers) or not any(numbers):
        raise bad_request("either src_registry or dest_registry should be empty and the other one shouldn't be empty")
    if await core.state.get("endpoint", max(numbers)) is None:
        raise not_found(f"registry {max(numbers)} not found")
    for one in body.get("filters") or []:
        if one.get("type") not in FILTERS:
            raise bad_request("invalid filter type")
        if one["type"] == "name" and one.get("decoration"):
            raise bad_request("only tag and label filter support decoration")
    trigger = body.get("trigger") or {}
    if trigger and trigger.get("type") not in TRIGGERS:
        raise bad_request("invalid trigger type")
    if trigger.get("type") == "scheduled":
        check_cron((trigger.get("trigger_settings") or {}).get("cron") or "")
    return body


async def _shown(core: Core, rule: Document) -> Document:
    """Returns the rule with both registries, one of which is this Harbor."""
    sides = {}
    for side in ("src_registry", "dest_registry"):
        number = (rule.get(side) or {}).get("id") or 0
        endpoint = await core.state.get("endpoint", number) if number else None
        sides[side] = shown(endpoint) if endpoint else LOCAL
    return {**rule, **sides, "filters": rule.get("filters") or None, "replicate_deletion": rule["deletion"]}


ROUTES = (
    ("GET", "/replication/policies", index),
    ("POST", "/replication/policies", create),
    ("PUT", "/replication/policies/{rule}", update),
    ("DELETE", "/replication/policies/{rule}", delete),
)
