"""Members of projects, and the groups of users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.contract.harbor.client import HarborClient


@pytest_asyncio.fixture
async def user(harbor: HarborClient, fresh: str) -> AsyncIterator[str]:
    """A user of Harbor's own database."""
    name = f"{fresh}-user"
    body = {"username": name, "realname": name, "email": f"{name}@example.com", "password": "Some-pass-1"}
    made = await harbor.as_admin("POST", "/users", body)
    assert made.status == 201
    yield name
    await harbor.as_admin("DELETE", made.headers["Location"].removeprefix("/api/v2.0"))


async def members(harbor: HarborClient, project: str) -> dict[str, Any]:
    answer = await harbor.as_admin("GET", f"/projects/{project}/members")
    return {member["entity_name"]: member for member in answer.json()}


async def test_the_creator_is_the_first_member(harbor: HarborClient, project: str) -> None:
    (admin,) = (await members(harbor, project)).values()
    assert (admin["entity_name"], admin["entity_type"], admin["role_id"]) == ("admin", "u", 1)


async def test_a_member_is_added_once_changed_and_removed(harbor: HarborClient, project: str, user: str) -> None:
    path, body = f"/projects/{project}/members", {"role_id": 2, "member_user": {"username": user}}
    made = await harbor.as_admin("POST", path, body)
    assert (made.status, made.body) == (201, b"")
    assert (await harbor.as_admin("POST", path, body)).status == 409
    number = (await members(harbor, project))[user]["id"]
    assert (await harbor.as_admin("PUT", f"{path}/{number}", {"role_id": 5})).status == 200
    assert (await members(harbor, project))[user]["role_name"] == "limitedGuest"
    assert (await harbor.as_admin("DELETE", f"{path}/{number}")).status == 200
    assert user not in await members(harbor, project)


async def test_a_name_in_other_letters_is_another_user(harbor: HarborClient, project: str, user: str) -> None:
    body = {"role_id": 2, "member_user": {"username": user.upper()}}
    assert (await harbor.as_admin("POST", f"/projects/{project}/members", body)).status == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"role_id": 9, "member_user": {"username": "contract-no-such"}}, 404),
        ({"role_id": 2, "member_group": {"group_name": "contract-team", "group_type": 3}}, 404),
        ({"role_id": 2, "member_group": {"ldap_group_dn": "cn=contract-team,dc=example", "group_type": 1}}, 404),
        ({"role_id": 2}, 500),
    ],
    ids=["no such user", "OIDC group without OIDC", "LDAP group without LDAP", "no member"],
)
async def test_a_bad_member_is_rejected(harbor: HarborClient, project: str, body: dict[str, Any], status: int) -> None:
    assert (await harbor.as_admin("POST", f"/projects/{project}/members", body)).status == status
    assert len(await members(harbor, project)) == 1


async def test_an_unknown_role_is_rejected(harbor: HarborClient, project: str, user: str) -> None:
    body = {"role_id": 9, "member_user": {"username": user}}
    assert (await harbor.as_admin("POST", f"/projects/{project}/members", body)).status == 400


async def test_groups_need_the_administrator(harbor: HarborClient) -> None:
    assert (await harbor.api("GET", "/usergroups")).status == 401
    assert (await harbor.as_admin("GET", "/usergroups")).status == 200
