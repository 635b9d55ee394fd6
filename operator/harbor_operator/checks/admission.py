"""What is in the way of the admission policy, and what it means beside how far the Secrets have spread."""

from __future__ import annotations

from dataclasses import replace

from harbor_operator.model.outcomes import Blocked, Done, Outcome, Pending, PullSecretFacts, StatusWarning
from harbor_operator.reasons import Reason

FIELD = "`spec.pullSecrets.admissionPolicy`"
COMPONENT = "`deploy/components/admission-policy`"
TELLING = 3
"""One account may have slipped through while the policy was taken up; so many in a row did not."""


def foreign_policy(kind: str, name: str) -> Blocked:
    """An object of our name is not ours."""
    return Blocked(
        Reason.ADMISSION_POLICY_FOREIGN,
        f"{kind} '{name}' is in the cluster already and was not made for this registry: delete it, or set {FIELD} to "
        "Disabled",
    )


def unsupported() -> str:
    """The cluster knows no such policies."""
    return (
        f"{FIELD} is Enabled, but this cluster serves no MutatingAdmissionPolicy (admissionregistration.k8s.io/v1, "
        "Kubernetes 1.36 or newer), so a pod may come before the reference of its service account and fail to pull: "
        f"upgrade the cluster, or set {FIELD} to Disabled if that may happen"
    )


def rights_missing(name: str, why: str) -> str:
    """The optional role was not applied, or does not name this policy."""
    return (
        f"{FIELD} needs a role that the default installation does not have: apply {COMPONENT}, with '{name}' in the "
        f"`resourceNames` of its ClusterRole ({why})"
    )


def policy_settling(name: str, seconds: float) -> Pending:
    """It has just been written."""
    return Pending(
        Reason.ADMISSION_POLICY_SETTLING,
        f"admission policy '{name}' was written a moment ago and is about to be in force",
        requeue_after=seconds,
    )


def ignored_policy_warnings(observed: PullSecretFacts) -> tuple[StatusWarning, ...]:
    """Accounts come without what the policy should have given them."""
    if observed.missed_by_policy < TELLING:
        return ()
    message = (
        f"the last {observed.missed_by_policy} service accounts were born without their reference, which was "
        "attached a moment "
        "later: the admission policy is in place, but the API server does not act by it"
    )
    return (StatusWarning(Reason.ADMISSION_POLICY_IGNORED, message),)


def combine(spread: Outcome, policy: Outcome) -> Outcome:
    """Both as one outcome: the Secrets come first, and what is wrong with the policy is never hidden."""
    if isinstance(policy, Done):
        return spread
    message = f"{spread.message}; {policy.message}"
    if isinstance(spread, Done):
        return replace(policy, message=message, facts=spread.facts, warnings=spread.warnings)
    return replace(spread, message=message)
