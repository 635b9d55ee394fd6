"""Harbor's API 2.0 over HTTP, as an administrator."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from pydantic import SecretStr
from typing_extensions import override

from harbor_operator.adapters.harbor_api import API, BY_NAME, PAGE, HarborApi
from harbor_operator.adapters.harbor_http import HttpRequest, server_error
from harbor_operator.adapters.harbor_projects import decode_project
from harbor_operator.checks.configuration import explain_empty_robot_secret
from harbor_operator.model.harbor import (
    DesiredRobot,
    HarborEndpoint,
    Identity,
    ObservedRobot,
    SystemInfo,
)
from harbor_operator.model.projects import ObservedProject
from harbor_operator.ports import as_error
from harbor_operator.ports.harbor import Harbor
from harbor_operator.reasons import Reason

_NEVER_EXPIRES_DAYS = -1
_MAX_REPOSITORIES_TRIED = 3
_MAX_TAGS = {"n": "10"}


class HttpHarbor(HarborApi, Harbor):
    """Harbor's API over HTTP."""

    @override
    async def read_identity(self, endpoint: HarborEndpoint) -> Identity:
        # Other calls treat a wrong password as an anonymous request.
        response = await self._http.send(endpoint, HttpRequest("GET", f"{API}/users/current"))
        if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise server_error(response)
        if response.status == HTTPStatus.OK:
            is_admin = response.decode(lambda user: bool(user.get("sysadmin_flag")))
            return Identity.ADMIN if is_admin else Identity.USER
        # Harbor knows a robot, and answers that it is not a user.
        return Identity.ROBOT if response.status == HTTPStatus.PRECONDITION_FAILED else Identity.ANONYMOUS

    @override
    async def read_system(self, endpoint: HarborEndpoint) -> SystemInfo:
        request = HttpRequest("GET", f"{API}/systeminfo")
        return (await self._request(endpoint, request, Reason.REGISTRY_NOT_HARBOR)).decode(_system)

    @override
    async def read_project_creation(self, endpoint: HarborEndpoint) -> str:
        response = await self._request(
            endpoint, HttpRequest("GET", f"{API}/configurations"), Reason.REGISTRY_NOT_HARBOR
        )
        return response.decode(lambda values: str(values["project_creation_restriction"]["value"]))

    @override
    async def read_projects(self, endpoint: HarborEndpoint) -> list[ObservedProject]:
        request = HttpRequest("GET", f"{API}/projects", PAGE)
        response = await self._request(endpoint, request, Reason.PROJECT_REFUSED)
        return response.decode(lambda projects: [decode_project(project) for project in projects or []])

    @override
    async def read_image(self, endpoint: HarborEndpoint, project: str) -> str | None:
        request = HttpRequest("GET", f"{API}/projects/{project}/repositories", PAGE, BY_NAME)
        response = await self._request(endpoint, request, Reason.PROJECT_REFUSED)
        names = response.decode(lambda repositories: [str(repository["name"]) for repository in repositories or []])
        # An artifact without a tag cannot be named here, so the first repositories may have no result.
        for name in names[:_MAX_REPOSITORIES_TRIED]:
            tags = await self._http.send(endpoint, HttpRequest("GET", f"/v2/{name}/tags/list", _MAX_TAGS))
            found = tags.decode(_tags) if tags.status == HTTPStatus.OK else []
            if found:
                return f"{name}:{found[0]}"
        return None

    @override
    async def find_robot(self, endpoint: HarborEndpoint, name: str) -> ObservedRobot | None:
        request = HttpRequest("GET", f"{API}/robots", {**PAGE, "q": f"name={name}"})
        response = await self._request(endpoint, request, Reason.ROBOT_REFUSED)
        # The filter is checked again, because Harbor ignores one that it does not support.
        robots = response.decode(
            lambda robots: [
                _robot(robot) for robot in robots or [] if robot["level"] == "system" and robot["name"].endswith(name)
            ]
        )
        return robots[0] if robots else None

    @override
    async def create_robot(self, endpoint: HarborEndpoint, desired: DesiredRobot) -> ObservedRobot:
        # The secret of the answer is dropped: `set_robot_secret` replaces it.
        request = HttpRequest("POST", f"{API}/robots", body={"name": desired.name, **_robot_body(desired)})
        response = await self._request(endpoint, request, Reason.ROBOT_REFUSED)
        return response.decode(
            lambda robot: ObservedRobot(robot["id"], robot["name"], desired.description, desired.grants)
        )

    @override
    async def update_robot(self, endpoint: HarborEndpoint, robot: ObservedRobot, desired: DesiredRobot) -> None:
        # Harbor requires the whole robot, with its full name.
        body = {"id": robot.number, "name": robot.login, **_robot_body(desired)}
        request = HttpRequest("PUT", f"{API}/robots/{robot.number}", body=body)
        await self._request(endpoint, request, Reason.ROBOT_REFUSED)

    @override
    async def set_robot_secret(self, endpoint: HarborEndpoint, robot: ObservedRobot, secret: SecretStr) -> None:
        body = {"secret": secret.get_secret_value()}
        if not body["secret"]:
            raise as_error(explain_empty_robot_secret(robot.login))
        request = HttpRequest("PATCH", f"{API}/robots/{robot.number}", body=body)
        await self._request(endpoint, request, Reason.ROBOT_REFUSED)

    @override
    async def remove_robot(self, endpoint: HarborEndpoint, robot: ObservedRobot) -> None:
        request = HttpRequest("DELETE", f"{API}/robots/{robot.number}")
        await self._request(endpoint, request, Reason.ROBOT_REFUSED, HTTPStatus.NOT_FOUND)


def _system(system: Mapping[str, Any]) -> SystemInfo:
    version = str(system.get("harbor_version", "")).removeprefix("v").split("-", 1)[0]
    return SystemInfo(version=version, read_only=bool(system.get("read_only")))


def _tags(listed: Mapping[str, Any] | None) -> list[str]:
    return [str(tag) for tag in (listed or {}).get("tags") or []]


def _robot(robot: Mapping[str, Any]) -> ObservedRobot:
    grants = frozenset(
        (permission["namespace"], access["resource"], access["action"])
        for permission in robot.get("permissions") or []
        for access in permission["access"]
    )
    return ObservedRobot(
        number=robot["id"],
        login=robot["name"],
        description=robot.get("description", ""),
        grants=grants,
        never_expires=robot.get("expires_at", _NEVER_EXPIRES_DAYS) == _NEVER_EXPIRES_DAYS,
        is_enabled=not robot.get("disable", False),
    )


def _robot_body(desired: DesiredRobot) -> dict[str, Any]:
    pull = [{"resource": "repository", "action": "pull"}]
    return {
        "description": desired.description,
        "level": "system",
        "duration": _NEVER_EXPIRES_DAYS,
        "disable": False,
        "permissions": [{"kind": "project", "namespace": project, "access": pull} for project in desired.projects],
    }
