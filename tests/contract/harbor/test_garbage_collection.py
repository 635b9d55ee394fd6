"""The schedule of garbage collection and its runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.contract.harbor.client import HarborClient

PATH = "/system/gc/schedule"
NONE = {"schedule": {"type": "None"}}


def daily(hour: int, **parameters: object) -> dict[str, Any]:
    return {"schedule": {"type": "Daily", "cron": f"0 0 {hour} * * *"}, "parameters": parameters}


@pytest_asyncio.fixture(autouse=True)
async def unset(harbor: HarborClient) -> AsyncIterator[None]:
    await harbor.as_admin("PUT", PATH, NONE)
    yield
    await harbor.as_admin("PUT", PATH, NONE)


async def test_an_unset_schedule_is_an_empty_answer(harbor: HarborClient) -> None:
    answer = await harbor.as_admin("GET", PATH)
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize(("method", "status"), [("POST", 201), ("PUT", 200)])
async def test_setting_replaces_the_schedule(harbor: HarborClient, method: str, status: int) -> None:
    assert (await harbor.as_admin(method, PATH, daily(1))).status == status
    assert (await harbor.as_admin(method, PATH, daily(2, delete_untagged=True, workers=3))).status == status
    observed = (await harbor.as_admin("GET", PATH)).json()
    assert (observed["schedule"]["type"], observed["schedule"]["cron"]) == ("Daily", "0 0 2 * * *")
    parameters = json.loads(observed["job_parameters"])
    assert (parameters["delete_untagged"], parameters["workers"]) == (True, 3)


async def test_a_dry_run_of_a_schedule_is_never_returned(harbor: HarborClient) -> None:
    await harbor.as_admin("PUT", PATH, daily(1, dry_run=True))
    observed = (await harbor.as_admin("GET", PATH)).json()
    assert json.loads(observed["job_parameters"]).keys() <= {"delete_untagged", "delete_tag", "workers"}


@pytest.mark.parametrize(
    "body",
    [
        {"schedule": {"type": "Custom", "cron": "0 0 * * *"}},
        {"schedule": {"type": "Daily"}},
        daily(1, workers=99),
    ],
    ids=str,
)
async def test_an_invalid_schedule_is_rejected(harbor: HarborClient, body: dict[str, Any]) -> None:
    assert (await harbor.as_admin("POST", PATH, body)).status == 400


async def test_an_empty_request_is_an_internal_error(harbor: HarborClient) -> None:
    """Finding H3."""
    answer = await harbor.as_admin("POST", PATH, {})
    assert (answer.status, answer.body) == (500, b"")


async def test_a_manual_run_has_a_number(harbor: HarborClient) -> None:
    body = {"schedule": {"type": "Manual"}, "parameters": {"dry_run": True}}
    answer = await harbor.as_admin("POST", PATH, body)
    number = int(answer.headers["Location"].rpartition("/")[2])
    assert (answer.status, number > 0) == (201, True)
    assert (await harbor.as_admin("GET", f"/system/gc/{number}")).json()["id"] == number
    assert number in [run["id"] for run in (await harbor.as_admin("GET", "/system/gc")).json()]


async def test_an_absent_run_is_not_found(harbor: HarborClient) -> None:
    assert (await harbor.as_admin("GET", "/system/gc/999999999")).status == 404
