"""May we configure this Harbor: who are we there, and does it take changes."""

from __future__ import annotations

from collections import Counter

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.harbor import Identity, SystemInfo
from harbor_operator.model.outcomes import Blocked, StatusWarning
from harbor_operator.reasons import Reason


def check_admin(registry: HarborRegistry, secret: str, identity: Identity) -> Blocked | None:
    """The reason why the admin password is of no use, if it is not."""
    if identity is Identity.ADMIN:
        return None
    return Blocked(
        Reason.ADMIN_CREDENTIALS_REJECTED,
        f"Harbor at {registry.spec.external_url} does not accept the admin password in Secret '{secret}'. A password "
        "given to the chart counts at the very first start only: put the present password of 'admin' into the Secret, "
        "or change it in Harbor (user menu, Change Password) to the one in the Secret",
    )


def check_projects(registry: HarborRegistry) -> Blocked | None:
    """A project that is named twice has two wishes, and none of them can be kept."""
    twice = [name for name, count in Counter(one.name for one in registry.spec.projects).items() if count > 1]
    if not twice:
        return None
    message = f"`spec.projects` names '{twice[0]}' more than once: keep one entry"
    return Blocked(Reason.PROJECT_REFUSED, message)


def check_read_only(system: SystemInfo, waiting: int) -> Blocked | None:
    """A read-only Harbor stops us only where something has to be written."""
    if not (system.read_only and waiting):
        return None
    message = f"Harbor is in read-only mode, {waiting} projects wait to be made or changed: {_SWITCH_OFF}"
    return Blocked(Reason.REGISTRY_READ_ONLY, message)


def read_only_warnings(system: SystemInfo) -> tuple[StatusWarning, ...]:
    """A warning as long as nobody can push."""
    if not system.read_only:
        return ()
    return (StatusWarning(Reason.REGISTRY_READ_ONLY, f"Harbor is in read-only mode and refuses pushes: {_SWITCH_OFF}"),)


_SWITCH_OFF = "switch it off in Harbor under Configuration, System Settings, Repository Read Only"
