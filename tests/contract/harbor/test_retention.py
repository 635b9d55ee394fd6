"""The retention policies of projects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.contract.harbor.client import HarborClient

RULE = {
    "action": "retain",
    "template": "latestPushedK",
    "params": {"latestPushedK": 10},
    "tag_selectors": [{"kind": "doublestar", "decoration": "matches", "pattern": "**", "extras": '{"untagged":true}'}],
    "scope_selectors": {"repository": [{"kind": "doublestar", "decoration": "repoMatches", "pattern": "**"}]},
}


async def read(harbor: HarborClient, project: str) -> dict[str, Any]:
    answer = await harbor.as_admin("GET", f"/projects/{project}")
    found: dict[str, Any] = answer.json()
    return found


async def policy(harbor: HarborClient, project: str, **more: Any) -> dict[str, Any]:
    return {
        "algorithm": "or",
        "rules": [RULE],
        "trigger": {"kind": "Schedule", "settings": {"cron": "0 0 0 * * *"}},
        "scope": {"level": "project", "ref": (await read(harbor, project))["project_id"]},
        **more,
    }


async def test_a_project_has_one_policy_and_its_metadata_name_it(harbor: HarborClient, project: str) -> None:
    body = await policy(harbor, project)
    made = await harbor.as_admin("POST", "/retentions", body)
    assert (made.status, made.body) == (201, b"")
    number = made.headers["Location"].rpartition("/")[2]
    assert (await read(harbor, project))["metadata"]["retention_id"] == number
    found = (await harbor.as_admin("GET", f"/retentions/{number}")).json()
    assert found["trigger"]["settings"]["cron"] == "0 0 0 * * *"
    assert found["rules"][0]["params"] == {"latestPushedK": 10}
    assert found["rules"][0]["tag_selectors"] == RULE["tag_selectors"]
    assert (await harbor.as_admin("POST", "/retentions", body)).status == 400


async def test_an_update_replaces_the_policy(harbor: HarborClient, project: str) -> None:
    made = await harbor.as_admin("POST", "/retentions", await policy(harbor, project))
    path = made.headers["Location"].removeprefix("/api/v2.0")
    rule = {**RULE, "template": "always", "params": {}}
    changed = await policy(harbor, project, rules=[rule], trigger={"kind": "Schedule", "settings": {"cron": ""}})
    assert (await harbor.as_admin("PUT", path, changed)).status == 200
    found = (await harbor.as_admin("GET", path)).json()
    assert [one["template"] for one in found["rules"]] == ["always"]
    assert found["trigger"]["settings"]["cron"] == ""


async def test_a_deleted_policy_leaves_the_metadata(harbor: HarborClient, project: str) -> None:
    made = await harbor.as_admin("POST", "/retentions", await policy(harbor, project))
    path = made.headers["Location"].removeprefix("/api/v2.0")
    assert (await harbor.as_admin("DELETE", path)).status == 200
    assert "retention_id" not in (await read(harbor, project))["metadata"]


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"rules": [RULE, RULE]}, 409),
        ({"rules": [{**RULE, "priority": n} for n in range(16)]}, 400),
        ({"trigger": {"kind": "Schedule", "settings": {"cron": "5 0 0 * * *"}}}, 400),
    ],
    ids=["a rule twice", "too many rules", "seconds"],
)
async def test_a_bad_policy_is_rejected(harbor: HarborClient, project: str, more: dict[str, Any], status: int) -> None:
    assert (await harbor.as_admin("POST", "/retentions", await policy(harbor, project, **more))).status == status
