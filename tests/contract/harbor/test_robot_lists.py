"""Queries of robot accounts, with the irregularities of the query language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.harbor.conftest import pull_only

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.contract.harbor.client import HarborClient

    MakeRobot = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


async def listed(harbor: HarborClient, q: str) -> list[str]:
    answer = await harbor.as_admin("GET", f"/robots?q={q}&page_size=100")
    assert answer.status == 200, answer.body
    return [one["name"] for one in answer.json()]


async def test_a_project_robot_has_the_project_in_its_name(
    harbor: HarborClient, robot: MakeRobot, project: str
) -> None:
    made = await robot({**pull_only("ci", project), "level": "project"})
    assert made["name"] == f"robot${project}+ci"
    number = (await harbor.as_admin("GET", f"/projects/{project}")).json()["project_id"]
    assert await listed(harbor, f"Level=project,ProjectID={number}") == [made["name"]]
    own = f"Level=project,ProjectID={number},name={project}"
    assert await listed(harbor, f"{own}%252Bci") == [made["name"]]
    assert await listed(harbor, f"{own}%2Bci") == []


async def test_names_are_matched_without_the_prefix(harbor: HarborClient, robot: MakeRobot, fresh: str) -> None:
    made = await robot(pull_only(fresh))
    assert await listed(harbor, f"name={fresh}") == [made["name"]]
    assert await listed(harbor, f"name=robot${fresh}") == []
    assert await listed(harbor, f"name=~{fresh[:-2]}") == [made["name"]]


async def test_an_unknown_filter_is_ignored(harbor: HarborClient, robot: MakeRobot, fresh: str) -> None:
    made = await robot(pull_only(fresh))
    assert made["name"] in await listed(harbor, "colour=blue")


@pytest.mark.parametrize("q", ["Level=project", "garbage"])
async def test_a_bad_filter_is_rejected(harbor: HarborClient, q: str) -> None:
    assert (await harbor.as_admin("GET", f"/robots?q={q}")).status == 400


async def test_a_page_has_at_most_100_robots(harbor: HarborClient) -> None:
    assert (await harbor.as_admin("GET", "/robots?page_size=101")).status == 422
    answer = await harbor.as_admin("GET", "/robots?q=name=nosuch-robot")
    assert (answer.json(), answer.headers["X-Total-Count"]) == ([], "0")
