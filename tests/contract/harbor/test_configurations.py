"""Settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

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


async def test_invalid_oidc_settings_are_accepted(harbor: HarborClient) -> None:
    body = {"oidc_endpoint": "notaurl", "oidc_scope": "profile"}
    assert (await harbor.as_admin("PUT", "/configurations", body)).status == 200
    assert (await harbor.as_admin("PUT", "/configurations", {"oidc_endpoint": "", "oidc_scope": ""})).status == 200
