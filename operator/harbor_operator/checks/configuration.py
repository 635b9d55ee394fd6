"""Checks before a write to Harbor's configuration: the login, the spec, and read-only mode."""

from __future__ import annotations

from collections import Counter

from harbor_operator.api.backup import READ_ONLY_SINCE
from harbor_operator.api.request_annotations import read_request
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.harbor import Identity, SystemInfo
from harbor_operator.model.outcomes import Blocked, StatusWarning
from harbor_operator.reasons import Reason


def check_admin(registry: HarborRegistry, secret: str, identity: Identity) -> Blocked | None:
    """Returns why the admin password cannot be used, or None."""
    if identity is Identity.ADMIN:
        return None
    return Blocked(
        Reason.ADMIN_CREDENTIALS_REJECTED,
        f"Harbor at {registry.spec.external_url} does not accept the admin password in Secret '{secret}'. The chart "
        "uses its password at the first start only: put the current password of 'admin' into the Secret, "
        "or change it in Harbor (user menu, Change Password) to the one in the Secret",
    )


def check_projects(registry: HarborRegistry) -> Blocked | None:
    """Returns that the spec names a project twice, or None: its two entries may contradict each other."""
    twice = [name for name, count in Counter(one.name for one in registry.spec.projects).items() if count > 1]
    if not twice:
        return None
    message = f"`spec.projects` names '{twice[0]}' more than once: keep one entry"
    return Blocked(Reason.PROJECT_REFUSED, message)


def check_read_only(system: SystemInfo, waiting: int) -> Blocked | None:
    """Returns that Harbor is read-only although `waiting` projects need a write, or None."""
    if not (system.read_only and waiting):
        return None
    message = f"Harbor is in read-only mode, {waiting} projects must be created or changed: {_SWITCH_OFF}"
    return Blocked(Reason.REGISTRY_READ_ONLY, message)


def read_only_warnings(registry: HarborRegistry, system: SystemInfo) -> tuple[StatusWarning, ...]:
    """Returns a warning while Harbor refuses pushes; if a backup caused it, with what to do after it was killed."""
    if not system.read_only:
        return ()
    remedy = _SWITCH_OFF
    if since := read_request(registry.metadata.annotations, READ_ONLY_SINCE):
        command = f"kubectl harbor backup {registry.metadata.name} -n {registry.metadata.namespace} --release"
        remedy = f"a backup that began at {since} set it, and ends it; if none runs, run `{command}`"
    return (StatusWarning(Reason.REGISTRY_READ_ONLY, f"Harbor is in read-only mode and refuses pushes: {remedy}"),)


def explain_rejected_admin(request: str) -> Blocked:
    """Returns that Harbor rejected the administrator's login; `request` is method and URL."""
    return Blocked(
        Reason.ADMIN_CREDENTIALS_REJECTED,
        f"Harbor does not accept the administrator's login ({request}): correct the Secret with the admin password",
    )


def explain_read_only() -> Blocked:
    """Returns that Harbor rejected a write because it is read-only."""
    return Blocked(Reason.REGISTRY_READ_ONLY, f"Harbor is in read-only mode: {_SWITCH_OFF}")


def explain_rejected_request(reason: Reason, request: str, detail: str) -> Blocked:
    """Returns that Harbor rejected a request; `detail` is its own error message."""
    return Blocked(reason, f"Harbor rejects {request}: {detail}")


def explain_empty_robot_secret(login: str) -> Blocked:
    """Returns that the secret for a robot is empty: Harbor would generate another."""
    return Blocked(Reason.SECRET_INVALID, f"the secret for robot '{login}' is empty: put one into its Secret")


def explain_too_many_items(reason: Reason, path: str, limit: int) -> Blocked:
    """Returns that Harbor lists more than the operator reads."""
    return Blocked(reason, f"Harbor lists more than {limit} items at {path}: delete those that are not used")


_SWITCH_OFF = (
    "a migration of the storage (`spec.storage.migration`) ends it itself; else switch it off in Harbor under"
    " Configuration, System Settings, Repository Read Only"
)
