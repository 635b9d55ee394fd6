"""Checks before the settings for a login are written: what this Harbor supports, and what it lets change."""

from __future__ import annotations

from collections.abc import Mapping

from harbor_operator.api.authentication import Ldap
from harbor_operator.checks.texts import quoted_names
from harbor_operator.model.authentication import AUTH_MODE, AuthenticationChange, DesiredAuthentication
from harbor_operator.model.harbor import ObservedSetting
from harbor_operator.model.outcomes import Blocked, Unknown
from harbor_operator.reasons import Reason

_LDAP = "spec.authentication.ldap"
_NOT_SET = {"", "{}", False}
"""Values without an effect: a Harbor that lacks the setting behaves as with them."""


def is_read_only(observed: Mapping[str, ObservedSetting]) -> bool:
    """Whether Harbor is in read-only mode, in which it refuses to test a provider."""
    return "read_only" in observed and bool(observed["read_only"].value)


def check_supported(desired: DesiredAuthentication, observed: Mapping[str, ObservedSetting]) -> Blocked | None:
    """Returns the fields of the spec for which this Harbor has no setting, or None."""
    missing = [one for one in desired.settings if one.name not in observed and one.value not in _NOT_SET]
    if not missing:
        return None
    listed = ", ".join(f"`{one.field}` (its setting '{one.name}')" for one in missing)
    return Blocked(
        Reason.CONFIGURATION_UNSUPPORTED,
        f"this version of Harbor does not support {listed}: remove the field, or upgrade Harbor",
    )


def is_fixed(observed: Mapping[str, ObservedSetting]) -> bool:
    """Whether the environment of Harbor fixes the settings: all of them, or none."""
    return not any(setting.is_editable for setting in observed.values())


def check_editable(change: AuthenticationChange, observed: Mapping[str, ObservedSetting]) -> Blocked | None:
    """Returns the settings that must change and are fixed by the environment of Harbor, or None."""
    if not (change and is_fixed(observed)):
        return None
    changed = [*change.settings, *([AUTH_MODE] if change.switches_mode else [])]
    return Blocked(
        Reason.CONFIGURATION_LOCKED,
        f"Harbor does not let {quoted_names(changed)} be changed: the environment variable `CONFIG_OVERWRITE_JSON` of "
        "core (chart value 'core.configureUserSettings') fixes every setting. Remove the variable, or set the same "
        "values there and remove `spec.authentication`",
    )


def check_mode(desired: DesiredAuthentication, observed: Mapping[str, ObservedSetting]) -> Blocked | None:
    """Returns that Harbor no longer lets the mode be changed, because it has users, or None."""
    mode = observed[AUTH_MODE]
    if mode.value == desired.mode or mode.is_editable:
        return None
    return Blocked(
        Reason.AUTH_MODE_LOCKED,
        f"Harbor keeps `auth_mode` at '{mode.value}' instead of '{desired.mode}' while it has users besides 'admin': "
        "look at them under Administration, Users. Delete them in Harbor only if their memberships and CLI secrets "
        "are no longer needed; projects, images and robot accounts stay. Otherwise remove `spec.authentication`",
    )


def check_ldap_ping(ldap: Ldap, error: str) -> Blocked | Unknown | None:
    """Returns what Harbor's trial login at the LDAP server means, or None; `error` is Harbor's text, or empty."""
    if not error:
        return None
    if "invalid credential" in error:
        return Blocked(
            Reason.LDAP_CREDENTIALS_REJECTED,
            f"the LDAP server {ldap.url} rejects `{_LDAP}.searchDN` ('{ldap.search_dn}') with the password in Secret "
            f"'{ldap.search_password_secret_ref.name}' (`{_LDAP}.searchPasswordSecretRef`): correct either of them",
        )
    return Unknown(
        Reason.LDAP_UNREACHABLE,
        f"Harbor cannot connect to the LDAP server at `{_LDAP}.url` ({ldap.url}): {error}. Check the host and port, "
        f"network policies between core and the server, and for ldaps:// the CA in `{_LDAP}.caSecretRef`, which the "
        "operator passes on if it installs Harbor",
    )


def ldap_no_connection(ldap: Ldap, detail: str) -> Unknown:
    """Returns that the LDAP server cannot be reached from this computer; `detail` is the error."""
    return Unknown(
        Reason.LDAP_UNREACHABLE,
        f"the LDAP server at `{_LDAP}.url` ({ldap.url}) cannot be reached from this computer: {detail}; check the host "
        "and port, DNS and firewalls",
    )


def ldap_untrusted(ldap: Ldap, detail: str) -> Blocked:
    """Returns that the certificate of the LDAP server is not trusted; `detail` is OpenSSL's text."""
    return Blocked(
        Reason.CERTIFICATE_UNTRUSTED,
        f"the certificate of the LDAP server at `{_LDAP}.url` ({ldap.url}) is not trusted ({detail}): name the Secret "
        f"with its CA in `{_LDAP}.caSecretRef`",
    )


def check_ldap_search(ldap: Ldap, *, found: bool) -> Blocked | None:
    """Returns that Harbor cannot search below the base DN, or None; `found` is whether the search had a result."""
    if found:
        return None
    return Blocked(
        Reason.LDAP_SEARCH_FAILED,
        f"Harbor cannot search for users at {ldap.url}: check that `{_LDAP}.baseDN` ('{ldap.base_dn}') exists and that "
        f"`{_LDAP}.searchDN` may read it, and the syntax of `{_LDAP}.filter`. The log of core has the error",
    )
