"""Robot accounts, with all observed irregularities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.harbor.conftest import login_of, pull_only

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.contract.harbor.client import Answer, HarborClient, Login

    MakeRobot = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]

CHOSEN = "Chosen-secret-1"
EVERYWHERE = {"kind": "project", "namespace": "*"}


async def can_log_in(harbor: HarborClient, login: Login) -> bool:
    return (await harbor.call("GET", "/v2/", login=login)).status == 200


async def refreshed(harbor: HarborClient, number: int, body: dict[str, Any]) -> Answer:
    return await harbor.as_admin("PATCH", f"/robots/{number}", body)


async def test_a_new_robot_shows_its_secret_once(harbor: HarborClient, robot: MakeRobot, fresh: str) -> None:
    made = await robot(pull_only(fresh))
    assert made["name"] == f"robot${fresh}"
    assert (made["expires_at"], len(made["secret"])) == (-1, 32)
    observed = (await harbor.as_admin("GET", f"/robots/{made['id']}")).json()
    assert not observed.get("secret")
    assert (observed["level"], observed["duration"], observed["disable"]) == ("system", -1, False)
    assert await can_log_in(harbor, login_of(made))


async def test_a_secret_in_the_request_is_ignored(harbor: HarborClient, robot: MakeRobot, fresh: str) -> None:
    made = await robot({**pull_only(fresh), "secret": CHOSEN})
    assert made["secret"] != CHOSEN
    assert not await can_log_in(harbor, (made["name"], CHOSEN))


async def test_a_chosen_secret_replaces_the_old_one_at_once(harbor: HarborClient, robot: MakeRobot, fresh: str) -> None:
    made = await robot(pull_only(fresh))
    for _ in range(2):
        answer = await refreshed(harbor, made["id"], {"secret": CHOSEN})
        assert (answer.status, answer.json()) == (200, {})
    assert await can_log_in(harbor, (made["name"], CHOSEN))
    assert not await can_log_in(harbor, login_of(made))


@pytest.mark.parametrize("body", [{"secret": ""}, {}], ids=str)
async def test_without_a_chosen_secret_a_new_one_is_generated(
    harbor: HarborClient, robot: MakeRobot, fresh: str, body: dict[str, Any]
) -> None:
    made = await robot(pull_only(fresh))
    answer = await refreshed(harbor, made["id"], body)
    assert not await can_log_in(harbor, login_of(made))
    assert await can_log_in(harbor, (made["name"], answer.json()["secret"]))


@pytest.mark.parametrize("secret", ["short1A", "no-upper-case-1", "NO-LOWER-CASE-1", "No-digit-here"])
async def test_a_weak_secret_is_rejected(harbor: HarborClient, robot: MakeRobot, fresh: str, secret: str) -> None:
    made = await robot(pull_only(fresh))
    assert (await refreshed(harbor, made["id"], {"secret": secret})).status == 400
    assert await can_log_in(harbor, login_of(made))


async def test_a_refresh_needs_an_existing_robot_a_right_and_json(
    harbor: HarborClient, robot: MakeRobot, fresh: str
) -> None:
    made = await robot(pull_only(fresh))
    path = f"/robots/{made['id']}"
    assert (await refreshed(harbor, 999_999_999, {"secret": CHOSEN})).status == 404
    assert (await harbor.api("PATCH", path, {"secret": CHOSEN})).status == 401
    json = {"Content-Type": "application/json"}
    answer = await harbor.wrong_api("PATCH", path, b"{nonsense", login=harbor.admin, headers=json)
    assert answer.status == 422


async def test_a_second_robot_of_that_name_is_a_conflict(harbor: HarborClient, robot: MakeRobot, fresh: str) -> None:
    await robot(pull_only(fresh))
    answer = await harbor.as_admin("POST", "/robots", pull_only(fresh))
    assert (answer.status, answer.code) == (409, "CONFLICT")
    assert f"0:{fresh}" in answer.message


async def test_a_rejected_robot_uses_a_number(harbor: HarborClient, robot: MakeRobot, fresh: str) -> None:
    first = await robot(pull_only(fresh))
    await harbor.as_admin("POST", "/robots", pull_only(fresh))
    second = await robot(pull_only(f"{fresh}-b"))
    assert second["id"] > first["id"] + 1


@pytest.mark.parametrize(
    "change",
    [
        {"duration": 0},
        {"duration": None},
        {"duration": -2},
        {"level": None},
        {"level": "unknown"},
        {"permissions": []},
        {"name": "Upper Case"},
        {"permissions": [{**EVERYWHERE, "access": []}]},
        {"permissions": [{**EVERYWHERE, "access": [{"resource": "repository", "action": "unknown"}]}]},
    ],
    ids=str,
)
async def test_an_invalid_robot_is_rejected(harbor: HarborClient, fresh: str, change: dict[str, Any]) -> None:
    body = {name: value for name, value in {**pull_only(fresh), **change}.items() if value is not None}
    answer = await harbor.as_admin("POST", "/robots", body)
    assert (answer.status, answer.code) == (400, "BAD_REQUEST")


async def test_an_absent_project_is_not_found(harbor: HarborClient, fresh: str) -> None:
    assert (await harbor.as_admin("POST", "/robots", pull_only(fresh, "nosuch-project"))).status == 404


async def test_an_update_needs_the_full_name(harbor: HarborClient, robot: MakeRobot, fresh: str) -> None:
    made = await robot(pull_only(fresh))
    path, body = f"/robots/{made['id']}", {**pull_only(fresh), "description": "changed"}
    assert (await harbor.as_admin("PUT", path, body)).status == 400
    assert (await harbor.as_admin("PUT", path, {**body, "name": made["name"]})).status == 200
    assert (await harbor.as_admin("GET", path)).json()["description"] == "changed"
    assert await can_log_in(harbor, login_of(made))


async def test_a_disabled_robot_cannot_log_in(harbor: HarborClient, robot: MakeRobot, fresh: str) -> None:
    made = await robot(pull_only(fresh))
    body = {**pull_only(fresh), "name": made["name"], "disable": True}
    assert (await harbor.as_admin("PUT", f"/robots/{made['id']}", body)).status == 200
    assert not await can_log_in(harbor, login_of(made))


async def test_a_robot_with_a_duration_expires(harbor: HarborClient, robot: MakeRobot, fresh: str) -> None:
    made = await robot({**pull_only(fresh), "duration": 30})
    assert made["expires_at"] > 1_700_000_000


async def test_a_robot_can_be_deleted_once(harbor: HarborClient, fresh: str) -> None:
    made = (await harbor.as_admin("POST", "/robots", pull_only(fresh))).json()
    path = f"/robots/{made['id']}"
    assert [(await harbor.as_admin("DELETE", path)).status for _ in range(2)] == [200, 404]
    assert not await can_log_in(harbor, login_of(made))


async def test_a_robot_is_not_a_user(harbor: HarborClient, robot: MakeRobot, fresh: str) -> None:
    answer = await harbor.api("GET", "/users/current", login=login_of(await robot(pull_only(fresh))))
    assert answer.status == 412


async def test_the_prefix_is_a_setting(harbor: HarborClient, robot: MakeRobot, fresh: str) -> None:
    made = await robot(pull_only(fresh))
    assert (await harbor.as_admin("PUT", "/configurations", {"robot_name_prefix": "bot-"})).status == 200
    try:
        assert not await can_log_in(harbor, login_of(made))
        assert await can_log_in(harbor, (f"bot-{fresh}", made["secret"]))
    finally:
        await harbor.as_admin("PUT", "/configurations", {"robot_name_prefix": "robot$"})
    assert await can_log_in(harbor, login_of(made))
