"""May this registry have the Secret name, may this account be spread, and how far has it come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from harbor_operator.api.v1alpha1 import HarborRegistry, PullSecrets
from harbor_operator.checks.admission import ignored_policy_warnings
from harbor_operator.model.harbor import DesiredRobot, Identity, ObservedRobot
from harbor_operator.model.outcomes import (
    Blocked,
    Done,
    Facts,
    NamespaceFailure,
    Outcome,
    Pending,
    PullSecretFacts,
    StatusWarning,
    StuckPodFacts,
)
from harbor_operator.reasons import Reason

ADMIN_NAME = "admin"
SHOWN_FAILURES = 3

# What does not go away by itself; everything else is tried again by the injector.
_NEEDS_A_PERSON = {Reason.FOREIGN_SECRET, Reason.RIGHTS_MISSING, Reason.SECRET_NAME_TAKEN}
_DEFAULT_NAME = str(PullSecrets.model_fields["secret_name"].default)


def check_secret_name(
    registry: HarborRegistry, secret_name: str, others: Iterable[Mapping[str, Any]]
) -> Blocked | None:
    """The older registry that wants the same Secret name, if there is one."""
    own = (registry.metadata.creation_timestamp, registry.key)
    rivals = sorted(
        _age(other)
        for other in others
        if other["metadata"].get("uid") != registry.metadata.uid and _wanted_name(other) == secret_name
    )
    if not rivals or rivals[0] > own:
        return None
    return Blocked(
        Reason.SECRET_NAME_TAKEN,
        f"HarborRegistry '{rivals[0][1]}' is older and spreads Secret '{secret_name}' already: choose another name in "
        "`spec.pullSecrets.secretName`",
    )


def _age(manifest: Mapping[str, Any]) -> tuple[str, str]:
    metadata = manifest["metadata"]
    return metadata.get("creationTimestamp", ""), f"{metadata['namespace']}/{metadata['name']}"


def _wanted_name(manifest: Mapping[str, Any]) -> str | None:
    # Read from the raw object: a registry whose spec does not parse must not lose its name to a younger one.
    section = manifest.get("spec", {}).get("pullSecrets")
    return str(section.get("secretName", _DEFAULT_NAME)) if isinstance(section, Mapping) else None


def check_account(secret: str, username: str, identity: Identity) -> Blocked | None:
    """The reason not to spread an account made by hand: everybody who may create a pod can read it."""
    if username == ADMIN_NAME or identity is Identity.ADMIN:
        return Blocked(
            Reason.PULL_CREDENTIAL_IS_ADMIN,
            f"Secret '{secret}' (`spec.pullSecrets.credential.secretRef`) holds the administrator '{username}': "
            "whoever may create a pod anywhere could take over the registry; use an account that may only pull, or "
            "`spec.pullSecrets.credential.robot`",
        )
    return None


def rejected_account(registry: HarborRegistry, secret: str, username: str) -> Blocked:
    """The account is not accepted by the registry."""
    return Blocked(
        Reason.PULL_CREDENTIAL_REJECTED,
        f"{registry.spec.external_url} rejects '{username}' with the password in Secret '{secret}': put the account's "
        "present password there, and see that it is neither disabled nor expired",
    )


def rejected_robot(registry: HarborRegistry, robot: str) -> Blocked:
    """Our robot is not accepted although its secret has just been set."""
    return Blocked(
        Reason.PULL_CREDENTIAL_REJECTED,
        f"{registry.spec.external_url} rejects '{robot}' right after its secret was set: see the log of core, or "
        "delete the robot in Harbor under Robot Accounts, and the operator makes a new one",
    )


def check_robot(desired: DesiredRobot, observed: ObservedRobot) -> Blocked | None:
    """Returns why a robot of that name must be left alone: it was not made for this registry."""
    if observed.description == desired.description:
        return None
    return Blocked(
        Reason.ROBOT_REFUSED,
        f"robot '{observed.login}' is in Harbor already and was not made for this registry (its description is not "
        f"'{desired.description}'): delete it in Harbor under Robot Accounts, or rename the HarborRegistry",
    )


def weak_secret(secret: str) -> Blocked:
    """The stored secret of the robot does not meet Harbor's rule."""
    return Blocked(
        Reason.SECRET_INVALID,
        f"key 'password' of Secret '{secret}' is no secret that Harbor takes for a robot (8 to 128 characters, upper "
        "case, lower case and a digit): delete the Secret, and the operator makes a new one",
    )


