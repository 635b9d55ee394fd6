"""Checks of the account whose login is in the pull Secrets: whose it is, what it permits, and when it ends."""

from __future__ import annotations

from datetime import datetime, timedelta

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.harbor import EVERYONE, Identity, ObservedRobot
from harbor_operator.model.outcomes import Blocked, StatusWarning
from harbor_operator.reasons import Reason

ADMIN_NAME = "admin"
EXPIRY_NOTICE = timedelta(days=14)
EXPIRY_NOTICE_SHARE = 1 / 3
"""Of the lifetime of a robot: one of 30 days is no reason for a warning during half of them."""


def check_account(secret: str, username: str, identity: Identity) -> Blocked | None:
    """Returns a block if the account is, or can be, an administrator: anyone who creates pods can read the Secret."""
    if username == ADMIN_NAME or identity is Identity.ADMIN:
        return Blocked(
            Reason.PULL_CREDENTIAL_IS_ADMIN,
            f"Secret '{secret}' (`spec.pullSecrets.credential.secretRef`) holds the administrator '{username}': "
            "anyone who creates pods could take over the registry; use an account with pull permission only, or set "
            "`spec.pullSecrets.credential.robot`",
        )
    if identity is Identity.ANONYMOUS:
        return Blocked(
            Reason.PULL_CREDENTIAL_UNVERIFIABLE,
            f"the registry accepts '{username}' in Secret '{secret}' (`spec.pullSecrets.credential.secretRef`), and "
            "Harbor's API does not say whose login it is, as for the CLI secret of an OIDC user, who can be an "
            "administrator: use the login of a robot account, or set `spec.pullSecrets.credential.robot`",
        )
    return None


def rejected_account(registry: HarborRegistry, secret: str, username: str) -> Blocked:
    """Returns the outcome for an account whose login the registry rejects."""
    return Blocked(
        Reason.PULL_CREDENTIAL_REJECTED,
        f"{registry.spec.external_url} rejects '{username}' with the password in Secret '{secret}': put the account's "
        "current password into the Secret, and check in Harbor that the account is enabled and not expired",
    )


def expiry_warnings(secret: str, robot: ObservedRobot | None, now: datetime) -> tuple[StatusWarning, ...]:
    """Returns a warning if the robot whose login was put into the Secret expires soon."""
    if robot is None or robot.expires_at is None:
        return ()
    notice = min(EXPIRY_NOTICE, timedelta(days=robot.duration_days) * EXPIRY_NOTICE_SHARE)
    if robot.expires_at - now > notice:
        return ()
    message = (
        f"robot '{robot.login}' in Secret '{secret}' (`spec.pullSecrets.credential.secretRef`) expires "
        f"{robot.expires_at:%Y-%m-%dT%H:%M:%SZ}, and every pull fails from then on: set a later expiration in Harbor "
        "under Robot Accounts, put the login of another robot into the Secret, or set "
        "`spec.pullSecrets.credential.robot`, which the operator replaces in time"
    )
    return (StatusWarning(Reason.PULL_CREDENTIAL_EXPIRING, message),)


def project_creation_warnings(allowed: str) -> tuple[StatusWarning, ...]:
    """Returns a warning if the account in the pull Secrets can create projects; `allowed` is Harbor's setting."""
    if allowed != EVERYONE:
        return ()
    message = (
        "Harbor lets every account create projects, so anyone who can read a pull Secret can: set Project Creation to "
        "Admin Only in Harbor under Configuration, System Settings (`project_creation_restriction: adminonly`)"
    )
    return (StatusWarning(Reason.PROJECT_CREATION_OPEN, message),)
