"""The immutable tag rules of projects: `/projects/{project}/immutabletagrules`. The stand-in does not enforce them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from lab.harbor.core import core_of, sender_of
from lab.harbor.errors import bad_request, conflict, not_found
from lab.harbor.projects import named_in_path
from lab.harbor.reading import page, read_id, read_json

if TYPE_CHECKING:
    from lab.harbor.core import Core
    from lab.harbor.state import Document

KIND, RIGHT = "immutable_rule", "immutable-tag"
SELECTORS = ("tag_selectors", "scope_selectors")
BODY = {
    "id": int,
    "disabled": bool,
    "action": str,
    "template": str,
    "priority": int,
    "tag_selectors": list,
    "scope_selectors": dict,
}


async def index(request: web.Request) -> web.Response:
    """Returns the rules of the project."""
    project = await named_in_path(request)
    sender_of(request).require(project, RIGHT, "list")
    return page(request, [_shown(rule) for rule in await _rules_of(core_of(request), project)])


async def create(request: web.Request) -> web.Response:
    """Adds a rule; it is enabled, whatever the body says."""
    core, project = core_of(request), await named_in_path(request)
    sender_of(request).require(project, RIGHT, "create")
    body = await read_json(request, BODY)
    if not body.get("tag_selectors") or not body.get("scope_selectors"):
        raise bad_request("the selectors of tags and of repositories are required")
    if any(_selectors(rule) == _selectors(body) for rule in await _rules_of(core, project)):
        raise conflict("immutable rule already exists")
    number = await core.state.next_id(KIND)
    rule = {"priority": 0, **body, "id": number, "project_id": project["project_id"], "disabled": False}
    await core.state.put(KIND, number, rule)
    return web.Response(status=201, headers={"Location": f"{request.path.rstrip('/')}/{number}"})


async def update(request: web.Request) -> web.Response:
    """Enables or disables the rule, or else sets its selectors: Harbor never does both."""
    body = await read_json(request, BODY)
    if body.get("id") != read_id(request, "rule", "immutable rule"):
        raise bad_request("the immutable_rule_id doesn't match the id in the payload body of ImmutableRule")
    rule = await _in_path(request, "update")
    disabled = bool(body.get("disabled"))
    changed = {**rule, "disabled": disabled} if disabled != rule["disabled"] else {**rule, **body}
    await core_of(request).state.put(KIND, rule["id"], changed)
    return web.Response()


async def delete(request: web.Request) -> web.Response:
    """Removes the rule."""
    rule = await _in_path(request, "delete")
    await core_of(request).state.remove(KIND, rule["id"])
    return web.Response()


async def _in_path(request: web.Request, action: str) -> Document:
    project = await named_in_path(request)
    sender_of(request).require(project, RIGHT, action)
    number = read_id(request, "rule", "immutable rule")
    rule = await core_of(request).state.get(KIND, number)
    if rule is None:
        raise not_found(f"immutable rule {number} not found")
    if rule["project_id"] != project["project_id"]:
        raise not_found(f"project id {project['project_id']} does not match")
    return rule


async def _rules_of(core: Core, project: Document) -> list[Document]:
    return [rule for rule in await core.state.all(KIND) if rule["project_id"] == project["project_id"]]


def _selectors(rule: Document) -> list[Any]:
    return [rule.get(name) for name in SELECTORS]


def _shown(rule: Document) -> Document:
    return {name: value for name, value in rule.items() if name != "project_id"}


ROUTES = (
    ("GET", "/projects/{project}/immutabletagrules", index),
    ("POST", "/projects/{project}/immutabletagrules", create),
    ("PUT", "/projects/{project}/immutabletagrules/{rule}", update),
    ("DELETE", "/projects/{project}/immutabletagrules/{rule}", delete),
)
