"""Harbor's API 2.0 over HTTP, as an administrator."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from pydantic import SecretStr

from harbor_operator.adapters.harbor_http import HttpRequest, HttpResponse, send, server_error
from harbor_operator.model.harbor import (
    DesiredProject,
    DesiredRobot,
    HarborEndpoint,
    Identity,
    ObservedProject,
    ObservedQuota,
    ObservedRobot,
    SystemInfo,
)
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason

API = "/api/v2.0"
PAGE = {"page_size": "100"}

# Without it a project called '42' is taken for project number 42.
_BY_NAME = {"X-Is-Resource-Name": "true"}
_FOREVER = -1
_REPOSITORIES_TRIED = 3


class HttpHarbor:
    """The Harbor port for real."""

    async def read_identity(self, access: HarborEndpoint) -> Identity:
        """Asks who we are, for many other calls take a wrong password for a visitor."""
        answer = await send(access, HttpRequest("GET", f"{API}/users/current"))
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise server_error(access, "GET /api/v2.0/users/current", answer.status)
        if answer.status == HTTPStatus.OK:
            return Identity.ADMIN if answer.json().get("sysadmin_flag") else Identity.USER
        # A robot is known and still is no user.
        return Identity.ROBOT if answer.status == HTTPStatus.PRECONDITION_FAILED else Identity.NOBODY

    async def read_system(self, access: HarborEndpoint) -> SystemInfo:
        """Reads the version without its build number."""
        found = (await _ask(access, HttpRequest("GET", f"{API}/systeminfo"), Reason.REGISTRY_NOT_HARBOR)).json() or {}
        version = str(found.get("harbor_version", "")).removeprefix("v").split("-", 1)[0]
        return SystemInfo(version=version, read_only=bool(found.get("read_only")))

    async def read_projects(self, access: HarborEndpoint) -> list[ObservedProject]:
        """Reads one page: enough to find a place for a trial."""
        answer = await _ask(access, HttpRequest("GET", f"{API}/projects", PAGE), Reason.PROJECT_REFUSED)
        return [_project(one) for one in answer.json() or []]

    async def read_project(self, access: HarborEndpoint, name: str) -> ObservedProject | None:
        """Looks the project up by its name."""
        ask = HttpRequest("GET", f"{API}/projects/{name}", headers=_BY_NAME)
        answer = await _ask(access, ask, Reason.PROJECT_REFUSED, HTTPStatus.NOT_FOUND)
        return None if answer.status == HTTPStatus.NOT_FOUND else _project(answer.json())

    async def read_quota(self, access: HarborEndpoint, project: ObservedProject) -> ObservedQuota | None:
        """Looks the quota up by the number of its project."""
        query = {"reference": "project", "reference_id": str(project.number)}
        answer = await _ask(access, HttpRequest("GET", f"{API}/quotas", query), Reason.PROJECT_REFUSED)
        own = [one for one in answer.json() or [] if one["ref"]["id"] == project.number]
        return ObservedQuota(own[0]["id"], own[0]["hard"]["storage"]) if own else None

    async def read_image(self, access: HarborEndpoint, project: str) -> str | None:
        """Takes a tag from one of the first repositories: an image without a tag is of no use here."""
        ask = HttpRequest("GET", f"{API}/projects/{project}/repositories", PAGE, _BY_NAME)
        listed = (await _ask(access, ask, Reason.PROJECT_REFUSED)).json() or []
        for repository in listed[:_REPOSITORIES_TRIED]:
            tags = await send(access, HttpRequest("GET", f"/v2/{repository['name']}/tags/list"))
            known = (tags.json() or {}).get("tags") if tags.status == HTTPStatus.OK else None
            if known:
                return f"{repository['name']}:{known[0]}"
        return None

    async def create_project(self, access: HarborEndpoint, desired: DesiredProject) -> None:
        """Makes it with its flag and quota at once."""
        public = {"public": str(desired.public).lower()}
        body = {"project_name": desired.name, "metadata": public, "storage_limit": desired.storage_limit}
        await _ask(
            access, HttpRequest("POST", f"{API}/projects", body=body), Reason.PROJECT_REFUSED, HTTPStatus.CONFLICT
        )

    async def set_public(self, access: HarborEndpoint, desired: DesiredProject) -> None:
        """Sends the one key; Harbor keeps the others."""
        body = {"metadata": {"public": str(desired.public).lower()}}
        ask = HttpRequest("PUT", f"{API}/projects/{desired.name}", headers=_BY_NAME, body=body)
        await _ask(access, ask, Reason.PROJECT_REFUSED)

    async def set_quota(self, access: HarborEndpoint, quota: ObservedQuota, storage_limit: int) -> None:
        """Writes the quota, for a project's own storage_limit is read at its creation only."""
        body = {"hard": {"storage": storage_limit}}
        await _ask(access, HttpRequest("PUT", f"{API}/quotas/{quota.number}", body=body), Reason.PROJECT_REFUSED)

    async def find_robot(self, access: HarborEndpoint, name: str) -> ObservedRobot | None:
        """Searches by the name as stored, then makes sure that the filter was understood."""
        query = {**PAGE, "q": f"name={name}"}
        answer = await _ask(access, HttpRequest("GET", f"{API}/robots", query), Reason.ROBOT_REFUSED)
        own = [one for one in answer.json() or [] if one["level"] == "system" and one["name"].endswith(name)]
        return _robot(own[0]) if own else None

    async def create_robot(self, access: HarborEndpoint, desired: DesiredRobot) -> ObservedRobot:
        """Makes it and forgets the secret Harbor chose: ours is set right after."""
        body = {"name": desired.name, **_robot_body(desired)}
        made = (await _ask(access, HttpRequest("POST", f"{API}/robots", body=body), Reason.ROBOT_REFUSED)).json()
        return ObservedRobot(made["id"], made["name"], desired.description, desired.grants)

    async def update_robot(self, access: HarborEndpoint, robot: ObservedRobot, desired: DesiredRobot) -> None:
        """Sends the whole robot with its full name, as Harbor wants it."""
        body = {"id": robot.number, "name": robot.login, **_robot_body(desired)}
        await _ask(access, HttpRequest("PUT", f"{API}/robots/{robot.number}", body=body), Reason.ROBOT_REFUSED)

    async def set_robot_secret(self, access: HarborEndpoint, robot: ObservedRobot, secret: SecretStr) -> None:
        """Never sends an empty one: Harbor would make up another."""
        body = {"secret": secret.get_secret_value()}
        if not body["secret"]:
            raise Refused(Reason.SECRET_INVALID, f"the secret for robot '{robot.login}' is empty")
        await _ask(access, HttpRequest("PATCH", f"{API}/robots/{robot.number}", body=body), Reason.ROBOT_REFUSED)

    async def remove_robot(self, access: HarborEndpoint, robot: ObservedRobot) -> None:
        """Deletes it; nothing to do when it is gone."""
        ask = HttpRequest("DELETE", f"{API}/robots/{robot.number}")
        await _ask(access, ask, Reason.ROBOT_REFUSED, HTTPStatus.NOT_FOUND)


