"""System information and sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.contract.harbor.client import HarborClient

ANONYMOUS_FIELDS = {
    "auth_mode",
    "banner_message",
    "oidc_provider_name",
    "primary_auth_mode",
    "self_registration",
}
WRONG = ("admin", "Wrong-password-1")


async def test_ping_is_pong(harbor: HarborClient) -> None:
    answer = await harbor.api("GET", "/ping")
    assert (answer.status, b"Pong" in answer.body) == (200, True)


async def test_health_names_every_component(harbor: HarborClient) -> None:
    answer = await harbor.api("GET", "/health")
    names = {one["name"] for one in answer.json()["components"]}
    assert answer.status == 200
    assert names >= {"core", "portal", "jobservice", "registry", "registryctl", "database", "redis"}
    assert answer.json()["status"] == "healthy"


async def test_the_version_requires_a_login(harbor: HarborClient) -> None:
    assert (await harbor.as_admin("GET", "/systeminfo")).json()["harbor_version"].startswith("v2.")


@pytest.mark.parametrize("login", [None, WRONG])
async def test_a_wrong_password_means_anonymous(harbor: HarborClient, login: tuple[str, str] | None) -> None:
    answer = await harbor.api("GET", "/systeminfo", login=login)
    assert answer.status == 200
    assert set(answer.json()) <= ANONYMOUS_FIELDS


async def test_current_user_distinguishes_valid_and_wrong_logins(harbor: HarborClient) -> None:
    assert (await harbor.as_admin("GET", "/users/current")).json()["sysadmin_flag"] is True
    assert (await harbor.api("GET", "/users/current", login=WRONG)).status == 401


async def test_a_request_without_a_session_gets_one(harbor: HarborClient) -> None:
    answer = await harbor.as_admin("GET", "/users/current")
    assert answer.headers["Set-Cookie"].startswith("sid=")


@pytest.mark.parametrize(("method", "path"), [("POST", "/projects"), ("DELETE", "/projects/nosuch")])
async def test_a_write_with_a_session_cookie_needs_a_csrf_token(harbor: HarborClient, method: str, path: str) -> None:
    body = {"project_name": "never-made"} if method == "POST" else None
    answer = await harbor.api(method, path, body, login=harbor.admin, headers={"Cookie": "sid=anything"})
    assert (answer.status, answer.code) == (403, "FORBIDDEN")
    assert answer.message == "CSRF token not found in request"


async def test_a_read_with_a_session_cookie_needs_no_csrf_token(harbor: HarborClient) -> None:
    answer = await harbor.api("GET", "/users/current", login=harbor.admin, headers={"Cookie": "sid=anything"})
    assert answer.status == 200


async def test_the_api_version_has_a_fixed_path(harbor: HarborClient) -> None:
    assert (await harbor.call("GET", "/api/version")).json() == {"version": "v2.0"}


async def test_statistics_need_a_login(harbor: HarborClient) -> None:
    assert (await harbor.api("GET", "/statistics")).status == 401
    assert (await harbor.as_admin("GET", "/statistics")).json()["total_project_count"] >= 1


async def test_a_password_change_needs_the_old_password(harbor: HarborClient) -> None:
    body = {"old_password": "Not-the-password-1", "new_password": "Another-password-1"}
    assert (await harbor.as_admin("PUT", "/users/1/password", body)).status == 403


async def test_a_password_change_needs_a_login(harbor: HarborClient) -> None:
    """Harbor 2.15.2 crashes, and answers 500 without a body; 2.14.4 answers 401."""
    body = {"old_password": WRONG[1], "new_password": "Another-password-1"}
    answer = await harbor.api("PUT", "/users/1/password", body, login=WRONG)
    assert answer.status in {401, 500}
    assert answer.body == b"" or answer.code == "UNAUTHORIZED"


async def test_a_new_password_must_be_strong_and_new(harbor: HarborClient) -> None:
    own = harbor.admin[1]
    for new in ("weak", own):
        body = {"old_password": own, "new_password": new}
        assert (await harbor.as_admin("PUT", "/users/1/password", body)).status == 400
