"""The settings of Harbor for a login through OIDC or LDAP, and what is written."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from harbor_operator.api.authentication import Ldap, Oidc
from harbor_operator.model.authentication import AUTH_MODE, DesiredAuthentication
from harbor_operator.model.harbor import ObservedSetting, SettingValue
from harbor_operator.plan.authentication import plan_authentication, plan_change, secret_digest
from lab.harbor.configuration_values import DEFAULTS
from tests.unit.api.test_authentication import LDAP, OIDC

SECRET = SecretStr("s3cr3t")
GROUPS = {"baseDN": "ou=groups,dc=example,dc=com", "filter": "(cn=h*)", "scope": "OneLevel", "adminDN": "cn=admins"}


def desired_of(**fields: Any) -> DesiredAuthentication:
    return plan_authentication(Oidc.model_validate({**OIDC, **fields}))


def values(desired: DesiredAuthentication) -> dict[str, SettingValue]:
    return {setting.name: setting.value for setting in desired.settings}


def observed_of(desired: DesiredAuthentication, *, editable: bool = True, **other: Any) -> dict[str, ObservedSetting]:
    settings = {**values(desired), AUTH_MODE: desired.mode, **other}
    return {name: ObservedSetting(value, editable) for name, value in settings.items()}


def test_every_field_of_oidc_becomes_a_setting() -> None:
    fields = {
        "scopes": ["openid", "groups"],
        "userClaim": "email",
        "groupsClaim": "groups",
        "adminGroup": "admins",
        "groupFilter": "^h",
        "autoOnboard": True,
        "extraRedirectParameters": {"prompt": "login", "access_type": "offline"},
        "logout": True,
    }
    desired = desired_of(**fields)
    assert (desired.mode, desired.secret) == ("oidc_auth", "oidc_client_secret")
    assert values(desired) == {
        "oidc_name": "Example",
        "oidc_endpoint": "https://id.example.com",
        "oidc_client_id": "harbor",
        "oidc_scope": "openid,groups",
        "oidc_verify_cert": True,
        "oidc_user_claim": "email",
        "oidc_groups_claim": "groups",
        "oidc_admin_group": "admins",
        "oidc_group_filter": "^h",
        "oidc_auto_onboard": True,
        "oidc_extra_redirect_parms": '{"access_type":"offline","prompt":"login"}',
        "oidc_logout": True,
    }


def test_every_field_of_ldap_becomes_a_setting() -> None:
    desired = plan_authentication(
        Ldap.model_validate({**LDAP, "uidAttribute": "uid", "filter": "(o=x)", "scope": "Base", "groups": GROUPS})
    )
    assert (desired.mode, desired.secret) == ("ldap_auth", "ldap_search_password")
    assert values(desired) == {
        "ldap_url": "ldaps://ldap.example.com",
        "ldap_base_dn": "ou=people,dc=example,dc=com",
        "ldap_search_dn": "cn=search,dc=example,dc=com",
        "ldap_uid": "uid",
        "ldap_filter": "(o=x)",
        "ldap_scope": 0,
        "ldap_timeout": 5,
        "ldap_verify_cert": True,
        "ldap_group_base_dn": "ou=groups,dc=example,dc=com",
        "ldap_group_search_filter": "(cn=h*)",
        "ldap_group_attribute_name": "cn",
        "ldap_group_membership_attribute": "memberof",
        "ldap_group_search_scope": 1,
        "ldap_group_admin_dn": "cn=admins",
    }


def test_without_groups_harbor_gets_its_own_defaults() -> None:
    groups = {
        setting.name: setting.value
        for setting in plan_authentication(Ldap.model_validate(LDAP)).settings
        if setting.name.startswith("ldap_group")
    }
    assert groups == {name: DEFAULTS[name] for name in groups}


def test_harbor_has_every_setting() -> None:
    both = (*desired_of().settings, *plan_authentication(Ldap.model_validate(LDAP)).settings)
    assert {setting.name for setting in both} <= DEFAULTS.keys()


def test_nothing_is_written_where_nothing_differs() -> None:
    desired = desired_of(extraRedirectParameters={"a": "1", "b": "<&>"})
    # As Harbor encodes it.
    observed = observed_of(desired, oidc_extra_redirect_parms='{"b": "\\u003c\\u0026\\u003e", "a": "1"}')
    assert not plan_change(desired, observed, SECRET, secret_digest(desired, SECRET))


def test_an_empty_mapping_in_harbor_is_none() -> None:
    desired = desired_of()
    observed = observed_of(desired, oidc_extra_redirect_parms="")
    assert not plan_change(desired, observed, SECRET, secret_digest(desired, SECRET))


def test_only_what_differs_is_written_with_the_secret() -> None:
    desired = desired_of()
    change = plan_change(desired, observed_of(desired, oidc_name="Other"), SECRET, secret_digest(desired, SECRET))
    assert change.settings == {"oidc_name": "Example", "oidc_client_secret": SECRET}
    assert not change.switches_mode


@pytest.mark.parametrize("written", ["", "of another secret"])
def test_a_changed_secret_is_written_alone(written: str) -> None:
    desired = desired_of()
    assert plan_change(desired, observed_of(desired), SECRET, written).settings == {"oidc_client_secret": SECRET}


def test_a_switch_of_the_mode_writes_the_secret_again() -> None:
    desired = desired_of()
    observed = observed_of(desired, auth_mode="db_auth")
    change = plan_change(desired, observed, SECRET, secret_digest(desired, SECRET))
    assert change.switches_mode
    assert change.settings == {"oidc_client_secret": SECRET}


def test_a_setting_that_this_harbor_lacks_is_left_out() -> None:
    desired = desired_of(logout=True)
    observed = observed_of(desired, oidc_name="Other")
    del observed["oidc_logout"]
    assert plan_change(desired, observed, SECRET, "").settings == {"oidc_name": "Example", "oidc_client_secret": SECRET}


def test_equal_settings_that_the_environment_fixes_need_no_write() -> None:
    desired = desired_of()
    assert not plan_change(desired, observed_of(desired, editable=False), SECRET, "")


def test_a_digest_does_not_show_the_secret_and_differs_by_kind() -> None:
    oidc, ldap = desired_of(), plan_authentication(Ldap.model_validate(LDAP))
    assert secret_digest(oidc, SECRET) != secret_digest(ldap, SECRET)
    assert SECRET.get_secret_value() not in secret_digest(oidc, SECRET)
