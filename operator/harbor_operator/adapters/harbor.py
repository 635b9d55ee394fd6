"""Harbor's API 2.0 over HTTP, as an administrator."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from pydantic import SecretStr

from harbor_operator.adapters.harbor_http import Answer, Ask, broken, exchange
from harbor_operator.diagnosis.configuration import Identity, System
from harbor_operator.plan.configuration import ProjectWish, SeenProject, SeenQuota
from harbor_operator.plan.pull_secrets import RobotWish, SeenRobot
from harbor_operator.ports import Refused
from harbor_operator.ports.harbor import Access
from harbor_operator.reasons import Reason

API = "/api/v2.0"
PAGE = {"page_size": "100"}

# Without it a project called '42' is taken for project number 42.
_BY_NAME = {"X-Is-Resource-Name": "true"}
_FOREVER = -1
_REPOSITORIES_TRIED = 3


class HarborOverHttp:
    """The Harbor port for real."""

    async def read_identity(self, access: Access) -> Identity:
        """Asks who we are, for many other calls take a wrong password for a visitor."""
        answer = await exchange(access, Ask("GET", f"{API}/users/current"))
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise broken(access, "GET /api/v2.0/users/current", answer.status)
        if answer.status == HTTPStatus.OK:
            return Identity.ADMIN if answer.json().get("sysadmin_flag") else Identity.USER
        # A robot is known and still is no user.
        return Identity.ROBOT if answer.status == HTTPStatus.PRECONDITION_FAILED else Identity.NOBODY

    async def read_system(self, access: Access) -> System:
        """Reads the version without its build number."""
        found = (await _ask(access, Ask("GET", f"{API}/systeminfo"), Reason.REGISTRY_NOT_HARBOR)).json() or {}
        version = str(found.get("harbor_version", "")).removeprefix("v").split("-", 1)[0]
        return System(version=version, read_only=bool(found.get("read_only")))

    async def read_projects(self, access: Access) -> list[SeenProject]:
        """Reads one page: enough to find a place for a trial."""
        answer = await _ask(access, Ask("GET", f"{API}/projects", PAGE), Reason.PROJECT_REFUSED)
        return [_project(one) for one in answer.json() or []]

    async def read_project(self, access: Access, name: str) -> SeenProject | None:
        """Looks the project up by its name."""
        ask = Ask("GET", f"{API}/projects/{name}", headers=_BY_NAME)
        answer = await _ask(access, ask, Reason.PROJECT_REFUSED, HTTPStatus.NOT_FOUND)
        return None if answer.status == HTTPStatus.NOT_FOUND else _project(answer.json())

    async def read_quota(self, access: Access, project: SeenProject) -> SeenQuota | None:
        """Looks the quota up by the number of its project."""
        query = {"reference": "project", "reference_id": str(project.number)}
        answer = await _ask(access, Ask("GET", f"{API}/quotas", query), Reason.PROJECT_REFUSED)
        own = [one for one in answer.json() or [] if one["ref"]["id"] == project.number]
        return SeenQuota(own[0]["id"], own[0]["hard"]["storage"]) if own else None

    async def read_image(self, access: Access, project: str) -> str | None:
        """Takes a tag from one of the first repositories: an image without a tag is of no use here."""
        ask = Ask("GET", f"{API}/projects/{project}/repositories", PAGE, _BY_NAME)
        listed = (await _ask(access, ask, Reason.PROJECT_REFUSED)).json() or []
        for repository in listed[:_REPOSITORIES_TRIED]:
            tags = await exchange(access, Ask("GET", f"/v2/{repository['name']}/tags/list"))
            known = (tags.json() or {}).get("tags") if tags.status == HTTPStatus.OK else None
            if known:
                return f"{repository['name']}:{known[0]}"
        return None

    async def create_project(self, access: Access, wish: ProjectWish) -> None:
        """Makes it with its flag and quota at once."""
        public = {"public": str(wish.public).lower()}
        body = {"project_name": wish.name, "metadata": public, "storage_limit": wish.storage_limit}
        await _ask(access, Ask("POST", f"{API}/projects", body=body), Reason.PROJECT_REFUSED, HTTPStatus.CONFLICT)

    async def set_public(self, access: Access, wish: ProjectWish) -> None:
        """Sends the one key; Harbor keeps the others."""
        body = {"metadata": {"public": str(wish.public).lower()}}
        ask = Ask("PUT", f"{API}/projects/{wish.name}", headers=_BY_NAME, body=body)
        await _ask(access, ask, Reason.PROJECT_REFUSED)

    async def set_quota(self, access: Access, quota: SeenQuota, storage_limit: int) -> None:
        """Writes the quota, for a project's own storage_limit is read at its creation only."""
        body = {"hard": {"storage": storage_limit}}
        await _ask(access, Ask("PUT", f"{API}/quotas/{quota.number}", body=body), Reason.PROJECT_REFUSED)

    async def find_robot(self, access: Access, name: str) -> SeenRobot | None:
        """Searches by the name as stored, then makes sure that the filter was understood."""
        query = {**PAGE, "q": f"name={name}"}
        answer = await _ask(access, Ask("GET", f"{API}/robots", query), Reason.ROBOT_REFUSED)
        own = [one for one in answer.json() or [] if one["level"] == "system" and one["name"].endswith(name)]
        return _robot(own[0]) if own else None

    async def create_robot(self, access: Access, wish: RobotWish) -> SeenRobot:
        """Makes it and forgets the secret Harbor chose: ours is set right after."""
        body = {"name": wish.name, **_robot_body(wish)}
        made = (await _ask(access, Ask("POST", f"{API}/robots", body=body), Reason.ROBOT_REFUSED)).json()
        return SeenRobot(made["id"], made["name"], wish.description, wish.grants)

    async def update_robot(self, access: Access, robot: SeenRobot, wish: RobotWish) -> None:
        """Sends the whole robot with its full name, as Harbor wants it."""
        body = {"id": robot.number, "name": robot.login, **_robot_body(wish)}
        await _ask(access, Ask("PUT", f"{API}/robots/{robot.number}", body=body), Reason.ROBOT_REFUSED)

    async def set_robot_secret(self, access: Access, robot: SeenRobot, secret: SecretStr) -> None:
        """Never sends an empty one: Harbor would make up another."""
        body = {"secret": secret.get_secret_value()}
        if not body["secret"]:
            raise Refused(Reason.SECRET_INVALID, f"the secret for robot '{robot.login}' is empty")
        await _ask(access, Ask("PATCH", f"{API}/robots/{robot.number}", body=body), Reason.ROBOT_REFUSED)

    async def remove_robot(self, access: Access, robot: SeenRobot) -> None:
        """Deletes it; nothing to do when it is gone."""
        ask = Ask("DELETE", f"{API}/robots/{robot.number}")
        await _ask(access, ask, Reason.ROBOT_REFUSED, HTTPStatus.NOT_FOUND)


