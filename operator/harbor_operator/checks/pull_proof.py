"""Checks of the sampled pulls with injected pull Secrets, and what PullSecretsReady says about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus

from harbor_operator.checks.pull_secrets import MAX_SHOWN_FAILURES
from harbor_operator.model.outcomes import Done, NamespaceFailure, Outcome, Pending
from harbor_operator.model.pull_proof import PASSED, UNAVAILABLE, Proof, ProofResult
from harbor_operator.model.reachability import PullResult
from harbor_operator.reasons import Reason

_DENIED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


def missing_entry(host: str) -> Proof:
    """Returns the proof for a Secret in which a kubelet finds no login for the registry."""
    problem = f"its Secret has no login for '{host}': delete the Secret, and the operator creates it again"
    return Proof(ProofResult.FAILED, problem)


def rejected_login() -> Proof:
    """Returns the proof for a login that Harbor rejects; a tenant can have chosen its username, which is not shown."""
    problem = "Harbor rejects the login in its Secret: check in Harbor that the account is enabled and not expired"
    return Proof(ProofResult.FAILED, problem)


def check_pulled(observed: PullResult, image: str | None) -> Proof:
    """Returns what a trial pull proves, of an image, or None for a token only.

    Errors of Harbor and of its token service prove nothing about a Secret; RegistryReachable reports them. An image
    that was deleted meanwhile is no problem either.
    """
    statuses = {observed.token, observed.accepted or 0, observed.manifest or 0}
    if max(statuses) >= HTTPStatus.INTERNAL_SERVER_ERROR or HTTPStatus.TOO_MANY_REQUESTS in statuses:
        return UNAVAILABLE
    if observed.token != HTTPStatus.OK:
        return rejected_login()
    if observed.accepted == HTTPStatus.UNAUTHORIZED:
        return UNAVAILABLE
    if observed.manifest in _DENIED:
        problem = f"the login in its Secret has no right to pull '{image}': give the account that right in the project"
        return Proof(ProofResult.FAILED, problem)
    return PASSED


def with_failed_proofs(
    injected: Outcome, secret_name: str, problems: Mapping[str, str], retry_seconds: float
) -> Outcome:
    """Returns the outcome of the injection with the namespaces that cannot pull, and their problems.

    The injection decides first, and the message and the facts always include the failed proofs.
    """
    if not problems:
        return injected
    named = [f"'{namespace}': {problem}" for namespace, problem in sorted(problems.items())]
    more = f"; and {len(named) - MAX_SHOWN_FAILURES} more" if len(named) > MAX_SHOWN_FAILURES else ""
    message = (
        f"{len(named)} of the namespaces that were tried cannot pull with Secret '{secret_name}': "
        f"{'; '.join(named[:MAX_SHOWN_FAILURES])}{more}; the operator tries them again every {retry_seconds:g} seconds"
    )
    facts = injected.facts
    if facts.pull_secrets is not None:
        failures = [NamespaceFailure(name, Reason.PULL_PROOF_FAILED, text) for name, text in sorted(problems.items())]
        shown = replace(facts.pull_secrets, failures=(*facts.pull_secrets.failures, *failures))
        facts = replace(facts, pull_secrets=shown)
    if isinstance(injected, Done):
        return Pending(Reason.PULL_PROOF_FAILED, message, retry_seconds, facts, injected.warnings)
    return replace(injected, message=f"{injected.message}; {message}", facts=facts)