async def _ask(access: HarborEndpoint, ask: HttpRequest, matter: Reason, fine: int = HTTPStatus.OK) -> HttpResponse:
    """Returns a success, or the one other status that is fine here; everything else becomes an exception."""
    answer = await send(access, ask)
    if answer.status in {HTTPStatus.OK, HTTPStatus.CREATED, fine}:
        return answer
    what = f"{ask.method} {access.url}{quote(ask.path)}"
    if answer.status == HTTPStatus.UNAUTHORIZED:
        message = f"Harbor does not accept the administrator's login ({what}): see the Secret with the admin password"
        raise Refused(Reason.ADMIN_CREDENTIALS_REJECTED, message)
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise server_error(access, f"{ask.method} {ask.path}", answer.status)
    if answer.status == HTTPStatus.FORBIDDEN and "read only" in answer.message:
        message = "Harbor is in read-only mode: switch it off in Harbor under Configuration, System Settings"
        raise Refused(Reason.REGISTRY_READ_ONLY, message)
    raise Refused(matter, f"Harbor refuses {what}: {answer.message}")


def _project(found: Mapping[str, Any]) -> ObservedProject:
    return ObservedProject(
        number=found["project_id"],
        name=found["name"],
        public=found.get("metadata", {}).get("public") == "true",
        repositories=found.get("repo_count", 0),
        is_proxy_cache=bool(found.get("registry_id")),
    )


def _robot(found: Mapping[str, Any]) -> ObservedRobot:
    grants = frozenset(
        (permission["namespace"], access["resource"], access["action"])
        for permission in found.get("permissions") or []
        for access in permission["access"]
    )
    return ObservedRobot(
        number=found["id"],
        login=found["name"],
        description=found.get("description", ""),
        grants=grants,
        is_forever=found.get("expires_at", _FOREVER) == _FOREVER,
        is_enabled=not found.get("disable", False),
    )


def _robot_body(desired: DesiredRobot) -> dict[str, Any]:
    pull = [{"resource": "repository", "action": "pull"}]
    return {
        "description": desired.description,
        "level": "system",
        "duration": _FOREVER,
        "disable": False,
        "permissions": [{"kind": "project", "namespace": project, "access": pull} for project in desired.projects],
    }
