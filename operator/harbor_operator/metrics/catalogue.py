"""Every metric: name, type, help text and labels. docs/metrics.md is generated from this file.

Names follow controller-runtime (`reconcile_*`, `workqueue_*`, `leader_election_master_status`) and client-go
(`rest_client_requests_total`). No label holds the name of a namespace that receives a pull Secret: a cluster has up to
ten thousand of them, and each would be a series.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The type of a metric, in the words of Prometheus."""

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
    values: tuple[tuple[str, ...], ...] = ()
    """Every value of each label of a counter, if they are known: its series then exist from the start.

    The function `increase` of Prometheus does not count the first event of a series that begins with it.
    """


# Not `namespace` and `name`: Prometheus adds the pod's own `namespace` to each series and would rename ours.
REGISTRY = ("registry_namespace", "registry_name")
WRITE_KINDS = ("apply", "delete", "patch")

INJECTIONS = Family(
    "harbor_operator_injection_seconds",
    Kind.HISTOGRAM,
    "Seconds from the first watch event for a namespace or service account until the pull Secret and the references "
    "are in place.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
NAMESPACES = Family(
    "harbor_operator_namespaces",
    Kind.GAUGE,
    "Selected namespaces by state: ready (the pull Secret and the references are in place), pending (not yet written), "
    "failed (the write is not possible) or forbidden (the provider of the cluster denies every write there).",
    (*REGISTRY, "state"),
)
CONFLICTING_OBJECTS = Family(
    "harbor_operator_conflicting_objects",
    Kind.GAUGE,
    "Secrets and service accounts that another client currently keeps reverting.",
)
CONFLICTS = Family(
    "harbor_operator_conflicts_total",
    Kind.COUNTER,
    "Conflicts with another client, counted when the operator repairs the same object for the third time.",
    ("kind",),
    values=(WRITE_KINDS,),
)
CREDENTIAL_AGE = Family(
    "harbor_operator_credential_age_seconds",
    Kind.GAUGE,
    "Seconds since the Secret that holds the pull credential was last written.",
    REGISTRY,
)
PULL_PROOFS = Family(
    "harbor_operator_pull_proofs_total",
    Kind.COUNTER,
    "Pulls with the pull Secret of a namespace, as a node does it, by result: passed, failed (the Secret does not "
    "pull) or unavailable (no answer, so nothing is proved).",
    (*REGISTRY, "result"),
)
PULL_PROOF_TIME = Family(
    "harbor_operator_pull_proof_timestamp_seconds",
    Kind.GAUGE,
    "Time of the last pull with the pull Secret of a namespace that Harbor answered, in seconds since 1970.",
    REGISTRY,
)
WRITES = Family(
    "harbor_operator_injector_writes_total",
    Kind.COUNTER,
    "Writes of the injector by kind (apply, delete, patch) and result (done, stale, refused, unavailable).",
    ("kind", "result"),
    values=(WRITE_KINDS, ("done", "stale", "refused", "unavailable")),
)
EVICTIONS = Family(
    "harbor_operator_stuck_pod_evictions_total",
    Kind.COUNTER,
    "Evictions of pods that were created before their service account referenced the pull Secret, by result.",
    ("result",),
    values=(("evicted", "stale", "blocked", "refused", "unavailable"),),
)
QUEUE_DEPTH = Family(
    "harbor_operator_workqueue_depth",
    Kind.GAUGE,
    "Namespaces in the work queue, including those that wait for their back-off to end.",
)
QUEUE_LONGEST_WAIT = Family(
    "harbor_operator_workqueue_longest_wait_seconds",
    Kind.GAUGE,
    "Age of the oldest namespace in the work queue that is eligible for processing.",
)
WRITE_RATE_LIMIT = Family(
    "harbor_operator_write_rate_limit_per_second",
    Kind.GAUGE,
    "Current client-side limit of the injector's writes per second; it falls when the API server answers 429.",
)
CONCURRENT_WRITE_LIMIT = Family(
    "harbor_operator_concurrent_write_limit",
    Kind.GAUGE,
    "Current limit of namespaces that are written at the same time; it follows the latency of the API server, up to "
    "HARBOR_OPERATOR_WORKERS.",
)
WATCH_EVENT_AGE = Family(
    "harbor_operator_watch_last_event_age_seconds",
    Kind.GAUGE,
    "Seconds since the last event on the watch of a resource; bookmarks count.",
    ("resource",),
)
REQUESTS = Family(
    "harbor_operator_rest_client_requests_total",
    Kind.COUNTER,
    "Requests to the API server by verb, resource and HTTP status code; code 0 means no response, and resource "
    "`discovery` a list of resources. Requests that Helm sends are not counted.",
    ("verb", "resource", "code"),
)
FORBIDDEN = Family(
    "harbor_operator_rest_client_forbidden_total",
    Kind.COUNTER,
    "Requests to the API server that no authorizer allows, by verb and resource. Denials by a ResourceQuota, an "
    "admission policy or a webhook have the same HTTP status code 403 and are not counted here.",
    ("verb", "resource"),
)
CONDITIONS = Family(
    "harbor_operator_registry_condition",
    Kind.GAUGE,
    "1 for the current status (true, false or unknown) of a condition of a HarborRegistry, 0 for the other two.",
    (*REGISTRY, "type", "status"),
)
REASONS = Family(
    "harbor_operator_registry_reason",
    Kind.GAUGE,
    "1 for the current reason of a condition of a HarborRegistry; docs/problems.md explains each reason.",
    (*REGISTRY, "type", "reason"),
)
WARNINGS = Family(
    "harbor_operator_registry_warning",
    Kind.GAUGE,
    "1 for each code in `status.warnings` of a HarborRegistry.",
    (*REGISTRY, "code"),
)
GARBAGE_COLLECTION_FREED = Family(
    "harbor_operator_garbage_collection_freed_bytes",
    Kind.GAUGE,
    "Bytes that the newest garbage collection of Harbor freed, as Harbor counts them.",
    REGISTRY,
)
GARBAGE_COLLECTION_TIME = Family(
    "harbor_operator_garbage_collection_timestamp_seconds",
    Kind.GAUGE,
    "Time of the last change of the newest garbage collection, in seconds since 1970; the label has its status "
    "(Pending, Running, Success, Error or Stopped).",
    (*REGISTRY, "status"),
)
STORAGE_BYTES = Family(
    "harbor_operator_storage_bytes",
    Kind.GAUGE,
    "Bytes after the newest garbage collection: of the images in Harbor's database (`images`), and of all objects in "
    "the container or bucket (`stored`).",
    (*REGISTRY, "kind"),
)
RECONCILES = Family(
    "harbor_operator_reconcile_duration_seconds",
    Kind.HISTOGRAM,
    "Duration of one reconciliation of a HarborRegistry.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
)
RECONCILE_ERRORS = Family(
    "harbor_operator_reconcile_errors_total",
    Kind.COUNTER,
    "Reconciliations in which the state of a dependency was not readable.",
)
EVENT_LOOP_DELAY = Family(
    "harbor_operator_event_loop_delay_seconds",
    Kind.HISTOGRAM,
    "Seconds by which a timer of the process is late, sampled twenty times a second. A long delay means that the "
    "processor is too slow or limited, and then renewals of the Lease and probes are late too.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
LEADER = Family(
    "harbor_operator_leader_election_master_status",
    Kind.GAUGE,
    "1 on the replica that holds the Lease, 0 on the others.",
)
BUILD = Family("harbor_operator_build_info", Kind.GAUGE, "Always 1; the label holds the version.", ("version",))

FAMILIES = (
    INJECTIONS,
    NAMESPACES,
    CONFLICTING_OBJECTS,
    CONFLICTS,
    CREDENTIAL_AGE,
    PULL_PROOFS,
    PULL_PROOF_TIME,
    WRITES,
    EVICTIONS,
    QUEUE_DEPTH,
    QUEUE_LONGEST_WAIT,
    WRITE_RATE_LIMIT,
    CONCURRENT_WRITE_LIMIT,
    WATCH_EVENT_AGE,
    REQUESTS,
    FORBIDDEN,
    CONDITIONS,
    REASONS,
    WARNINGS,
    GARBAGE_COLLECTION_FREED,
    GARBAGE_COLLECTION_TIME,
    STORAGE_BYTES,
    RECONCILES,
    RECONCILE_ERRORS,
    EVENT_LOOP_DELAY,
    LEADER,
    BUILD,
)
