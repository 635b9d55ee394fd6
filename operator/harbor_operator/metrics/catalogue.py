"""Every metric: its name, what it tells, its labels; docs/metrics.md is made of this.

No label ever names a namespace that only holds a pull Secret, for there are ten thousand of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What Prometheus calls the type of a metric."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Family:
    """One metric with all its series."""

    name: str
    kind: Kind
    text: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


# Not `namespace` and `name`: Prometheus gives every series of a pod its own `namespace`, and would rename ours.
REGISTRY = ("registry_namespace", "registry_name")

INJECTIONS = Family(
    "harbor_operator_injection_seconds",
    Kind.HISTOGRAM,
    "Time from a namespace or service account seen to pull Secret and references in place.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
NAMESPACES = Family(
    "harbor_operator_namespaces",
    Kind.GAUGE,
    "Selected namespaces that hold the pull Secret (ready), are on their way (pending), or cannot hold it (failed).",
    (*REGISTRY, "state"),
)
CONTESTED = Family(
    "harbor_operator_contested_objects",
    Kind.GAUGE,
    "Secrets and service accounts in which somebody keeps undoing our work now.",
)
CONTESTS = Family(
    "harbor_operator_contested_repairs_total",
    Kind.COUNTER,
    "Repairs that were needed again and again: how often such a contest began.",
    ("kind",),
)
CREDENTIAL_AGE = Family(
    "harbor_operator_credential_age_seconds",
    Kind.GAUGE,
    "Time since the Secret with the distributed login was last written.",
    REGISTRY,
)
WRITES = Family(
    "harbor_operator_injector_writes_total",
    Kind.COUNTER,
    "Writes of the injector: apply, delete or patch, and how they went.",
    ("kind", "result"),
)
EVICTIONS = Family(
    "harbor_operator_stuck_pod_evictions_total",
    Kind.COUNTER,
    "Evictions of pods that were created before they could get the pull Secret, and how they went.",
    ("result",),
)
QUEUE_DEPTH = Family(
    "harbor_operator_queue_depth",
    Kind.GAUGE,
    "Namespaces waiting to be written, those that wait for a second try included.",
)
QUEUE_AGE = Family(
    "harbor_operator_queue_oldest_seconds",
    Kind.GAUGE,
    "How long the namespace has waited that has waited longest and could be written now.",
)
WRITE_LIMIT = Family(
    "harbor_operator_write_limit_per_second",
    Kind.GAUGE,
    "Writes per second that the injector allows itself now; it falls when the API server asks for patience.",
)
WRITE_SLOTS = Family(
    "harbor_operator_write_slots",
    Kind.GAUGE,
    "Namespaces that may be written at a time now; follows the API server's latency, up to HARBOR_OPERATOR_WORKERS.",
)
WATCH_SILENCE = Family(
    "harbor_operator_watch_silence_seconds",
    Kind.GAUGE,
    "Time since the API server last said anything on the watch of a resource; bookmarks count.",
    ("resource",),
)
REQUESTS = Family(
    "harbor_operator_api_requests_total",
    Kind.COUNTER,
    "Requests to the API server by verb, resource and HTTP code; code 0 = no answer. Helm's own are not counted.",
    ("verb", "resource", "code"),
)
CONDITIONS = Family(
    "harbor_operator_registry_condition",
    Kind.GAUGE,
    "1 for the status (true, false or unknown) that a condition of a registry has, 0 for the others.",
    (*REGISTRY, "type", "status"),
)
REASONS = Family(
    "harbor_operator_registry_reason",
    Kind.GAUGE,
    "1 for the reason that a condition of a registry gives, as listed in docs/problems.md.",
    (*REGISTRY, "type", "reason"),
)
WARNINGS = Family(
    "harbor_operator_registry_warning",
    Kind.GAUGE,
    "1 for each kind of warning in `status.warnings`.",
    (*REGISTRY, "code"),
)
PASSES = Family(
    "harbor_operator_pass_seconds",
    Kind.HISTOGRAM,
    "Duration of passes over a registry.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
)
FAILED_PASSES = Family(
    "harbor_operator_failed_passes_total",
    Kind.COUNTER,
    "Passes in which something could not be seen.",
)
LEADER = Family("harbor_operator_leader", Kind.GAUGE, "1 on the replica that acts.")
BUILD = Family("harbor_operator_build_info", Kind.GAUGE, "1, with the version of the operator.", ("version",))

FAMILIES = (
    INJECTIONS,
    NAMESPACES,
    CONTESTED,
    CONTESTS,
    CREDENTIAL_AGE,
    WRITES,
    EVICTIONS,
    QUEUE_DEPTH,
    QUEUE_AGE,
    WRITE_LIMIT,
    WRITE_SLOTS,
    WATCH_SILENCE,
    REQUESTS,
    CONDITIONS,
    REASONS,
    WARNINGS,
    PASSES,
    FAILED_PASSES,
    LEADER,
    BUILD,
)
