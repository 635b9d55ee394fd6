"""The policies of projects: created, corrected, and otherwise left alone."""

from __future__ import annotations

from typing import Any

import pytest

from lab.process import LabError, wait_until
from lab.registry_fixture import RegistryFixture
from tests.e2e.conftest import MakeRegistry
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


def test_the_retention_is_kept(full_registry: RegistryFixture) -> None:
    def policy() -> dict[str, Any]:
        number = call_harbor(full_registry, "GET", TEAM)["metadata"].get("retention_id")
        return dict(call_harbor(full_registry, "GET", f"/retentions/{number}")) if number else {}

    def is_as_desired() -> bool:
        found = policy()
        templates = sorted(rule["template"] for rule in found.get("rules", []))
        return templates == ["always", "latestPushedK"] and found["trigger"]["settings"]["cron"] == "0 0 0 * * *"

    assert is_as_desired()
    found = policy()
    call_harbor(full_registry, "PUT", f"/retentions/{found['id']}", {**found, "rules": found["rules"][:1]})
    wait_until(is_as_desired, "the operator corrects the rules", deadline=60)
    call_harbor(full_registry, "DELETE", f"/retentions/{found['id']}")
    wait_until(is_as_desired, "the operator creates the policy again", deadline=60)


REFUSED = {
    "at most one of `tagMatching` and": {"immutableTags": [{"tagMatching": "v*", "tagExcluding": "dev"}]},
    "give exactly one of `mostRecentlyPushed`": {"retention": {"rules": [{"repoMatching": "app"}]}},
}


def test_a_policy_that_harbor_cannot_keep_is_rejected(make_registry: MakeRegistry) -> None:
    registry = make_registry("policy-rules")
    for message, policies in REFUSED.items():
        spec = {"externalURL": "https://localhost:1", "suspend": True, "projects": [{"name": "a", **policies}]}
        with pytest.raises(LabError, match=message):
            registry.apply(spec)
