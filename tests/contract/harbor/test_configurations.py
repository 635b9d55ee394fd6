"""Settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contract.harbor.conftest import login_of, pull_only

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    from tests.contract.harbor.client import HarborClient

    MakeRobot = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


async def test_settings_require_the_administrator(harbor: HarborClient, robot: MakeRobot, fresh: str) -> None:
    login = login_of(await robot(pull_only(fresh)))
    assert (await harbor.api("GET", "/configurations")).status == 401
    assert (await harbor.api("PUT", "/configurations", {"read_only": False}, login=login)).status == 403


async def test_a_change_is_partial(harbor: HarborClient) -> None:
    before = (await harbor.as_admin("GET", "/configurations")).json()
    answer = await harbor.as_admin("PUT", "/configurations", {"oidc_name": "a name", "oidc_client_secret": "Hidden-1"})
    assert (answer.status, answer.body) == (200, b"")
    after = (await harbor.as_admin("GET", "/configurations")).json()
    undo = {"oidc_name": before["oidc_name"]["value"], "oidc_client_secret": ""}
    await harbor.as_admin("PUT", "/configurations", undo)
    assert after == {**before, "oidc_name": {"value": "a name", "editable": True}}
    assert "oidc_client_secret" not in after


async def test_empty_and_unknown_settings_are_accepted(harbor: HarborClient) -> None:
    assert (await harbor.as_admin("PUT", "/configurations", {})).status == 200
    assert (await harbor.wrong_api("PUT", "/configurations", {"no_such_setting": 1}, login=harbor.admin)).status == 200


async def test_a_wrong_type_is_rejected(harbor: HarborClient) -> None:
    assert (await harbor.wrong_api("PUT", "/configurations", {"read_only": "yes"}, login=harbor.admin)).status == 422


async def test_an_unknown_auth_mode_is_rejected(harbor: HarborClient) -> None:
    assert (await harbor.as_admin("PUT", "/configurations", {"auth_mode": "unknown_auth"})).status == 400


@pytest.mark.parametrize("name", ["ldap_base_dn", "ldap_uid", "ldap_url"])
async def test_some_settings_cannot_be_emptied(harbor: HarborClient, name: str) -> None:
    assert (await harbor.as_admin("PUT", "/configurations", {name: ""})).status == 400


async def test_invalid_oidc_settings_are_accepted(harbor: HarborClient) -> None:
    body = {"oidc_endpoint": "notaurl", "oidc_scope": "profile"}
    assert (await harbor.as_admin("PUT", "/configurations", body)).status == 200
    assert (await harbor.as_admin("PUT", "/configurations", {"oidc_endpoint": "", "oidc_scope": ""})).status == 200


async def test_a_provider_that_harbor_cannot_reach_is_rejected(harbor: HarborClient) -> None:
    body = {"url": "https://127.0.0.1:1", "verify_cert": True}
    answer = await harbor.as_admin("POST", "/system/oidc/ping", body)
    assert (answer.status, answer.message) == (400, "failed to verify connection")
    assert (await harbor.api("POST", "/system/oidc/ping", body)).status == 401


async def test_a_directory_that_harbor_cannot_reach_is_a_result(harbor: HarborClient) -> None:
    body = {"ldap_url": "ldap://127.0.0.1:1", "ldap_search_dn": "cn=search", "ldap_search_password": "Hidden-1"}
    answer = await harbor.as_admin("POST", "/ldap/ping", {**body, "ldap_connection_timeout": 5})
    assert answer.status == 200
    assert answer.json() == {"message": "error: ldap server network timeout"}
    assert (await harbor.api("POST", "/ldap/ping", body)).status == 401


async def test_a_search_without_a_directory_fails_without_details(harbor: HarborClient) -> None:
    answer = await harbor.as_admin("GET", "/ldap/users/search?username=harbor-operator-probe")
    assert answer.status == 500


async def test_users_lock_the_auth_mode(harbor: HarborClient, fresh: str) -> None:
    body = {"username": fresh, "email": f"{fresh}@example.com", "realname": fresh, "password": "Some-pass-1"}
    created = await harbor.as_admin("POST", "/users", body)
    assert created.status == 201
    try:
        settings = (await harbor.as_admin("GET", "/configurations")).json()
        assert (settings["auth_mode"]["editable"], settings["oidc_name"]["editable"]) == (False, True)
        changed = await harbor.as_admin("PUT", "/configurations", {"auth_mode": "oidc_auth"})
        assert (changed.status, changed.message) == (
            400,
            "the auth mode cannot be modified as new users have been inserted into database",
        )
    finally:
        removed = await harbor.as_admin("DELETE", created.headers["Location"].removeprefix("/api/v2.0"))
        assert removed.status == 200
