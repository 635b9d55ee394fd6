"""Reads a Harbor as its administrator; every request is a GET."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from pydantic import SecretStr

from harbor_operator.adapters.harbor_http import HarborHttp
from harbor_operator.adapters.harbor_ports import http_harbor_ports
from harbor_operator.kubectl.errors import CommandError
from harbor_operator.kubectl.exporting.spec import Export, FoundHarbor, FoundProject, export_spec
from harbor_operator.model.harbor import HarborEndpoint, Identity, Login
from harbor_operator.model.projects import ObservedProject, ObservedQuota
from harbor_operator.model.schedules import ObservedSchedule, SystemJob
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.harbor_ports import HarborPorts


class Source(NamedTuple):
    """A Harbor and the login of its administrator; `ca` is a PEM bundle, empty = the system's authorities."""

    url: str
    ca: str
    username: str
    password: str


def export(source: Source, timeout_seconds: float) -> Export:
    """Returns the Harbor as a HarborRegistry. Raises CommandError."""
    login = Login(source.username, SecretStr(source.password))
    admin = HarborEndpoint(source.url.rstrip("/"), source.ca, login)
    try:
        found = asyncio.run(_within(timeout_seconds, http_harbor_ports(HarborHttp()), admin))
    except (Refused, Unavailable) as error:
        raise CommandError(f"{error.reason}: {error}") from None
    except TimeoutError:
        raise CommandError(f"Harbor was not read within {timeout_seconds:g} s: raise `--timeout`") from None
    return export_spec(found, admin.url, has_ca=bool(source.ca))


async def _within(seconds: float, ports: HarborPorts, admin: HarborEndpoint) -> FoundHarbor:
    async with asyncio.timeout(seconds):
        return await read_harbor(ports, admin)


async def read_harbor(ports: HarborPorts, admin: HarborEndpoint) -> FoundHarbor:
    """Returns everything that the spec can describe. Raises CommandError for a login without the rights."""
    if await ports.harbor.read_identity(admin) is not Identity.ADMIN:
        raise CommandError("Harbor does not accept this login as an administrator: check `--username` and the password")
    names = await ports.harbor.read_project_names(admin)
    projects = await ports.projects.find_projects(admin, names)
    quotas = await ports.projects.find_quotas(admin, projects.values())
    return FoundHarbor(
        [await _project(ports, admin, one, quotas.get(one.number)) for one in projects.values()],
        await ports.registries.read_registries(admin),
        await ports.replications.read_replications(admin),
        {job: await _schedule(ports, admin, job) for job in SystemJob},
        await ports.projects.read_ldap_groups(admin),
    )


async def _project(
    ports: HarborPorts, admin: HarborEndpoint, project: ObservedProject, quota: ObservedQuota | None
) -> FoundProject:
    retention = project.retention
    return FoundProject(
        project,
        quota,
        await ports.projects.read_members(admin, project.name),
        await ports.immutable_tags.read_immutable_rules(admin, project.name),
        await ports.retention.read_retention(admin, retention) if retention else None,
        await ports.webhooks.read_webhooks(admin, project.name),
        await ports.harbor.read_project_robots(admin, project),
    )


async def _schedule(ports: HarborPorts, admin: HarborEndpoint, job: SystemJob) -> ObservedSchedule | None:
    try:
        return await ports.schedules.read_schedule(admin, job)
    except Refused:
        return None  # a version of Harbor without this job
