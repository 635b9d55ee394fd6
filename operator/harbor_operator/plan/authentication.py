"""The desired settings of Harbor for a login through OIDC or LDAP, and what to change."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from harbor_operator.api.authentication import Ldap, LdapGroups, LdapScope, Oidc
from harbor_operator.checks.authentication import is_fixed
from harbor_operator.model.authentication import (
    AUTH_MODE,
    AuthenticationChange,
    DesiredAuthentication,
    DesiredSetting,
    LdapConnection,
)
from harbor_operator.model.harbor import ObservedSetting, SettingValue

OIDC, LDAP = "spec.authentication.oidc", "spec.authentication.ldap"

_JSON_SETTINGS = {"oidc_extra_redirect_parms"}
_SCOPES = {LdapScope.BASE: 0, LdapScope.ONE_LEVEL: 1, LdapScope.SUBTREE: 2}


def section(login: Oidc | Ldap) -> str:
    """Returns the path of the section in the spec."""
    return OIDC if isinstance(login, Oidc) else LDAP


def plan_authentication(login: Oidc | Ldap) -> DesiredAuthentication:
    """Returns the desired settings, in the order of the spec."""
    if isinstance(login, Oidc):
        return DesiredAuthentication("oidc_auth", "oidc_client_secret", _oidc_settings(login))
    return DesiredAuthentication("ldap_auth", "ldap_search_password", _ldap_settings(login))


def plan_change(
    desired: DesiredAuthentication, observed: Mapping[str, ObservedSetting], secret: SecretStr, written_digest: str
) -> AuthenticationChange:
    """Returns what to write; `written_digest` is that of the secret that the operator wrote last, or empty.

    Settings that this Harbor lacks are left out. The secret goes with every change, because another client may have
    replaced it. Where the environment of Harbor fixes all settings, it cannot be written.
    """
    settings: dict[str, SettingValue | SecretStr] = {
        setting.name: setting.value
        for setting in desired.settings
        if setting.name in observed and not _is_same(setting, observed[setting.name].value)
    }
    switches_mode = observed[AUTH_MODE].value != desired.mode
    is_stale = bool(settings) or switches_mode or written_digest != secret_digest(desired, secret)
    if is_stale and not is_fixed(observed):
        settings[desired.secret] = secret
    return AuthenticationChange(settings, switches_mode)


def plan_connection(ldap: Ldap, password: SecretStr) -> LdapConnection:
    """Returns what Harbor needs for a trial login."""
    return LdapConnection(
        ldap.url, ldap.search_dn, password, ldap.base_dn, ldap.timeout_seconds, ldap.verify_certificate
    )


def secret_digest(desired: DesiredAuthentication, secret: SecretStr) -> str:
    """Returns the digest by which the operator remembers a secret that it has written: Harbor never returns it."""
    return hashlib.sha256(f"{desired.secret}\0{secret.get_secret_value()}".encode()).hexdigest()


def _oidc_settings(oidc: Oidc) -> tuple[DesiredSetting, ...]:
    parameters = json.dumps(oidc.extra_redirect_parameters, sort_keys=True, separators=(",", ":"))
    return _settings(
        OIDC,
        oidc_name=("name", oidc.name),
        oidc_endpoint=("endpoint", oidc.endpoint),
        oidc_client_id=("clientID", oidc.client_id),
        oidc_scope=("scopes", ",".join(oidc.scopes)),
        oidc_verify_cert=("verifyCertificate", oidc.verify_certificate),
        oidc_user_claim=("userClaim", oidc.user_claim),
        oidc_groups_claim=("groupsClaim", oidc.groups_claim),
        oidc_admin_group=("adminGroup", oidc.admin_group),
        oidc_group_filter=("groupFilter", oidc.group_filter),
        oidc_auto_onboard=("autoOnboard", oidc.auto_onboard),
        oidc_extra_redirect_parms=("extraRedirectParameters", parameters),
        oidc_logout=("logout", oidc.logout),
    )


def _ldap_settings(ldap: Ldap) -> tuple[DesiredSetting, ...]:
    return _settings(
        LDAP,
        ldap_url=("url", ldap.url),
        ldap_base_dn=("baseDN", ldap.base_dn),
        ldap_search_dn=("searchDN", ldap.search_dn),
        ldap_uid=("uidAttribute", ldap.uid_attribute),
        ldap_filter=("filter", ldap.filter),
        ldap_scope=("scope", _SCOPES[ldap.scope]),
        ldap_timeout=("timeoutSeconds", ldap.timeout_seconds),
        ldap_verify_cert=("verifyCertificate", ldap.verify_certificate),
    ) + _group_settings(ldap.groups)


def _group_settings(groups: LdapGroups | None) -> tuple[DesiredSetting, ...]:
    # Without a base DN, Harbor imports no groups.
    return _settings(
        f"{LDAP}.groups",
        ldap_group_base_dn=("baseDN", groups.base_dn if groups else ""),
        ldap_group_search_filter=("filter", groups.filter if groups else ""),
        ldap_group_attribute_name=("nameAttribute", groups.name_attribute if groups else ""),
        ldap_group_membership_attribute=("membershipAttribute", groups.membership_attribute if groups else "memberof"),
        ldap_group_search_scope=("scope", _SCOPES[groups.scope if groups else LdapScope.SUBTREE]),
        ldap_group_admin_dn=("adminDN", groups.admin_dn if groups else ""),
    )


def _settings(section: str, **values: tuple[str, SettingValue]) -> tuple[DesiredSetting, ...]:
    return tuple(DesiredSetting(name, value, f"{section}.{field}") for name, (field, value) in values.items())


def _is_same(desired: DesiredSetting, observed: SettingValue) -> bool:
    if desired.name in _JSON_SETTINGS:
        return bool(_parsed(desired.value) == _parsed(observed))
    return desired.value == observed


def _parsed(text: SettingValue) -> Any:
    """Returns the mapping of a JSON text; an empty or unreadable one is an empty mapping, as in Harbor."""
    try:
        return json.loads(str(text))
    except (ValueError, RecursionError):
        return {}
