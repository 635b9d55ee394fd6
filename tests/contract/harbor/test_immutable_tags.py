"""The immutable tag rules of projects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.contract.harbor.client import HarborClient


def rule(tags: str = "v*", **more: Any) -> dict[str, Any]:
    return {
        "action": "immutable",
        "template": "immutable_template",
        "disabled": False,
        "tag_selectors": [{"kind": "doublestar", "decoration": "matches", "pattern": tags}],
        "scope_selectors": {"repository": [{"kind": "doublestar", "decoration": "repoMatches", "pattern": "**"}]},
        **more,
    }


async def add(harbor: HarborClient, project: str, body: dict[str, Any]) -> int:
    made = await harbor.as_admin("POST", f"/projects/{project}/immutabletagrules", body)
    assert (made.status, made.body) == (201, b"")
    return int(made.headers["Location"].rpartition("/")[2])


async def rules(harbor: HarborClient, project: str) -> list[dict[str, Any]]:
    answer = await harbor.as_admin("GET", f"/projects/{project}/immutabletagrules")
    assert answer.headers["X-Total-Count"] == str(len(answer.json() or []))
    return answer.json() or []


async def test_a_new_rule_is_enabled_whatever_the_request_says(harbor: HarborClient, project: str) -> None:
    number = await add(harbor, project, rule(disabled=True))
    (found,) = await rules(harbor, project)
    assert (found["id"], found.get("disabled", False)) == (number, False)
    assert found["tag_selectors"] == rule()["tag_selectors"]
    assert found["scope_selectors"] == rule()["scope_selectors"]


async def test_an_update_changes_either_the_switch_or_the_selectors(harbor: HarborClient, project: str) -> None:
    number = await add(harbor, project, rule())
    path = f"/projects/{project}/immutabletagrules/{number}"
    assert (await harbor.as_admin("PUT", path, rule("w*", id=number, disabled=True))).status == 200
    (found,) = await rules(harbor, project)
    assert (found["disabled"], found["tag_selectors"]) == (True, rule()["tag_selectors"])
    assert (await harbor.as_admin("PUT", path, rule("w*", id=number, disabled=True))).status == 200
    (found,) = await rules(harbor, project)
    assert (found["disabled"], found["tag_selectors"]) == (True, rule("w*")["tag_selectors"])


async def test_the_number_must_be_in_path_and_body(harbor: HarborClient, project: str) -> None:
    number = await add(harbor, project, rule())
    path = f"/projects/{project}/immutabletagrules/{number}"
    assert (await harbor.as_admin("PUT", path, rule(id=number + 1))).status == 400


async def test_a_second_rule_of_the_same_kind_is_a_conflict(harbor: HarborClient, project: str) -> None:
    await add(harbor, project, rule())
    assert (await harbor.as_admin("POST", f"/projects/{project}/immutabletagrules", rule())).status == 409


async def test_a_removed_rule_is_not_found(harbor: HarborClient, project: str) -> None:
    number = await add(harbor, project, rule())
    path = f"/projects/{project}/immutabletagrules/{number}"
    assert (await harbor.as_admin("DELETE", path)).status == 200
    assert await rules(harbor, project) == []
    assert (await harbor.as_admin("DELETE", path)).status == 404
