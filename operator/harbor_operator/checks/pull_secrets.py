"""Checks of the pull Secrets: the Secret name, the account, the robot, and the progress of the injection."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import HarborRegistry, PullSecrets
from harbor_operator.checks.admission import ignored_policy_warnings
from harbor_operator.checks.references import check_header_values
from harbor_operator.model.harbor import DesiredRobot, Login, ObservedRobot
from harbor_operator.model.injection import RemainingNamespaces
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

MAX_SHOWN_FAILURES = 3

# These reasons need manual action. The injector retries after every other reason.
_NEEDS_ACTION = {
    Reason.FOREIGN_SECRET,
    Reason.PULL_SECRET_LINGERS,
    Reason.PULL_SECRET_REWRITTEN,
    Reason.RIGHTS_MISSING,
    Reason.SECRET_NAME_TAKEN,
    Reason.NAMESPACE_WRITE_FORBIDDEN,
}


def check_other_hosts(registry: HarborRegistry, section: PullSecrets, own: Sequence[str]) -> Blocked | None:
    """Returns that a credential of another registry names this one; `own` are the hosts of this registry."""
    taken = [other.host for other in section.additional_credentials if other.host in own]
    if not taken:
        return None
    return Blocked(
        Reason.INVALID_SPEC,
        f"`spec.pullSecrets.additionalCredentials` names '{taken[0]}', a host of registry {registry.key}: remove the "
        "entry; `spec.pullSecrets.credential` is the login for it",
    )


def check_other_login(where: str, field: str, login: Login) -> Blocked | None:
    """Returns that a login of another registry cannot be written into a pull Secret as it is."""
    if ":" in login.username:
        return Blocked(
            Reason.SECRET_INVALID,
            f"'username' in {where}, named by `{field}`, contains ':', which ends the username of a login: correct it",
        )
    return check_header_values(where, field, {"username": SecretStr(login.username), "password": login.password})


def handing_over(secret_names: Collection[str]) -> Pending:
    """Returns the outcome of a teardown while another registry of the same Secret name starts to inject."""
    names = ", ".join(f"'{name}'" for name in sorted(secret_names))
    message = f"waiting until another HarborRegistry takes over Secret {names}, so that no namespace is without it"
    return Pending(Reason.PULL_SECRETS_CLEANING_UP, message, requeue_after=1.0)


def check_push(secret: str, username: str, projects: tuple[str, ...]) -> Blocked | None:
    """Returns a block if the account may push to these projects."""
    if not projects:
        return None
    listed = _listed(tuple(f"project '{project}'" for project in projects))
    message = (
        f"'{username}' in Secret '{secret}' (`spec.pullSecrets.credential.secretRef`) may push to {listed}: anyone "
        "who creates pods could replace images; use an account with pull permission only, set "
        "`spec.pullSecrets.credential.robot`, or permit it with `spec.pullSecrets.credential.allowPush`"
    )
    return Blocked(Reason.PULL_CREDENTIAL_MAY_PUSH, message)


def explain_unreadable_rights(title: str, status: int) -> Blocked:
    """Returns that the token service does not say what an account may do; `title` is the request."""
    return Blocked(
        Reason.PULL_CREDENTIAL_UNVERIFIABLE,
        f"Harbor answers {status} to {title} with the account of `spec.pullSecrets.credential.secretRef`, so its "
        "rights cannot be read: check that `/service/token` of `spec.externalURL` leads to Harbor, and that the "
        "account is enabled",
    )


def rejected_robot(registry: HarborRegistry, robot: str) -> Blocked:
    """Returns the outcome for our robot whose login the registry rejects although its secret was just set."""
    return Blocked(
        Reason.PULL_CREDENTIAL_REJECTED,
        f"{registry.spec.external_url} rejects '{robot}' directly after its secret was set: read the log of Harbor's "
        "core for the cause; if there is none, delete this robot in Harbor under Robot Accounts (it belongs to this "
        "HarborRegistry), and the operator creates a new one and updates every pull Secret",
    )


def check_robot(desired: DesiredRobot, observed: ObservedRobot) -> Blocked | None:
    """Returns a block if a robot of that name was not created for this HarborRegistry."""
    if is_own_robot(desired, observed):
        return None
    return Blocked(
        Reason.ROBOT_REFUSED,
        f"robot '{observed.login}' already exists in Harbor, and its description is not '{desired.description}', so "
        "another client can be using it: give this HarborRegistry another name, which leads to another robot, or set "
        "the description in Harbor if the robot was created for this HarborRegistry",
    )


def check_shared_projects(shared: Collection[str], existing: Collection[str]) -> Blocked | None:
    """Returns that a project in the spec does not exist in Harbor; `existing` are those that do."""
    missing = tuple(f"'{project}'" for project in shared if project not in existing)
    if not missing:
        return None
    return Blocked(
        Reason.ROBOT_REFUSED,
        f"`spec.pullSecrets.credential.robot.projects` names projects that Harbor does not have: {_listed(missing)}: "
        "add them to `spec.projects`, create them in Harbor, or correct the names",
    )


def is_own_robot(desired: DesiredRobot, observed: ObservedRobot) -> bool:
    """Whether the robot was created for this HarborRegistry, also by an earlier version."""
    return observed.description in {desired.description, desired.earlier_description}


def weak_secret(secret: str) -> Blocked:
    """Returns the outcome for a stored robot secret that does not meet Harbor's rules."""
    return Blocked(
        Reason.SECRET_INVALID,
        f"key 'password' of Secret '{secret}' is not valid for a robot in Harbor (8 to 128 characters with upper "
        "case, lower case and a digit): delete the Secret, and the operator creates a new one",
    )


