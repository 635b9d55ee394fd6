"""The replication rules of Harbor as desired and observed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ReplicationFilter:
    """What is copied: `kind` and `decoration` are Harbor's words."""

    kind: str
    value: str
    decoration: str = ""


@dataclass(frozen=True, slots=True)
class Replication:
    """A replication rule; `source` and `destination` are ids of endpoints, 0 = this Harbor.

    `trigger` is Harbor's word, and `cron` is empty unless it is `scheduled`.
    """

    name: str
    source: int = 0
    destination: int = 0
    filters: frozenset[ReplicationFilter] = frozenset()
    destination_namespace: str = ""
    destination_replace_count: int = -1
    trigger: str = "manual"
    cron: str = ""
    replicates_deletion: bool = False
    overrides: bool = True
    is_enabled: bool = True


@dataclass(frozen=True, slots=True)
class ObservedReplication:
    """A replication rule as observed; `rule` is None if it has a filter that the spec cannot describe.

    `kept` are the settings of the rule that the spec does not describe, in the form of Harbor's API.
    """

    number: int
    rule: Replication | None
    kept: Mapping[str, Any] = field(default_factory=dict)
