"""Checks of the password of Harbor's user admin."""

from __future__ import annotations

from pydantic import SecretStr

from harbor_operator.api.request_annotations import ROTATE_ADMIN_PASSWORD_REQUESTED_AT
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.references import describe_secret
from harbor_operator.model.outcomes import Blocked, StatusWarning
from harbor_operator.reasons import Reason

_DEFAULT_PASSWORD = "Harbor12345"  # noqa: S105 - of the official chart and of harbor.yml


def check_new_password(registry: HarborRegistry, name: str, *, strong: bool) -> Blocked | None:
    """Returns that Harbor would reject the password in the Secret of that name, or None."""
    if strong:
        return None
    message = (
        f"the new password of user 'admin' in {describe_secret(registry.metadata.namespace, name)} is not valid in "
        "Harbor (8 to 128 characters with upper case, lower case and a digit): put another one into the Secret; until "
        "then the password before stays in force"
    )
    return Blocked(Reason.SECRET_INVALID, message)


def rotation_warnings(registry: HarborRegistry, request: str) -> tuple[StatusWarning, ...]:
    """Returns a warning if a rotation is requested for a Secret that the operator does not write."""
    if not request or registry.spec.admin_password_secret_ref is None:
        return ()
    message = (
        "the password of user 'admin' is not rotated, because `spec.adminPasswordSecretRef` names a Secret that the "
        "operator does not change: put a new password into it, which the operator then sets in Harbor, and remove the "
        "annotation"
    )
    return (StatusWarning(Reason.ADMIN_ROTATION_REFUSED, message),)


def default_password_warnings(registry: HarborRegistry, name: str, password: SecretStr) -> tuple[StatusWarning, ...]:
    """Returns a warning if the password is the default password of Harbor's user 'admin'."""
    if password.get_secret_value() != _DEFAULT_PASSWORD:
        return ()
    if registry.spec.admin_password_secret_ref:
        remedy = "put another password into it, which the operator then sets in Harbor"
    else:
        remedy = (
            f"set annotation '{ROTATE_ADMIN_PASSWORD_REQUESTED_AT}' to the current time, so that the operator "
            "generates another password and sets it in Harbor"
        )
    message = (
        f"{describe_secret(registry.metadata.namespace, name)} contains the default password of Harbor's user 'admin', "
        f"which everyone knows: {remedy}"
    )
    return (StatusWarning(Reason.ADMIN_PASSWORD_DEFAULT, message),)
