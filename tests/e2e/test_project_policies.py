"""The policies of projects: created, corrected, and otherwise left alone."""

from __future__ import annotations

import pytest

from lab.process import wait_until
from lab.registry_fixture import RegistryFixture
from tests.e2e.harbor_api import call_harbor

pytestmark = pytest.mark.e2e

TEAM = "/projects/team-a"
RULES = f"{TEAM}/immutabletagrules"


def tags(fixture: RegistryFixture) -> dict[str, int]:
    """The numbers of the enabled immutable tag rules, by their pattern of tags."""
    rules = call_harbor(fixture, "GET", RULES)
    return {rule["tag_selectors"][0]["pattern"]: rule["id"] for rule in rules if not rule.get("disabled")}


def test_immutable_tags_are_kept_and_those_of_others_stay(full_registry: RegistryFixture) -> None:
    assert list(tags(full_registry)) == ["v*"]
    (rule,) = call_harbor(full_registry, "GET", RULES)
    theirs = {**rule, "tag_selectors": [{**rule["tag_selectors"][0], "pattern": "theirs"}]}
    call_harbor(full_registry, "POST", RULES, theirs)
    call_harbor(full_registry, "DELETE", f"{RULES}/{rule['id']}")
    wait_until(lambda: "v*" in tags(full_registry), "the operator adds the rule again", deadline=60)
    number = tags(full_registry)["v*"]
    call_harbor(full_registry, "PUT", f"{RULES}/{number}", {**rule, "id": number, "disabled": True})
    wait_until(lambda: tags(full_registry).get("v*") == number, "the operator enables the rule", deadline=60)
    others = tags(full_registry)
    assert set(others) == {"v*", "theirs"}
    call_harbor(full_registry, "DELETE", f"{RULES}/{others['theirs']}")