def robot_left_behind(robot: str, why: str) -> str:
    """What to tell when Harbor could not be asked to delete the robot."""
    return f"pull Secrets and references are gone; robot '{robot}' may still be in Harbor, delete it there: {why}"


def injection_outcome(secret_name: str, observed: PullSecretFacts | None, facts: Facts) -> Outcome:
    """How far the Secret has spread, as an outcome."""
    if observed is None:
        message = f"looking at the namespaces that shall hold Secret '{secret_name}'"
        return Pending(Reason.NAMESPACES_PENDING, message, requeue_after=2.0, facts=facts)
    return replace(
        _progress(secret_name, observed, facts), warnings=_contested(observed) + ignored_policy_warnings(observed)
    )


def _progress(secret_name: str, observed: PullSecretFacts, facts: Facts) -> Outcome:
    if observed.failed:
        return _failed(observed, facts)
    if observed.ready < observed.namespaces:
        message = f"{observed.ready} of {observed.namespaces} namespaces hold Secret '{secret_name}'"
        return Pending(Reason.NAMESPACES_PENDING, message, requeue_after=2.0, facts=facts)
    return Done(f"{observed.ready} namespaces hold Secret '{secret_name}'", facts=facts)


def _contested(observed: PullSecretFacts) -> tuple[StatusWarning, ...]:
    if not observed.contested:
        return ()
    message = f"somebody keeps undoing what the operator does again, ever more slowly: {_listed(observed.contested)}"
    return (StatusWarning(Reason.PULL_SECRETS_CONTESTED, message),)


def stuck_pod_warnings(observed: StuckPodFacts) -> tuple[StatusWarning, ...]:
    """The pods that were made too early and stay so, and what keeps us from evicting them."""
    warnings = []
    if observed.unable:
        message = f"pods that were created too early are not rescued: {observed.unable}"
        warnings.append(StatusWarning(Reason.EVICTION_RIGHTS_MISSING, message))
    if observed.left:
        message = f"{len(observed.left)} stuck: {_listed(observed.left)}"
        warnings.append(StatusWarning(Reason.PODS_STUCK, message))
    return tuple(warnings)


def _listed(things: tuple[str, ...]) -> str:
    more = len(things) - SHOWN_FAILURES
    return "; ".join(things[:SHOWN_FAILURES]) + (f"; and {more} more" if more > 0 else "")


def _failed(observed: PullSecretFacts, facts: Facts) -> Outcome:
    shown = "; ".join(_line(failure) for failure in observed.failures[:SHOWN_FAILURES])
    more = observed.failed - min(len(observed.failures), SHOWN_FAILURES)
    rest = f"; and {more} more" if more else ""
    message = f"{observed.failed} of {observed.namespaces} namespaces failed: {shown}{rest}"
    nothing_moves = observed.ready + observed.failed >= observed.namespaces
    if nothing_moves and observed.failures and all(failure.reason in _NEEDS_A_PERSON for failure in observed.failures):
        return Blocked(Reason.NAMESPACES_FAILED, message, facts=facts)
    return Pending(Reason.NAMESPACES_FAILED, message, requeue_after=10.0, facts=facts)


def _line(failure: NamespaceFailure) -> str:
    return f"'{failure.namespace}': {failure.reason}, {failure.message}"


def cleaning_up(secret_name: str, remaining: int | None, facts: Facts) -> Pending:
    """Old Secrets or references are still there."""
    amount = f"{remaining} namespaces still hold" if remaining is not None else "looking for namespaces that hold"
    message = f"{amount} Secret '{secret_name}' or a reference to it that is to go"
    return Pending(Reason.PULL_SECRETS_CLEANING_UP, message, requeue_after=2.0, facts=facts)
