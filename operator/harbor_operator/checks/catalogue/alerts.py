"""The alerts of deploy/monitoring: each is explained by a reason or by its own text."""

from __future__ import annotations

from collections.abc import Mapping

from harbor_operator.checks.catalogue.problem import Problem
from harbor_operator.reasons import Reason

ALERTS: Mapping[str, Problem | Reason] = {
    "HarborOperatorAbsent": Problem(
        "No replica of the operator is the leader. New namespaces get no pull Secret, and no object is repaired.",
        "The pods do not run, or no replica can acquire the Lease.",
        "Run `kubectl -n harbor-operator get pods` and read their logs. If both replicas wait, look at the holder of "
        "the Lease `harbor-operator`.",
    ),
    "HarborRegistryNotReady": Problem(
        "The condition `Ready` of a HarborRegistry is not True, and the HarborRegistry is not suspended.",
        "At least one condition is False or Unknown.",
        "Run `kubectl -n NAMESPACE describe hreg NAME`. The message of each condition has the remedy.",
    ),
    "HarborRegistryStalled": Problem(
        "The condition `Stalled` of a HarborRegistry is True.",
        "The operator cannot continue without manual action.",
        "Run `kubectl -n NAMESPACE describe hreg NAME`. The message of `Stalled` has the remedy.",
    ),
    "HarborRegistryWarning": Problem(
        "`status.warnings` of a HarborRegistry contains a warning for an hour or longer.",
        "The registry works. Something can fail later.",
        "Read `status.warnings`: each message has the remedy. The label `code` of the alert is the heading of a "
        "section on this page.",
    ),
    "HarborPullSecretsFailed": Reason.NAMESPACES_FAILED,
    "HarborPullProofFailed": Reason.PULL_PROOF_FAILED,
    "HarborPullSecretsPending": Reason.NAMESPACES_PENDING,
    "HarborPullSecretsSlow": Problem(
        "One of a hundred namespaces waits more than 5 seconds for its pull Secret. Pods that start in that time "
        "cannot pull.",
        "Usually the API server is slow or answers 429. The operator's pod can also lack CPU.",
        "Look at the request panels of the dashboard. Check the latency and the priority-and-fairness metrics of the "
        "API server, and the CPU of the operator's pod.",
    ),
    "HarborPullSecretsConflict": Reason.PULL_SECRETS_CONFLICT,
    "HarborOperatorQueueStuck": Problem(
        "A namespace that is eligible for processing has waited in the work queue for more than a minute.",
        "The operator's pod lacks CPU, or the API server limits the writes.",
        "Compare the panels 'Write rate limit' and 'Concurrent write limit' of the dashboard with the CPU of the pod.",
    ),
    "HarborOperatorWatchStale": Problem(
        "A watch has delivered no event for more than 120 seconds. Bookmarks count as events.",
        "A proxy or load balancer keeps a dead connection open.",
        "The liveness probe restarts the pod after 180 seconds. If the alert returns, look for a proxy between the "
        "operator and the API server.",
    ),
    "HarborOperatorForbidden": Reason.RIGHTS_MISSING,
    "HarborOperatorApiErrors": Problem(
        "More than one of twenty requests to the API server fails.",
        "The API server is overloaded or not available.",
        "Check the API server. The operator continues with increasing back-off.",
    ),
    "HarborPullCredentialOld": Problem(
        "The pull credential is older than 90 days.",
        "It was not rotated. Every selected namespace holds it.",
        "Rotate it as described in [operations.md](operations.md#rotate-the-pull-credential).",
    ),
}
