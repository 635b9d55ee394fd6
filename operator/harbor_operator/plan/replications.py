"""The desired replication rules of Harbor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harbor_operator.api import replications as api
from harbor_operator.model.projects import ObservedRegistry
from harbor_operator.model.replications import Replication, ReplicationFilter
from harbor_operator.plan.schedules import plan_cron

MANUAL, SCHEDULED, ON_EVENT = "manual", "scheduled", "event_based"
"""Harbor's triggers (src/pkg/reg/model/policy.go)."""


def plan_replication(replication: api.Replication, registries: Mapping[str, ObservedRegistry]) -> Replication:
    """Returns the rule in Harbor's terms; `registries` has the endpoint that it names."""
    cron = plan_cron(replication.schedule)
    return Replication(
        name=replication.name,
        source=registries[replication.pull_from].number if replication.pull_from else 0,
        destination=registries[replication.push_to].number if replication.push_to else 0,
        filters=frozenset(_filters(replication)),
        destination_namespace=replication.destination_namespace,
        destination_replace_count=replication.destination_replace_count,
        trigger=ON_EVENT if replication.on_event else SCHEDULED if cron else MANUAL,
        cron=cron,
        replicates_deletion=replication.replicate_deletion,
        overrides=replication.override,
        is_enabled=replication.enabled,
    )


def _filters(replication: api.Replication) -> Iterator[ReplicationFilter]:
    if replication.repo_matching:
        yield ReplicationFilter("name", replication.repo_matching)
    if replication.tag_matching:
        yield ReplicationFilter("tag", replication.tag_matching, "matches")
    if replication.tag_excluding:
        yield ReplicationFilter("tag", replication.tag_excluding, "excludes")
