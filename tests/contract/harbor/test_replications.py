"""Replication rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.contract.harbor.client import HarborClient


@pytest_asyncio.fixture
async def endpoint(harbor: HarborClient, fresh: str) -> AsyncIterator[int]:
    """The id of an endpoint; Harbor tests that a registry answers, so it is this Harbor itself."""
    body = {"name": fresh, "type": "docker-registry", "url": harbor.url, "insecure": True}
    made = await harbor.as_admin("POST", "/registries", body)
    assert made.status == 201, made.body
    path = made.headers["Location"].removeprefix("/api/v2.0")
    yield int(path.rpartition("/")[2])
    await harbor.as_admin("DELETE", path)


@pytest_asyncio.fixture
async def rule(harbor: HarborClient, endpoint: int, fresh: str) -> AsyncIterator[dict[str, Any]]:
    """The body of a created rule, and its path."""
    body = {
        "name": fresh,
        "src_registry": {"id": endpoint},
        "filters": [{"type": "name", "value": "library/**"}, {"type": "tag", "value": "v*"}],
        "trigger": {"type": "scheduled", "trigger_settings": {"cron": "0 0 0 * * *"}},
        "description": "text",
        "enabled": True,
    }
    made = await harbor.as_admin("POST", "/replication/policies", body)
    assert (made.status, made.body) == (201, b"")
    path = made.headers["Location"].removeprefix("/api/v2.0")
    yield {**body, "path": path}
    await harbor.as_admin("DELETE", path)


async def read(harbor: HarborClient, name: str) -> dict[str, Any]:
    (found,) = (await harbor.as_admin("GET", f"/replication/policies?q=name={name}")).json()
    return dict(found)


def body_of(rule: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in rule.items() if name != "path"}


async def test_the_other_side_of_a_rule_is_this_harbor(harbor: HarborClient, rule: dict[str, Any]) -> None:
    found = await read(harbor, rule["name"])
    assert found["src_registry"]["id"] == rule["src_registry"]["id"]
    assert found["dest_registry"].get("id", 0) == 0
    assert found["dest_namespace_replace_count"] == -1
    assert found["trigger"] == rule["trigger"]
    assert {one["type"]: one["value"] for one in found["filters"]} == {"name": "library/**", "tag": "v*"}
    assert (await harbor.as_admin("POST", "/replication/policies", body_of(rule))).status == 409


async def test_an_update_resets_what_it_does_not_name(harbor: HarborClient, rule: dict[str, Any]) -> None:
    changed = {name: value for name, value in body_of(rule).items() if name not in {"description", "filters"}}
    assert (await harbor.as_admin("PUT", rule["path"], changed)).status == 200
    found = await read(harbor, rule["name"])
    assert (found.get("description", ""), found.get("filters") or []) == ("", [])


@pytest.mark.parametrize(
    "more",
    [
        {"src_registry": None},
        {"filters": [{"type": "size", "value": "x"}]},
        {"filters": [{"type": "name", "value": "x", "decoration": "excludes"}]},
        {"trigger": {"type": "sometimes"}},
        {"trigger": {"type": "scheduled", "trigger_settings": {"cron": "5 0 0 * * *"}}},
    ],
    ids=str,
)
async def test_a_bad_rule_is_rejected(harbor: HarborClient, rule: dict[str, Any], more: dict[str, Any]) -> None:
    changed = {**body_of(rule), "name": f"{rule['name']}-bad", **more}
    body = {name: value for name, value in changed.items() if value is not None}
    assert (await harbor.as_admin("POST", "/replication/policies", body)).status == 400


async def test_a_deleted_rule_is_not_found(harbor: HarborClient, rule: dict[str, Any]) -> None:
    assert (await harbor.as_admin("DELETE", rule["path"])).status == 200
    assert (await harbor.as_admin("DELETE", rule["path"])).status == 404
