"""Desired replication rules."""

from __future__ import annotations

from typing import Any

import pytest

from harbor_operator.api import replications as api
from harbor_operator.model.projects import ObservedRegistry
from harbor_operator.model.replications import Replication, ReplicationFilter
from harbor_operator.plan.replications import plan_replication

REGISTRIES = {"hub": ObservedRegistry(7, "hub", "docker-hub", "https://hub.example.com")}


def parse(**spec: Any) -> api.Replication:
    return api.Replication.model_validate({"name": "rule", **spec})


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"pullFrom": "hub"}, Replication("rule", source=7)),
        (
            {"pullFrom": "hub", "schedule": "Daily"},
            Replication("rule", source=7, trigger="scheduled", cron="0 0 0 * * *"),
        ),
        (
            {"pushTo": "hub", "onEvent": True, "replicateDeletion": True},
            Replication("rule", destination=7, trigger="event_based", replicates_deletion=True),
        ),
        (
            {"pushTo": "hub", "destinationNamespace": "mirror", "destinationReplaceCount": 1, "override": False},
            Replication(
                "rule", destination=7, destination_namespace="mirror", destination_replace_count=1, overrides=False
            ),
        ),
        ({"pushTo": "hub", "enabled": False}, Replication("rule", destination=7, is_enabled=False)),
    ],
    ids=str,
)
def test_a_rule_has_one_direction_and_one_trigger(spec: dict[str, Any], expected: Replication) -> None:
    assert plan_replication(parse(**spec), REGISTRIES) == expected


def test_patterns_are_filters() -> None:
    planned = plan_replication(parse(pullFrom="hub", repoMatching="library/**", tagExcluding="dev"), REGISTRIES)
    expected = {ReplicationFilter("name", "library/**"), ReplicationFilter("tag", "dev", "excludes")}
    assert planned.filters == expected
    planned = plan_replication(parse(pullFrom="hub", tagMatching="v*"), REGISTRIES)
    assert planned.filters == {ReplicationFilter("tag", "v*", "matches")}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({}, "exactly one of `pullFrom` and `pushTo`"),
        ({"pullFrom": "hub", "pushTo": "hub"}, "exactly one of `pullFrom` and `pushTo`"),
        ({"pullFrom": "hub", "tagMatching": "a", "tagExcluding": "b"}, "at most one of `tagMatching`"),
        ({"pullFrom": "hub", "onEvent": True}, "`onEvent` needs `pushTo`"),
        ({"pushTo": "hub", "onEvent": True, "schedule": "Daily"}, "`onEvent` needs `pushTo`, and no `schedule`"),
        ({"pushTo": "hub", "replicateDeletion": True}, "`replicateDeletion` needs `onEvent`"),
    ],
    ids=str,
)
def test_a_contradictory_rule_is_invalid(spec: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse(**spec)
