"""Desired webhooks, and the smallest set of writes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from harbor_operator.api.projects import Project
from harbor_operator.model.webhooks import ObservedWebhook, Webhook, WebhookChanges
from harbor_operator.plan.webhooks import webhook_changes

ADDRESS = "https://ci.example.com/hook"
SPEC = {"name": "ci", "address": ADDRESS, "events": ["PUSH_ARTIFACT"]}
HEADERS = {"ci": SecretStr("Bearer x")}
DESIRED = Webhook("ci", ADDRESS, frozenset({"PUSH_ARTIFACT"}), auth_header=HEADERS["ci"])
OTHER = ObservedWebhook(2, "theirs", None)


def project(**spec: Any) -> Project:
    return Project.model_validate({"name": "team", "webhooks": [SPEC], **spec})


def test_a_missing_webhook_is_added_with_its_header_and_others_stay() -> None:
    assert webhook_changes(project(), HEADERS, [OTHER]) == WebhookChanges(add=(DESIRED,))
    assert not webhook_changes(project(), HEADERS, [ObservedWebhook(1, "ci", DESIRED, "text"), OTHER])


@pytest.mark.parametrize(
    "found",
    [
        None,
        replace(DESIRED, is_enabled=False),
        replace(DESIRED, auth_header=SecretStr("")),
        replace(DESIRED, events=frozenset({"PULL_ARTIFACT"})),
    ],
    ids=["two receivers", "disabled", "header", "events"],
)
def test_a_webhook_that_differs_is_updated(found: Webhook | None) -> None:
    observed = ObservedWebhook(1, "ci", found)
    assert webhook_changes(project(), HEADERS, [observed]) == WebhookChanges(update=((observed, DESIRED),))


def test_unlisted_webhooks_are_removed_only_on_request() -> None:
    observed = [ObservedWebhook(1, "ci", DESIRED), OTHER]
    assert webhook_changes(project(unlisted="Delete"), HEADERS, observed) == WebhookChanges(remove=(OTHER,))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"type": "slack", "payloadFormat": "CloudEvents"}, "`payloadFormat` is for type 'http' only"),
        ({"address": "https://ana@ci.example.com"}, "pattern"),
        ({"address": "https://ci.example.com/?token=x"}, "pattern"),
        ({"events": []}, "at least 1"),
    ],
    ids=str,
)
def test_a_bad_webhook_is_invalid(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        project(webhooks=[{**SPEC, **change}])
