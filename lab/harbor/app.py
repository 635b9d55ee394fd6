"""The application: routes, first boot, and cleanup."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web

from lab.harbor import (
    audit_logs,
    configurations,
    endpoints,
    gc,
    health,
    immutable_tags,
    ldap,
    members,
    oidc,
    projects,
    quotas,
    registry_proxy,
    replications,
    repositories,
    retention,
    robots,
    schedules,
    session,
    system,
    tokens,
    users,
    webhooks,
)
from lab.harbor.core import ADMIN_ID, CORE, Core
from lab.harbor.state import State

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lab.harbor.settings import Settings

BASE = "/api/v2.0"


def make_app(settings: Settings) -> web.Application:
    """Returns the stand-in as an application."""
    app = web.Application(client_max_size=1 << 20)
    session.install(app)
    app.router.add_get("/api/version", system.version)
    app.router.add_get("/service/token", tokens.issue)
    app.router.add_route("*", "/v2/{rest:.*}", registry_proxy.serve)
    for method, path, handler in ROUTES:
        app.router.add_route(method, BASE + path, handler)

    async def running(app: web.Application) -> AsyncIterator[None]:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
        async with aiohttp.ClientSession(
            timeout=timeout, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
        ) as http:
            core = Core(settings, State(settings.postgresql), http)
            app[CORE] = core
            await core.state.prepare(settings.harbor_version)
            await _first_boot(core)
            yield
            await core.stop_jobs()
            await core.state.close()

    app.cleanup_ctx.append(running)
    return app


async def _first_boot(core: Core) -> None:
    """Creates the admin and the project `library`; later boots ignore the password in the environment."""
    if await core.state.get("user", ADMIN_ID) is not None:
        return
    number = await core.state.next_id("project")
    library = projects.new_project(number, "library", {"public": "true"}, projects.UNLIMITED)
    await core.state.put("project", number, library)
    await core.state.put("user", ADMIN_ID, users.first_admin(core.settings.admin_password))


ROUTES = (
    ("GET", "/ping", system.ping),
    ("GET", "/health", health.health),
    ("GET", "/systeminfo", system.info),
    ("GET", "/statistics", system.statistics),
    ("GET", "/users/current", users.current),
    ("POST", "/users", users.create),
    ("DELETE", "/users/{user}", users.delete),
    ("PUT", "/users/{user}/password", users.change_password),
    ("HEAD", "/projects", projects.exists),
    ("GET", "/projects", projects.index),
    ("POST", "/projects", projects.create),
    ("GET", "/projects/{project}", projects.read),
    ("PUT", "/projects/{project}", projects.update),
    ("DELETE", "/projects/{project}", projects.delete),
    ("GET", "/projects/{project}/metadatas/", projects.metadata),
    ("GET", "/projects/{project}/repositories", repositories.index),
    ("DELETE", "/projects/{project}/repositories/{repository}", repositories.remove),
    ("GET", "/quotas", quotas.index),
    ("GET", "/quotas/{quota}", quotas.read),
    ("PUT", "/quotas/{quota}", quotas.update),
    ("GET", "/robots", robots.index),
    ("POST", "/robots", robots.create),
    ("GET", "/robots/{robot}", robots.read),
    ("PUT", "/robots/{robot}", robots.update),
    ("PATCH", "/robots/{robot}", robots.refresh),
    ("DELETE", "/robots/{robot}", robots.delete),
    ("GET", "/auditlog-exts", audit_logs.index),
    ("GET", "/audit-logs", audit_logs.earlier_index),
    ("GET", "/configurations", configurations.read),
    ("PUT", "/configurations", configurations.update),
    ("POST", "/system/oidc/ping", oidc.ping),
    ("POST", "/ldap/ping", ldap.ping),
    ("GET", "/ldap/users/search", ldap.search),
    *schedules.ROUTES,
    *members.ROUTES,
    *endpoints.ROUTES,
    *immutable_tags.ROUTES,
    *replications.ROUTES,
    *retention.ROUTES,
    *webhooks.ROUTES,
    ("GET", "/system/gc", gc.history),
    ("GET", "/system/gc/{run}", gc.read),
)
