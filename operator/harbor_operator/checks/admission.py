"""Checks of the admission policy, and how its outcome combines with the outcome of the injection."""

from __future__ import annotations

from dataclasses import replace

from harbor_operator.model.outcomes import Blocked, Done, Outcome, Pending, PullSecretFacts, StatusWarning
from harbor_operator.reasons import Reason

FIELD = "`spec.pullSecrets.admissionPolicy`"
COMPONENT = "`deploy/components/admission-policy`"
MIN_MISSED_ACCOUNTS = 3
"""The policy can miss one account while the API servers load it; three in a row show that it is not enforced."""


def foreign_policy(kind: str, name: str) -> Blocked:
    """Returns the outcome for a policy or binding of our name that another client created."""
    return Blocked(
        Reason.ADMISSION_POLICY_FOREIGN,
        f"{kind} '{name}' already exists and was not created for this HarborRegistry: check that no one else uses it, "
        f"then delete it; or set {FIELD} to Disabled",
    )


def unsupported() -> str:
    """Returns the message for a cluster without the MutatingAdmissionPolicy API."""
    return (
        f"{FIELD} is Enabled, but this cluster serves no MutatingAdmissionPolicy (admissionregistration.k8s.io/v1, "
        "Kubernetes 1.36 or newer), so a pod can start before its service account has the imagePullSecret, and fail "
        f"to pull: upgrade the cluster, or set {FIELD} to Disabled to accept that"
    )


def rights_missing(name: str, why: str) -> str:
    """Returns the message for a missing or incomplete optional role; `why` is the error of the API server."""
    return (
        f"{FIELD} needs a role that is not part of the default installation: apply {COMPONENT}, with '{name}' in the "
        "`resourceNames` of its ClusterRole, or set `admissionPolicy` in the operator's Helm chart, with the registry "
        f"in its `registries` ({why})"
    )


def policy_settling(name: str, seconds: float) -> Pending:
    """Returns the outcome for a policy that the API servers load within the next `seconds`."""
    return Pending(
        Reason.ADMISSION_POLICY_SETTLING,
        f"admission policy '{name}' was just written; the API servers are loading it",
        requeue_after=seconds,
    )


def ignored_policy_warnings(observed: PullSecretFacts) -> tuple[StatusWarning, ...]:
    """Returns a warning when new service accounts repeatedly lack the imagePullSecret that the policy adds."""
    if observed.missed_by_policy < MIN_MISSED_ACCOUNTS:
        return ()
    message = (
        f"the last {observed.missed_by_policy} new service accounts were created without the imagePullSecret; the "
        "operator added it afterwards: the API server does not enforce the admission policy; enable the feature gate "
        f"and the admission plugin MutatingAdmissionPolicy in every API server, or set {FIELD} to Disabled"
    )
    return (StatusWarning(Reason.ADMISSION_POLICY_IGNORED, message),)


def combine(injection: Outcome, policy: Outcome) -> Outcome:
    """Returns one outcome for both. The injection decides first, and the message always includes a policy problem."""
    if isinstance(policy, Done):
        return injection
    message = f"{injection.message}; {policy.message}"
    if isinstance(injection, Done):
        return replace(policy, message=message, facts=injection.facts, warnings=injection.warnings)
    return replace(injection, message=message)
