"""The retention policies of projects: `/retentions`. None of them runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from lab.harbor.core import core_of, sender_of
from lab.harbor.errors import INTERNAL, HarborError, bad_request, conflict, not_found
from lab.harbor.reading import read_id, read_json
from lab.harbor.schedules import check_cron
from lab.harbor.state import timestamp

if TYPE_CHECKING:
    from lab.harbor.core import Core
    from lab.harbor.state import Document

KIND, RIGHT = "retention", "tag-retention"
METADATA = "retention_id"
MAX_RULES = 15
BODY = {"id": int, "algorithm": str, "rules": list, "trigger": dict, "scope": dict}


async def create(request: web.Request) -> web.Response:
    """Creates the policy of a project that has none."""
    core, body = core_of(request), await read_json(request, BODY)
    project = await _checked(request, body, "create")
    if METADATA in project["metadata"]:
        raise bad_request(f"project {project['project_id']} already has retention policy")
    number = await core.state.next_id(KIND)
    await core.state.put(KIND, number, body | {"id": number})
    await _set_metadata(core, project, {**project["metadata"], METADATA: str(number)})
    return web.Response(status=201, headers={"Location": f"{request.path.rstrip('/')}/{number}"})


async def read(request: web.Request) -> web.Response:
    """Returns the policy, with the time of its next run if it has a schedule."""
    policy = await _in_path(request, "read")
    trigger = policy["trigger"]
    if (trigger.get("settings") or {}).get("cron"):
        trigger = {**trigger, "settings": {**trigger["settings"], "next_scheduled_time": timestamp()}}
    return web.json_response({**policy, "trigger": trigger})


async def update(request: web.Request) -> web.Response:
    """Replaces the policy."""
    body, number = await read_json(request, BODY), read_id(request, "retention", "retention")
    project = await _checked(request, body, "update")
    if project["metadata"].get(METADATA) != str(number):
        raise not_found(f"the retention policy id {number} does not match")
    await core_of(request).state.put(KIND, number, body | {"id": number})
    return web.Response()


async def delete(request: web.Request) -> web.Response:
    """Deletes the policy."""
    core, policy = core_of(request), await _in_path(request, "delete")
    project = await core.state.get("project", policy["scope"]["ref"])
    await core.state.remove(KIND, policy["id"])
    if project is not None:
        await _set_metadata(core, project, {k: v for k, v in project["metadata"].items() if k != METADATA})
    return web.Response()


async def _checked(request: web.Request, body: dict[str, Any], action: str) -> Document:
    """Returns the project of the policy. Raises 400, 401, 403 or 409."""
    sender_of(request).require_login()
    rules, scope = body.get("rules") or [], body.get("scope") or {}
    if len(rules) > MAX_RULES:
        raise bad_request(f"only {MAX_RULES} rules are allowed at most")
    if any(rule in rules[:position] for position, rule in enumerate(rules)):
        raise conflict("rule is conflict with rule")
    project = await core_of(request).state.get("project", scope.get("ref"))
    if scope.get("level") != "project" or project is None:
        raise bad_request(f"invalid Project id {scope.get('ref')}")
    sender_of(request).require(project, RIGHT, action)
    if cron := ((body.get("trigger") or {}).get("settings") or {}).get("cron"):
        check_cron(cron)
    return project


async def _in_path(request: web.Request, action: str) -> Document:
    core, number = core_of(request), read_id(request, "retention", "retention")
    sender_of(request).require_login()
    policy = await core.state.get(KIND, number)
    if policy is None:
        raise HarborError(500, "UNKNOWN", INTERNAL)
    project = await core.state.get("project", policy["scope"]["ref"])
    if project is not None:
        sender_of(request).require(project, RIGHT, action)
    return policy


async def _set_metadata(core: Core, project: Document, metadata: dict[str, str]) -> None:
    await core.state.put("project", project["project_id"], {**project, "metadata": metadata})


ROUTES = (
    ("POST", "/retentions", create),
    ("GET", "/retentions/{retention}", read),
    ("PUT", "/retentions/{retention}", update),
    ("DELETE", "/retentions/{retention}", delete),
)