async def _ask(access: Access, ask: Ask, matter: Reason, fine: int = HTTPStatus.OK) -> Answer:
    """Returns a success, or the one other status that is fine here; everything else becomes an exception."""
    answer = await exchange(access, ask)
    if answer.status in {HTTPStatus.OK, HTTPStatus.CREATED, fine}:
        return answer
    what = f"{ask.method} {access.url}{quote(ask.path)}"
    if answer.status == HTTPStatus.UNAUTHORIZED:
        message = f"Harbor does not accept the administrator's login ({what}): see the Secret with the admin password"
        raise Refused(Reason.ADMIN_CREDENTIALS_REJECTED, message)
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise broken(access, f"{ask.method} {ask.path}", answer.status)
    if answer.status == HTTPStatus.FORBIDDEN and "read only" in answer.message:
        message = "Harbor is in read-only mode: switch it off in Harbor under Configuration, System Settings"
        raise Refused(Reason.REGISTRY_READ_ONLY, message)
    raise Refused(matter, f"Harbor refuses {what}: {answer.message}")


def _project(found: Mapping[str, Any]) -> SeenProject:
    return SeenProject(
        number=found["project_id"],
        name=found["name"],
        public=found.get("metadata", {}).get("public") == "true",
        repositories=found.get("repo_count", 0),
        is_proxy_cache=bool(found.get("registry_id")),
    )


def _robot(found: Mapping[str, Any]) -> SeenRobot:
    grants = frozenset(
        (permission["namespace"], access["resource"], access["action"])
        for permission in found.get("permissions") or []
        for access in permission["access"]
    )
    return SeenRobot(
        number=found["id"],
        login=found["name"],
        description=found.get("description", ""),
        grants=grants,
        is_forever=found.get("expires_at", _FOREVER) == _FOREVER,
        is_enabled=not found.get("disable", False),
    )


def _robot_body(wish: RobotWish) -> dict[str, Any]:
    pull = [{"resource": "repository", "action": "pull"}]
    return {
        "description": wish.description,
        "level": "system",
        "duration": _FOREVER,
        "disable": False,
        "permissions": [{"kind": "project", "namespace": project, "access": pull} for project in wish.projects],
    }
