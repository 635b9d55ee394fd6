"""System information: `/ping`, `/systeminfo`, `/statistics`, and the version of the API."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aiohttp import web

from lab.harbor.core import core_of, sender_of
from lab.harbor.repositories import stored_bytes
from lab.harbor.state import timestamp

if TYPE_CHECKING:
    from lab.harbor.core import Core

VERSION = "v2.15.2-080b0220"


async def version(request: web.Request) -> web.Response:
    """Returns the version of the API."""
    return web.json_response({"version": "v2.0"})


async def ping(request: web.Request) -> web.Response:
    """Always succeeds."""
    return web.json_response("Pong")


async def info(request: web.Request) -> web.Response:
    """Returns five fields for anonymous users, all fields after login; a wrong password means anonymous."""
    core = core_of(request)
    values = await core.configuration()
    public = {
        "auth_mode": values["auth_mode"],
        "banner_message": values["banner_message"],
        "oidc_provider_name": values["oidc_name"] if values["auth_mode"] == "oidc_auth" else "",
        "primary_auth_mode": values["primary_auth_mode"],
        "self_registration": values["self_registration"],
    }
    if not sender_of(request).authenticated:
        return web.json_response(public)
    protected = {
        "current_time": timestamp(),
        "external_url": core.settings.external_url,
        "harbor_version": VERSION,
        "has_ca_root": core.settings.has_ca_root,
        "notification_enable": values["notification_enable"],
        "project_creation_restriction": values["project_creation_restriction"],
        "read_only": values["read_only"],
        "registry_storage_provider_name": core.settings.storage_provider,
        "registry_url": urlsplit(core.settings.external_url).netloc,
    }
    return web.json_response(public | protected)


async def statistics(request: web.Request) -> web.Response:
    """Returns the numbers of projects and repositories, and the size of all images."""
    core, sender = core_of(request), sender_of(request)
    sender.require_login()
    counts = await _counts(core)
    shown = {
        "public_project_count": counts["project", True],
        "public_repo_count": counts["repo", True],
        "private_project_count": counts["project", False] if sender.admin else 0,
        "private_repo_count": counts["repo", False] if sender.admin else 0,
        "total_project_count": counts["project", True] + counts["project", False] if sender.admin else 0,
        "total_repo_count": counts["repo", True] + counts["repo", False] if sender.admin else 0,
        "total_storage_consumption": await stored_bytes(core) if sender.admin else 0,
    }
    return web.json_response(shown)


async def _counts(core: Core) -> dict[tuple[str, bool], int]:
    public = {one["project_id"]: one["metadata"]["public"] == "true" for one in await core.state.all("project")}
    counts = {("project", True): 0, ("project", False): 0, ("repo", True): 0, ("repo", False): 0}
    for is_public in public.values():
        counts["project", is_public] += 1
    for repository in await core.state.all("repository"):
        counts["repo", public[repository["project_id"]]] += 1
    return counts
