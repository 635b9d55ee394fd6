"""Harbor's API 2.0 over HTTP, as an administrator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from pydantic import SecretStr
from typing_extensions import override

from harbor_operator.adapters.harbor_api import API, BY_NAME, PAGE, HarborApi
from harbor_operator.adapters.harbor_http import HttpRequest, server_error
from harbor_operator.adapters.harbor_projects import decode_project
from harbor_operator.adapters.harbor_robots import created_robot, list_of_robots, robot_body
from harbor_operator.checks.configuration import explain_empty_robot_secret
from harbor_operator.model.harbor import (
    AccountSettings,
    DesiredRobot,
    HarborEndpoint,
    Identity,
    ObservedRobot,
    RobotLevel,
    SystemInfo,
)
from harbor_operator.model.projects import ObservedProject
from harbor_operator.ports import as_error
from harbor_operator.ports.harbor import Harbor
from harbor_operator.reasons import Reason

AUDIT_LOGS = ("auditlog-exts", "audit-logs")
"""Harbor 2.13 and later record in the first one only; earlier versions do not know it."""

_MAX_REPOSITORIES_TRIED = 3
_MAX_TAGS = {"n": "10"}

DEFAULT_ROBOT_PREFIX = "robot$"


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
    async def read_account_settings(self, endpoint: HarborEndpoint) -> AccountSettings:
        response = await self._request(
            endpoint, HttpRequest("GET", f"{API}/configurations"), Reason.REGISTRY_NOT_HARBOR
        )
        return response.decode(_account_settings)

    @override
    async def read_projects(self, endpoint: HarborEndpoint) -> list[ObservedProject]:
        request = HttpRequest("GET", f"{API}/projects", PAGE)
        response = await self._request(endpoint, request, Reason.PROJECT_REFUSED)
        return response.decode(lambda projects: [decode_project(project) for project in projects or []])

    @override
    async def read_project_names(self, endpoint: HarborEndpoint) -> list[str]:
        request = HttpRequest("GET", f"{API}/projects", {"with_detail": "false", "sort": "name"})
        return await self._entries(endpoint, request, Reason.PROJECT_REFUSED, lambda one: str(one["name"]))

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
    async def read_robots(self, endpoint: HarborEndpoint, text: str) -> list[ObservedRobot]:
        request = HttpRequest("GET", f"{API}/robots", {"q": f"name=~{text}", "sort": "id"})
        robots = await self._robots(endpoint, request, RobotLevel.SYSTEM)
        # The filter is checked again, because Harbor ignores one that it does not support.
        return [robot for robot in robots if text in robot.login]

    @override
    async def read_project_robots(self, endpoint: HarborEndpoint, project: ObservedProject) -> list[ObservedRobot]:
        request = HttpRequest("GET", f"{API}/robots", {"q": f"Level=project,ProjectID={project.number}", "sort": "id"})
        robots = await self._robots(endpoint, request, RobotLevel.PROJECT)
        return [robot for robot in robots if f"{project.name}+" in robot.login]

    @override
    async def find_robot(self, endpoint: HarborEndpoint, login: str, prefix: str) -> ObservedRobot | None:
        if not login.startswith(prefix):
            return None
        name = login.removeprefix(prefix)
        project, plus, _ = name.partition("+")
        if plus:
            request = HttpRequest("GET", f"{API}/projects/{quote(project, safe='')}", headers=BY_NAME)
            response = await self._request(endpoint, request, Reason.ROBOT_REFUSED, HTTPStatus.NOT_FOUND)
            if response.status == HTTPStatus.NOT_FOUND:
                return None
            robots = await self.read_project_robots(endpoint, response.decode(decode_project))
        else:
            robots = await self.read_robots(endpoint, name)
        return next((robot for robot in robots if robot.login == login), None)

    async def _robots(self, endpoint: HarborEndpoint, request: HttpRequest, level: RobotLevel) -> list[ObservedRobot]:
        decode = partial(list_of_robots, level=level)
        pages = [page.decode(decode) async for page, _ in self._pages(endpoint, request, Reason.ROBOT_REFUSED)]
        return [robot for page in pages for robot in page]

    @override
    async def read_last_pull(self, endpoint: HarborEndpoint, login: str) -> datetime | None:
        return await self._newest_entry(endpoint, f"username={quote(login, safe='')},operation=pull")

    @override
    async def read_last_use(self, endpoint: HarborEndpoint, login: str) -> datetime | None:
        return await self._newest_entry(endpoint, f"username={quote(login, safe='')}")

    async def _newest_entry(self, endpoint: HarborEndpoint, filters: str) -> datetime | None:
        """Returns the time of the newest entry of the audit log; Harbor decodes the filters twice."""
        query = {"q": filters, "sort": "-op_time", "page_size": "1"}
        for path in AUDIT_LOGS:
            request = HttpRequest("GET", f"{API}/{path}", query)
            response = await self._request(endpoint, request, Reason.ROBOT_REFUSED, HTTPStatus.NOT_FOUND)
            if response.status == HTTPStatus.OK:
                return response.decode(_newest)
        return None

    @override
    async def create_robot(self, endpoint: HarborEndpoint, desired: DesiredRobot) -> ObservedRobot:
        # The secret of the answer is dropped: `set_robot_secret` replaces it.
        request = HttpRequest("POST", f"{API}/robots", body={"name": desired.name, **robot_body(desired)})
        response = await self._request(endpoint, request, Reason.ROBOT_REFUSED)
        return response.decode(lambda robot: created_robot(robot, desired))

    @override
    async def update_robot(self, endpoint: HarborEndpoint, robot: ObservedRobot, desired: DesiredRobot) -> None:
        # Harbor requires the whole robot, with its full name.
        body = {"id": robot.number, "name": robot.login, **robot_body(desired)}
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


def _newest(entries: Sequence[Mapping[str, Any]] | None) -> datetime | None:
    return max((datetime.fromisoformat(entry["op_time"]) for entry in entries or []), default=None)


def _system(system: Mapping[str, Any]) -> SystemInfo:
    version = str(system.get("harbor_version", "")).removeprefix("v").split("-", 1)[0]
    return SystemInfo(version=version, read_only=bool(system.get("read_only")))


def _tags(listed: Mapping[str, Any] | None) -> list[str]:
    return [str(tag) for tag in (listed or {}).get("tags") or []]


def _account_settings(values: Mapping[str, Any]) -> AccountSettings:
    # Harbor before 2.2 has no setting for the prefix.
    prefix = values.get("robot_name_prefix", {"value": DEFAULT_ROBOT_PREFIX})
    return AccountSettings(str(values["project_creation_restriction"]["value"]), str(prefix["value"]))
