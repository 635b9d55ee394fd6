"""The policies of projects: created, corrected, and otherwise left alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from lab.process import LabError, wait_until
from lab.registry_fixture import RegistryFixture
from tests.e2e.conftest import MakeRegistry
from tests.e2e.harbor_api import call_harbor

pytestmark = pytest.mark.e2e

TEAM = "/projects/team-a"
RULES = f"{TEAM}/immutabletagrules"
WEBHOOKS = f"{TEAM}/webhook/policies"


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


@pytest.fixture
def webhook(full_registry: RegistryFixture) -> Iterator[str]:
    """A webhook of team-a with a header from a Secret; its path in Harbor's API."""
    registry, projects = full_registry.registry, full_registry.spec["projects"]
    registry.put_secrets({"ci-webhook": {"authorization": "Bearer one"}})
    spec = {
        "name": "ci",
        "address": "https://ci.example.com/harbor",
        "events": ["PUSH_ARTIFACT"],
        "authHeaderSecretRef": {"name": "ci-webhook"},
    }
    with_webhook = [{**one, "webhooks": [spec]} if one["name"] == "team-a" else one for one in projects]
    registry.patch({"projects": with_webhook})
    wait_until(lambda: call_harbor(full_registry, "GET", WEBHOOKS), "the operator adds the webhook", deadline=60)
    (made,) = call_harbor(full_registry, "GET", WEBHOOKS)
    yield f"{WEBHOOKS}/{made['id']}"
    registry.patch({"projects": projects})
    registry.wait_ready()


def test_webhooks_are_kept_with_their_header(full_registry: RegistryFixture, webhook: str) -> None:
    def header() -> str:
        (target,) = call_harbor(full_registry, "GET", webhook)["targets"]
        return str(target.get("auth_header", ""))

    assert header() == "Bearer one"
    full_registry.registry.put_secrets({"ci-webhook": {"authorization": "Bearer two"}})
    wait_until(lambda: header() == "Bearer two", "the operator sets the new header", deadline=60)
    found = call_harbor(full_registry, "GET", webhook)
    call_harbor(full_registry, "PUT", webhook, {**found, "enabled": False, "description": "theirs"})
    wait_until(lambda: call_harbor(full_registry, "GET", webhook)["enabled"], "the webhook is enabled", deadline=60)
    assert call_harbor(full_registry, "GET", webhook)["description"] == "theirs"


REFUSED: dict[str, dict[str, Any]] = {
    "at most one of `tagMatching` and": {"immutableTags": [{"tagMatching": "v*", "tagExcluding": "dev"}]},
    "`payloadFormat` is for type 'http' only": {
        "webhooks": [
            {
                "name": "ci",
                "address": "https://ci.example.com",
                "events": ["PUSH_ARTIFACT"],
                "type": "slack",
                "payloadFormat": "CloudEvents",
            }
        ]
    },
    "give exactly one of `mostRecentlyPushed`": {"retention": {"rules": [{"repoMatching": "app"}]}},
}


def test_a_policy_that_harbor_cannot_keep_is_rejected(make_registry: MakeRegistry) -> None:
    registry = make_registry("policy-rules")
    for message, policies in REFUSED.items():
        spec = {"externalURL": "https://localhost:1", "suspend": True, "projects": [{"name": "a", **policies}]}
        with pytest.raises(LabError, match=message):
            registry.apply(spec)