def rotation_failed(why: str) -> StatusWarning:
    """Returns the warning that a new robot could not replace the present one, whose login stays in use."""
    message = f"the present credential stays in the pull Secrets, because its successor cannot be used: {why}"
    return StatusWarning(Reason.ROBOT_ROTATION_FAILED, message)


def robot_still_used(robot: str, last_pull: datetime | None) -> StatusWarning:
    """Returns the warning that a replaced robot is not disabled, because it is still used."""
    seen = f", last at {last_pull:%Y-%m-%dT%H:%M:%SZ}" if last_pull else ""
    message = (
        f"robot '{robot}' was replaced and still pulls{seen}: a client outside of the pull Secrets uses it; give that "
        "client a robot of its own, or disable this one in Harbor"
    )
    return StatusWarning(Reason.ROBOT_STILL_USED, message)


def robot_left_behind(robot: str, why: str) -> str:
    """Returns the message for robots that the operator could not delete; their names begin with `robot`."""
    message = f"pull Secrets and references are removed; robots '{robot}*' may still be in Harbor, delete them there"
    return f"{message}: {why}"


def injection_outcome(secret_name: str, observed: PullSecretFacts | None, facts: Facts) -> Outcome:
    """Returns the outcome of the injection; `observed` is None before the watches have delivered a full list."""
    if observed is None:
        message = f"waiting for the first full list of the namespaces that Secret '{secret_name}' is injected into"
        return Pending(Reason.NAMESPACES_PENDING, message, requeue_after=2.0, facts=facts)
    warnings = _conflict_warnings(observed) + _forbidden_warnings(observed) + ignored_policy_warnings(observed)
    return replace(_progress(secret_name, observed, facts), warnings=warnings)


def _progress(secret_name: str, observed: PullSecretFacts, facts: Facts) -> Outcome:
    # A namespace that the provider of the cluster manages must not keep the registry from being Ready.
    if observed.failed > observed.forbidden or (observed.failed and not observed.ready):
        return _failed(observed, facts)
    if observed.ready + observed.forbidden < observed.namespaces:
        message = f"{observed.ready} of {observed.namespaces} namespaces hold Secret '{secret_name}'"
        return Pending(Reason.NAMESPACES_PENDING, message, requeue_after=2.0, facts=facts)
    return Done(f"{observed.ready} namespaces hold Secret '{secret_name}'", facts=facts)


