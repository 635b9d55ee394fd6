"""The webhooks of projects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.contract.harbor.client import HarborClient

TARGET = {"type": "http", "address": "https://ci.example.com/hook?x=1", "auth_header": "Bearer x"}
BODY = {"name": "ci", "enabled": True, "event_types": ["PUSH_ARTIFACT"], "targets": [TARGET], "description": "text"}


async def webhooks(harbor: HarborClient, project: str) -> list[dict[str, Any]]:
    return (await harbor.as_admin("GET", f"/projects/{project}/webhook/policies")).json() or []


async def add(harbor: HarborClient, project: str, **more: Any) -> str:
    made = await harbor.as_admin("POST", f"/projects/{project}/webhook/policies", {**BODY, **more})
    assert (made.status, made.body) == (201, b"")
    return made.headers["Location"].removeprefix("/api/v2.0")


async def test_a_webhook_is_returned_with_its_header(harbor: HarborClient, project: str) -> None:
    await add(harbor, project)
    (found,) = await webhooks(harbor, project)
    (target,) = found["targets"]
    assert {name: target[name] for name in TARGET} == TARGET
    assert (target["payload_format"], target.get("skip_cert_verify", False)) == ("Default", False)
    again = await harbor.as_admin("POST", f"/projects/{project}/webhook/policies", BODY)
    assert again.status == 409


async def test_an_update_empties_what_it_does_not_name(harbor: HarborClient, project: str) -> None:
    path = await add(harbor, project)
    changed = {name: value for name, value in BODY.items() if name != "description"}
    assert (await harbor.as_admin("PUT", path, {**changed, "enabled": False})).status == 200
    (found,) = await webhooks(harbor, project)
    assert (found["enabled"], found.get("description", "")) == (False, "")


async def test_a_removed_webhook_is_not_found(harbor: HarborClient, project: str) -> None:
    path = await add(harbor, project)
    assert (await harbor.as_admin("DELETE", path)).status == 200
    assert await webhooks(harbor, project) == []
    assert (await harbor.as_admin("DELETE", path)).status == 404


@pytest.mark.parametrize(
    "more",
    [
        {"event_types": []},
        {"event_types": ["NO_EVENT"]},
        {"targets": []},
        {"targets": [{**TARGET, "type": "mail"}]},
        {"targets": [{**TARGET, "type": "slack", "payload_format": "Default"}]},
        {"targets": [{**TARGET, "payload_format": "XML"}]},
        {"targets": [{**TARGET, "address": "ftp://ci.example.com"}]},
    ],
    ids=str,
)
async def test_a_bad_webhook_is_rejected(harbor: HarborClient, project: str, more: dict[str, Any]) -> None:
    assert (await harbor.as_admin("POST", f"/projects/{project}/webhook/policies", {**BODY, **more})).status == 400
