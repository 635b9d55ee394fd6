"""Checks of the RGW user before a write: what another client uses is never changed."""

from __future__ import annotations

from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.s3 import S3Account
from harbor_operator.model.storage import DesiredRgwUser, RgwUser, SwiftAccount
from harbor_operator.reasons import Reason

DISPLAY_NAME_PREFIX = "harbor-operator "


def is_own_user(desired: DesiredRgwUser, user: RgwUser) -> bool:
    """Whether the user was created for this registry, or for one of the same name that this one replaces."""
    return user.display_name in {desired.display_name, desired.earlier_display_name}


def owns_login(desired: DesiredRgwUser, username: str, user: RgwUser) -> bool:
    """Whether the login was created for this registry; a Secret with its login can be a copy from another cluster."""
    return username == desired.username or is_own_user(desired, user)


def describe_retained_user(desired: DesiredRgwUser) -> str:
    """Returns the end of a message about a user that RGW did not remove."""
    return f"; RGW user '{desired.uid}' is retained, because it still owns a bucket"


def check_rgw_user(desired: DesiredRgwUser, account: SwiftAccount, observed: RgwUser | None) -> Blocked | None:
    """Returns why the login or the quota must not be written, or None."""
    uid, _, subuser = account.username.partition(":")
    if uid != desired.uid or not subuser:
        return Blocked(
            Reason.SECRET_INVALID,
            f"the username in Secret '{account.secret}' is '{account.username}' but must be '{desired.uid}:SUBUSER', "
            f"because `spec.storage.swift.provision.uid` is '{desired.uid}'",
        )
    if observed is None:
        return None
    return _check_suspended(observed) or _check_key(desired, account, observed) or _check_quota(desired, observed)


def check_s3_user(desired: DesiredRgwUser, account: S3Account, observed: RgwUser | None) -> Blocked | None:
    """Returns why the keys or the quota must not be written, or None."""
    if observed is None:
        return None
    return _check_suspended(observed) or _check_s3_key(desired, account, observed) or _check_quota(desired, observed)


def _check_suspended(observed: RgwUser) -> Blocked | None:
    if not observed.suspended:
        return None
    return _refused(f"RGW user '{observed.uid}' is suspended: run `radosgw-admin user enable --uid='{observed.uid}'`")


def _check_s3_key(desired: DesiredRgwUser, account: S3Account, observed: RgwUser) -> Blocked | None:
    key = observed.s3_keys.get(account.access_key)
    if key is None or key == account.secret_key or owns_login(desired, account.access_key, observed):
        return None
    return _refused(
        f"the secret key of '{account.access_key}' in RGW is not the one in Secret '{account.secret}', and the user "
        f"('{observed.display_name}') was not created for this HarborRegistry, so another client can be using that "
        f"key: put the key into Secret '{account.secret}', or remove the Secret so that the operator creates another"
    )


def _check_key(desired: DesiredRgwUser, account: SwiftAccount, observed: RgwUser) -> Blocked | None:
    key = observed.swift_keys.get(account.username)
    if key is None or key == account.password or owns_login(desired, account.username, observed):
        return None
    return _refused(
        f"the Swift key of '{account.username}' in RGW is not the one in Secret '{account.secret}', and the user "
        f"('{observed.display_name}') was not created for this HarborRegistry, so another client can be using that "
        f"key: put the key into Secret '{account.secret}', or choose another subuser as its username"
    )


def _check_quota(desired: DesiredRgwUser, observed: RgwUser) -> Blocked | None:
    is_of_another = observed.display_name.startswith(DISPLAY_NAME_PREFIX) and not is_own_user(desired, observed)
    if not (is_of_another and desired.quota.enabled and desired.quota != observed.quota):
        return None
    return _refused(
        f"RGW user '{desired.uid}' belongs to another HarborRegistry ('{observed.display_name}'), which sets its "
        f"quota: remove `{desired.spec}.provision.quotaGiB`, or choose another `{desired.spec}.provision.uid`"
    )


def _refused(message: str) -> Blocked:
    return Blocked(Reason.STORAGE_PROVISIONING_REFUSED, message)