def _forbidden_warnings(observed: PullSecretFacts) -> tuple[StatusWarning, ...]:
    if not observed.forbidden:
        return ()
    lines = tuple(_line(failure) for failure in observed.failures if failure.reason is Reason.NAMESPACE_WRITE_FORBIDDEN)
    message = f"{observed.forbidden} namespaces allow no writes and have no pull Secret: {_listed(lines)}"
    return (StatusWarning(Reason.NAMESPACE_WRITE_FORBIDDEN, message),)


def _conflict_warnings(observed: PullSecretFacts) -> tuple[StatusWarning, ...]:
    if not observed.conflicts:
        return ()
    message = (
        "another client, an admission policy or a webhook keeps reverting these objects; the operator retries with "
        "increasing back-off: "
        f"{_listed(observed.conflicts)}"
    )
    return (StatusWarning(Reason.PULL_SECRETS_CONFLICT, message),)


def stuck_pod_warnings(observed: StuckPodFacts) -> tuple[StatusWarning, ...]:
    """Returns warnings for the pods that stay stuck, and for the error that prevents evictions."""
    warnings = []
    if observed.unable:
        message = f"the operator cannot evict pods that started before their Secret: {observed.unable}"
        warnings.append(StatusWarning(Reason.EVICTION_RIGHTS_MISSING, message))
    if observed.left:
        message = f"{len(observed.left)} pods are stuck: {_listed(observed.left)}"
        warnings.append(StatusWarning(Reason.PODS_STUCK, message))
    return tuple(warnings)


def _listed(items: tuple[str, ...]) -> str:
    more = len(items) - MAX_SHOWN_FAILURES
    return "; ".join(items[:MAX_SHOWN_FAILURES]) + (f"; and {more} more" if more > 0 else "")


def _failed(observed: PullSecretFacts, facts: Facts) -> Outcome:
    shown = "; ".join(_line(failure) for failure in observed.failures[:MAX_SHOWN_FAILURES])
    more = observed.failed - min(len(observed.failures), MAX_SHOWN_FAILURES)
    rest = f"; and {more} more" if more else ""
    message = f"{observed.failed} of {observed.namespaces} namespaces failed: {shown}{rest}"
    is_final = observed.ready + observed.failed >= observed.namespaces
    if is_final and observed.failures and all(failure.reason in _NEEDS_ACTION for failure in observed.failures):
        return Blocked(Reason.NAMESPACES_FAILED, message, facts=facts)
    return Pending(Reason.NAMESPACES_FAILED, message, requeue_after=10.0, facts=facts)


def _line(failure: NamespaceFailure) -> str:
    return f"'{failure.namespace}': {failure.reason}, {failure.message}"


def cleaning_up(
    secret_name: str, remaining: int | None, where: RemainingNamespaces, facts: Facts, requeue_after: float
) -> Pending:
    """Returns the outcome while old Secrets or references remain; `remaining` is None before the first full list."""
    what = f"Secret '{secret_name}' or a reference to it"
    named = ", ".join(f"'{namespace}'" for namespace in where.releasing[:MAX_SHOWN_FAILURES])
    more = (remaining or 0) - min(len(where.releasing), MAX_SHOWN_FAILURES)
    message = (
        f"waiting for the first full list of the namespaces that hold {what}"
        if remaining is None
        else f"{remaining} namespaces still hold {what} ({named}{f' and {more} more' if more > 0 else ''}); "
        "the operator is removing it"
    )
    return Pending(Reason.PULL_SECRETS_CLEANING_UP, message, requeue_after, facts)


def lingering_warnings(lingering: Mapping[str, Collection[str]]) -> tuple[StatusWarning, ...]:
    """Returns a warning if deleted Secrets remain; `lingering` has their namespaces by the name of the Secret."""
    found = tuple(
        f"Secret '{secret_name}' in namespace '{namespace}'"
        for secret_name, namespaces in sorted(lingering.items())
        for namespace in sorted(namespaces)
    )
    if not found:
        return ()
    message = f"deleted, and kept by a finalizer of another client, which only that client can remove: {_listed(found)}"
    return (StatusWarning(Reason.PULL_SECRET_LINGERS, message),)
