"""Projects and quotas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contract.harbor.conftest import login_of, pull_only
from tests.contract.harbor.images import bearer, push, put_manifest, try_push

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    from tests.contract.harbor.client import HarborClient, Login

    MakeRobot = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


async def quota_of(harbor: HarborClient, number: int) -> dict[str, Any]:
    answer = await harbor.as_admin("GET", f"/quotas?reference=project&reference_id={number}")
    found: dict[str, Any] = answer.json()[0]
    return found


async def limit(harbor: HarborClient, project: str, size: int) -> None:
    """Limits the project to `size` bytes."""
    quota = await quota_of(harbor, (await harbor.as_admin("GET", f"/projects/{project}")).json()["project_id"])
    answer = await harbor.as_admin("PUT", f"/quotas/{quota['id']}", {"hard": {"storage": size}})
    assert answer.status == 200


async def test_a_project_can_be_created_read_and_deleted(harbor: HarborClient, fresh: str) -> None:
    body = {"project_name": fresh, "metadata": {"public": "true"}, "storage_limit": 1 << 30}
    made = await harbor.as_admin("POST", "/projects", body)
    assert (made.status, made.body) == (201, b"")
    number = int(made.headers["Location"].removeprefix("/api/v2.0/projects/"))
    observed = (await harbor.as_admin("GET", f"/projects/{fresh}")).json()
    assert (observed["project_id"], observed["metadata"]["public"], observed["repo_count"]) == (number, "true", 0)
    assert (await quota_of(harbor, number))["hard"] == {"storage": 1 << 30}
    assert (await harbor.as_admin("DELETE", f"/projects/{fresh}")).status == 200
    assert (await harbor.as_admin("HEAD", f"/projects?project_name={fresh}")).status == 404


async def test_a_new_project_has_no_allowed_vulnerabilities(harbor: HarborClient, fresh: str) -> None:
    allowed = {"items": [{"cve_id": "CVE-2026-1"}]}
    await harbor.as_admin("POST", "/projects", {"project_name": fresh, "cve_allowlist": allowed})
    path = f"/projects/{fresh}"
    assert not (await harbor.as_admin("GET", path)).json()["cve_allowlist"]["items"]
    await harbor.as_admin("PUT", path, {"cve_allowlist": allowed})
    assert (await harbor.as_admin("GET", path)).json()["cve_allowlist"]["items"] == allowed["items"]
    await harbor.as_admin("DELETE", path)


@pytest.mark.parametrize(
    ("login", "status"), [("admin", 200), (None, 401), (("admin", "Wrong-password-1"), 401)], ids=str
)
async def test_checking_for_a_public_project_requires_a_login(
    harbor: HarborClient, login: Login | str | None, status: int
) -> None:
    actual = harbor.admin if isinstance(login, str) else login
    assert (await harbor.api("HEAD", "/projects?project_name=library", login=actual)).status == status


async def test_checking_without_a_name_is_an_error(harbor: HarborClient) -> None:
    assert (await harbor.wrong_api("HEAD", "/projects", login=harbor.admin)).status == 422


async def test_a_second_project_of_that_name_is_a_conflict(harbor: HarborClient, project: str) -> None:
    answer = await harbor.as_admin("POST", "/projects", {"project_name": project})
    assert (answer.status, answer.code) == (409, "CONFLICT")


@pytest.mark.parametrize("name", ["Upper", "two..dots", "-start", "a/b"])
async def test_a_bad_name_is_rejected(harbor: HarborClient, name: str) -> None:
    answer = await harbor.as_admin("POST", "/projects", {"project_name": name})
    assert (answer.status, answer.code) == (400, "BAD_REQUEST")


async def test_a_numeric_name_needs_a_header(harbor: HarborClient) -> None:
    assert (await harbor.as_admin("POST", "/projects", {"project_name": "90210"})).status == 201
    by_name = {"X-Is-Resource-Name": "true"}
    try:
        assert (await harbor.as_admin("GET", "/projects/90210")).status == 404
        assert (await harbor.api("GET", "/projects/90210", login=harbor.admin, headers=by_name)).status == 200
    finally:
        answer = await harbor.api("DELETE", "/projects/90210", login=harbor.admin, headers=by_name)
    assert answer.status == 200


async def test_metadata_can_be_changed(harbor: HarborClient, project: str) -> None:
    assert (await harbor.as_admin("PUT", f"/projects/{project}", {"metadata": {"public": "true"}})).status == 200
    assert (await harbor.as_admin("GET", f"/projects/{project}")).json()["metadata"]["public"] == "true"


async def test_a_quota_is_changed_at_its_own_path(harbor: HarborClient, project: str) -> None:
    number = (await harbor.as_admin("GET", f"/projects/{project}")).json()["project_id"]
    assert (await quota_of(harbor, number))["hard"] == {"storage": -1}
    await limit(harbor, project, 5 << 30)
    assert (await quota_of(harbor, number))["hard"] == {"storage": 5 << 30}


async def test_an_image_needs_room_for_its_manifest_too(harbor: HarborClient, project: str) -> None:
    repository, layer = f"{project}/app", b"x" * 1024
    await limit(harbor, project, 1200)  # the layer and the configuration have 1110 bytes, the manifest 418
    answer = await try_push(harbor, harbor.admin, repository, layer)
    assert (answer.status, answer.code) == (403, "DENIED")
    await limit(harbor, project, 1800)
    for _ in range(2):  # what is stored already needs no more room
        await push(harbor, harbor.admin, repository, layer)


@pytest.mark.parametrize("manifest", [b"no JSON", b"[]", b'{"layers": [{"digest": "x", "size": "y"}]}'])
async def test_an_invalid_manifest_is_invalid_in_a_limited_project_too(
    harbor: HarborClient, project: str, manifest: bytes
) -> None:
    await limit(harbor, project, 1 << 20)
    headers = await bearer(harbor, harbor.admin, f"repository:{project}/app:pull,push")
    answer = await put_manifest(harbor, headers, f"{project}/app", manifest)
    assert (answer.status, answer.code) == (400, "MANIFEST_INVALID")


async def test_a_project_with_robots_only_can_be_deleted(harbor: HarborClient, fresh: str) -> None:
    await harbor.as_admin("POST", "/projects", {"project_name": fresh})
    body = {**pull_only("ci", fresh), "level": "project"}
    assert (await harbor.as_admin("POST", "/robots", body)).status == 201
    assert (await harbor.as_admin("DELETE", f"/projects/{fresh}")).status == 200


async def test_a_pull_robot_finds_the_projects_that_it_can_pull_from(
    harbor: HarborClient, robot: MakeRobot, project: str, fresh: str
) -> None:
    for place, rights in (("own", project), ("every", "*"), ("other", "library")):
        login = login_of(await robot(pull_only(f"{fresh}-{place}", rights)))
        listed = await harbor.api("GET", f"/projects?name={project}", login=login)
        assert listed.status == 200
        assert [found["name"] for found in listed.json()] == ([] if place == "other" else [project])


async def test_a_pull_robot_can_create_a_project_while_everyone_can(
    harbor: HarborClient, robot: MakeRobot, fresh: str
) -> None:
    """Finding H1."""
    login = login_of(await robot(pull_only(fresh)))
    await harbor.as_admin("PUT", "/configurations", {"project_creation_restriction": "adminonly"})
    try:
        refused = await harbor.api("POST", "/projects", {"project_name": fresh}, login=login)
    finally:
        await harbor.as_admin("PUT", "/configurations", {"project_creation_restriction": "everyone"})
    assert (refused.status, refused.code) == (403, "FORBIDDEN")
    created = await harbor.api("POST", "/projects", {"project_name": fresh}, login=login)
    assert (created.status, created.body) == (201, b"")
    assert created.headers["Location"].startswith("/api/v2.0/projects/")
    assert (await harbor.as_admin("DELETE", f"/projects/{fresh}")).status == 200


async def test_read_only_mode_rejects_a_project(harbor: HarborClient, fresh: str) -> None:
    await harbor.as_admin("PUT", "/configurations", {"read_only": True})
    try:
        answer = await harbor.as_admin("POST", "/projects", {"project_name": fresh})
    finally:
        await harbor.as_admin("PUT", "/configurations", {"read_only": False})
    assert (answer.status, answer.code) == (403, "DENIED")


async def test_a_list_is_paged(harbor: HarborClient, project: str) -> None:
    answer = await harbor.as_admin("GET", "/projects?page=1&page_size=1")
    assert len(answer.json()) == 1
    assert int(answer.headers["X-Total-Count"]) >= 2
    assert 'rel="next"' in answer.headers["Link"]
