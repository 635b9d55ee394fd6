"""What Harbor does not support, does not let change, or cannot do with the directory."""

from __future__ import annotations

from typing import Any

import pytest

from harbor_operator.api.authentication import Ldap, Oidc
from harbor_operator.checks.authentication import (
    check_editable,
    check_ldap_ping,
    check_ldap_search,
    check_mode,
    check_supported,
    is_read_only,
)
from harbor_operator.model.authentication import AuthenticationChange
from harbor_operator.model.harbor import ObservedSetting
from harbor_operator.model.outcomes import Blocked, Unknown
from harbor_operator.plan.authentication import plan_authentication
from harbor_operator.reasons import Reason
from tests.unit.api.test_authentication import LDAP, OIDC

DIRECTORY = Ldap.model_validate(LDAP)


def observed(**settings: Any) -> dict[str, ObservedSetting]:
    return {name: ObservedSetting(value) for name, value in settings.items()}


def test_a_field_without_a_setting_is_named_if_it_has_an_effect() -> None:
    known = observed(
        **{
            setting.name: ""
            for setting in plan_authentication(Oidc.model_validate(OIDC)).settings
            if setting.name != "oidc_logout"
        }
    )
    assert check_supported(plan_authentication(Oidc.model_validate(OIDC)), known) is None
    blocked = check_supported(plan_authentication(Oidc.model_validate({**OIDC, "logout": True})), known)
    assert blocked is not None
    assert blocked.reason is Reason.CONFIGURATION_UNSUPPORTED
    assert "`spec.authentication.oidc.logout` (its setting 'oidc_logout')" in blocked.message


def test_settings_that_the_environment_fixes_are_named() -> None:
    fixed = {name: ObservedSetting("a", is_editable=False) for name in ("auth_mode", "oidc_name", "oidc_scope")}
    change = AuthenticationChange({"oidc_name": "b"}, switches_mode=True)
    assert check_editable(change, {**fixed, "oidc_scope": ObservedSetting("a")}) is None
    assert check_editable(AuthenticationChange({}, switches_mode=False), fixed) is None
    blocked = check_editable(change, fixed)
    assert blocked is not None
    assert blocked.reason is Reason.CONFIGURATION_LOCKED
    assert "'oidc_name', 'auth_mode' be changed" in blocked.message
    assert "CONFIG_OVERWRITE_JSON" in blocked.message


def test_a_mode_that_users_lock_is_named_unless_it_is_the_desired_one() -> None:
    desired = plan_authentication(Oidc.model_validate(OIDC))
    assert check_mode(desired, {"auth_mode": ObservedSetting("db_auth")}) is None
    assert check_mode(desired, {"auth_mode": ObservedSetting("oidc_auth", is_editable=False)}) is None
    blocked = check_mode(desired, {"auth_mode": ObservedSetting("db_auth", is_editable=False)})
    assert blocked is not None
    assert blocked.reason is Reason.AUTH_MODE_LOCKED
    assert "'db_auth' instead of 'oidc_auth'" in blocked.message


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        ("error: invalid credential", Blocked, Reason.LDAP_CREDENTIALS_REJECTED),
        ("error: ldap server network timeout", Unknown, Reason.LDAP_UNREACHABLE),
        ("error: fail to ping LDAP server", Unknown, Reason.LDAP_UNREACHABLE),
    ],
)
def test_the_errors_of_harbors_trial_login(error: str, kind: type, reason: Reason) -> None:
    finding = check_ldap_ping(DIRECTORY, error)
    assert finding is not None
    assert type(finding) is kind
    assert finding.reason is reason
    assert DIRECTORY.url in finding.message
    assert check_ldap_ping(DIRECTORY, "") is None


def test_a_search_that_fails_names_the_base_and_the_filter() -> None:
    assert check_ldap_search(DIRECTORY, found=True) is None
    blocked = check_ldap_search(DIRECTORY, found=False)
    assert blocked is not None
    assert blocked.reason is Reason.LDAP_SEARCH_FAILED
    assert DIRECTORY.base_dn in blocked.message


def test_read_only_mode() -> None:
    assert is_read_only(observed(read_only=True))
    assert not is_read_only(observed(read_only=False))
    assert not is_read_only({})
