"""The projects of a Harbor over HTTP."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from typing_extensions import override

from harbor_operator.adapters.harbor_api import API, BY_NAME, HarborApi
from harbor_operator.adapters.harbor_http import HttpRequest, HttpResponse
from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.projects import (
    DesiredMember,
    DesiredProject,
    ObservedMember,
    ObservedProject,
    ObservedQuota,
)
from harbor_operator.ports.harbor_projects import HarborProjects
from harbor_operator.reasons import Reason

_LDAP_GROUP, _OIDC_GROUP = 1, 3
_REASON = Reason.PROJECT_REFUSED


class HttpHarborProjects(HarborApi, HarborProjects):
    """The projects over HTTP."""

    @override
    async def find_projects(self, endpoint: HarborEndpoint, names: Collection[str]) -> Mapping[str, ObservedProject]:
        found: dict[str, ObservedProject] = {}
        request = HttpRequest("GET", f"{API}/projects")
        async for page, following in self._pages(endpoint, request, _REASON):
            projects = page.decode(lambda projects: [decode_project(project) for project in projects or []])
            found |= {project.name: project for project in projects if project.name in names}
            if len(names) - len(found) <= following:
                break
        else:
            return found
        for name in sorted(set(names) - found.keys()):
            request = HttpRequest("GET", f"{API}/projects/{name}", headers=BY_NAME)
            response = await self._request(endpoint, request, _REASON, HTTPStatus.NOT_FOUND)
            if response.status != HTTPStatus.NOT_FOUND:
                found[name] = response.decode(decode_project)
        return found

    @override
    async def find_quotas(
        self, endpoint: HarborEndpoint, projects: Collection[ObservedProject]
    ) -> Mapping[int, ObservedQuota]:
        wanted, found = {project.number for project in projects}, dict[int, ObservedQuota]()
        request = HttpRequest("GET", f"{API}/quotas", {"reference": "project"})
        async for page, following in self._pages(endpoint, request, _REASON):
            found |= _quotas(page, wanted)
            if len(wanted) - len(found) <= following:
                break
        else:
            return found
        for number in sorted(wanted - found.keys()):
            one = replace(request, query={"reference": "project", "reference_id": str(number)})
            found |= _quotas(await self._request(endpoint, one, _REASON), wanted)
        return found

    @override
    async def create_project(self, endpoint: HarborEndpoint, desired: DesiredProject) -> None:
        body = {"project_name": desired.name, **_settings(desired), "storage_limit": desired.storage_limit}
        if desired.registry:
            body["registry_id"] = desired.registry
        request = HttpRequest("POST", f"{API}/projects", body=body)
        response = await self._request(endpoint, request, _REASON, HTTPStatus.CONFLICT)
        # Harbor ignores the list of a new project (`Create` in src/controller/project).
        if desired.allowed_cves and response.status != HTTPStatus.CONFLICT:
            await self.update_project(endpoint, desired)

    @override
    async def update_project(self, endpoint: HarborEndpoint, desired: DesiredProject) -> None:
        # Harbor keeps the metadata that the body does not name.
        request = HttpRequest("PUT", f"{API}/projects/{desired.name}", headers=BY_NAME, body=_settings(desired))
        await self._request(endpoint, request, _REASON)

    @override
    async def set_quota(self, endpoint: HarborEndpoint, quota: ObservedQuota, storage_limit: int) -> None:
        # Harbor reads the `storage_limit` of a project at its creation only.
        body = {"hard": {"storage": storage_limit}}
        await self._request(endpoint, HttpRequest("PUT", f"{API}/quotas/{quota.number}", body=body), _REASON)

    @override
    async def read_members(self, endpoint: HarborEndpoint, project: str) -> list[ObservedMember]:
        request = HttpRequest("GET", f"{API}/projects/{project}/members", headers=BY_NAME)
        return await self._entries(endpoint, request, _REASON, _member)

    @override
    async def read_ldap_groups(self, endpoint: HarborEndpoint) -> Mapping[str, int]:
        groups: dict[str, int] = {}
        async for page, _ in self._pages(endpoint, HttpRequest("GET", f"{API}/usergroups"), _REASON):
            groups |= page.decode(
                lambda groups: {
                    group["ldap_group_dn"].lower(): group["id"] for group in groups or [] if group.get("ldap_group_dn")
                }
            )
        return groups

    @override
    async def add_member(self, endpoint: HarborEndpoint, project: str, desired: DesiredMember) -> None:
        body: dict[str, Any] = {"role_id": desired.role}
        if desired.user:
            body["member_user"] = {"username": desired.user}
        elif desired.oidc_group:
            body["member_group"] = {"group_name": desired.oidc_group, "group_type": _OIDC_GROUP}
        else:
            body["member_group"] = {"ldap_group_dn": desired.ldap_group, "group_type": _LDAP_GROUP}
        request = HttpRequest("POST", f"{API}/projects/{project}/members", headers=BY_NAME, body=body)
        await self._request(endpoint, request, _REASON)

    @override
    async def set_role(self, endpoint: HarborEndpoint, project: str, member: ObservedMember, role: int) -> None:
        path = f"{API}/projects/{project}/members/{member.number}"
        await self._request(endpoint, HttpRequest("PUT", path, headers=BY_NAME, body={"role_id": role}), _REASON)

    @override
    async def remove_member(self, endpoint: HarborEndpoint, project: str, member: ObservedMember) -> None:
        path = f"{API}/projects/{project}/members/{member.number}"
        await self._request(endpoint, HttpRequest("DELETE", path, headers=BY_NAME), _REASON, HTTPStatus.NOT_FOUND)


def decode_project(project: Mapping[str, Any]) -> ObservedProject:
    """Returns one entry of the list of projects, or the answer to a request for one."""
    metadata = project.get("metadata") or {}
    items = (project.get("cve_allowlist") or {}).get("items") or []
    return ObservedProject(
        number=project["project_id"],
        name=project["name"],
        public=metadata.get("public") == "true",
        repositories=project.get("repo_count", 0),
        registry=project.get("registry_id") or 0,
        metadata=metadata,
        allowed_cves=frozenset(item["cve_id"] for item in items),
    )


def _settings(desired: DesiredProject) -> dict[str, Any]:
    settings: dict[str, Any] = {"metadata": {"public": str(desired.public).lower(), **desired.metadata}}
    if desired.allowed_cves is not None:
        settings["cve_allowlist"] = {"items": [{"cve_id": cve} for cve in sorted(desired.allowed_cves)]}
    return settings


def _quotas(response: HttpResponse, wanted: Collection[int]) -> dict[int, ObservedQuota]:
    """Returns the quotas of the wanted projects, because Harbor ignores a filter that it does not support."""
    quotas = response.decode(
        lambda quotas: [
            ObservedQuota(quota["id"], quota["ref"]["id"], quota["hard"]["storage"]) for quota in quotas or []
        ]
    )
    return {quota.project: quota for quota in quotas if quota.project in wanted}


def _member(member: Mapping[str, Any]) -> ObservedMember:
    is_group = member["entity_type"] == "g"
    return ObservedMember(member["id"], member["role_id"], member["entity_name"], is_group, member["entity_id"])
