"""The schedules of purging the audit log and of scanning all images; test_garbage_collection.py has the third."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.contract.harbor.client import HarborClient

PURGE, SCAN = "/system/purgeaudit/schedule", "/system/scanAll/schedule"
PARAMETERS = {"audit_retention_hour": 24, "include_event_types": "create_artifact", "dry_run": False}
REMOVED = {PURGE: {"schedule": {"type": "None"}, "parameters": PARAMETERS}, SCAN: {"schedule": {"type": "None"}}}


def daily(hour: int, **parameters: object) -> dict[str, Any]:
    return {"schedule": {"type": "Daily", "cron": f"0 0 {hour} * * *"}, "parameters": {**PARAMETERS, **parameters}}


@pytest_asyncio.fixture(params=[PURGE, SCAN])
async def path(request: pytest.FixtureRequest, harbor: HarborClient) -> AsyncIterator[str]:
    chosen: str = request.param
    if (await harbor.as_admin("PUT", chosen, REMOVED[chosen])).status == 412:
        pytest.skip("this Harbor has no scanner")
    yield chosen
    await harbor.as_admin("PUT", chosen, REMOVED[chosen])


async def test_an_unset_schedule_is_an_empty_answer(harbor: HarborClient, path: str) -> None:
    answer = await harbor.as_admin("GET", path)
    assert (answer.status, answer.body) == (200, b"")


async def test_an_update_creates_and_replaces(harbor: HarborClient, path: str) -> None:
    for hour in (1, 2):
        assert (await harbor.as_admin("PUT", path, daily(hour))).status == 200
        schedule = (await harbor.as_admin("GET", path)).json()["schedule"]
        assert (schedule["type"], schedule["cron"]) == ("Daily", f"0 0 {hour} * * *")


@pytest.mark.parametrize("cron", ["0 0 * * *", "5 0 0 * * *", "nonsense"])
async def test_a_bad_cron_expression_is_rejected(harbor: HarborClient, path: str, cron: str) -> None:
    body = {"schedule": {"type": "Custom", "cron": cron}, "parameters": PARAMETERS}
    assert (await harbor.as_admin("PUT", path, body)).status == 400


async def test_the_parameters_of_a_purge_are_a_json_string(harbor: HarborClient) -> None:
    await harbor.as_admin("PUT", PURGE, daily(1))
    observed = (await harbor.as_admin("GET", PURGE)).json()
    await harbor.as_admin("PUT", PURGE, REMOVED[PURGE])
    assert json.loads(observed["job_parameters"])["audit_retention_hour"] == 24


@pytest.mark.parametrize(
    "body",
    [
        {"schedule": {"type": "None"}},
        {"schedule": {"type": "None"}, "parameters": {"audit_retention_hour": 24}},
        daily(1, audit_retention_hour=240_001),
    ],
    ids=str,
)
async def test_a_purge_needs_its_parameters(harbor: HarborClient, body: dict[str, Any]) -> None:
    assert (await harbor.as_admin("PUT", PURGE, body)).status == 400


async def test_a_second_schedule_of_scans_must_be_an_update(harbor: HarborClient) -> None:
    body = {"schedule": {"type": "Daily", "cron": "0 0 1 * * *"}}
    first = await harbor.as_admin("POST", SCAN, body)
    second = await harbor.as_admin("POST", SCAN, body)
    await harbor.as_admin("PUT", SCAN, REMOVED[SCAN])
    assert first.status in {201, 412}
    assert second.status == 412
