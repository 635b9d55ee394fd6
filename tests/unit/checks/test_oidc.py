"""What the discovery document of a provider means for the users of Harbor."""

from __future__ import annotations

from typing import Any

import pytest

from harbor_operator.api.authentication import Oidc
from harbor_operator.checks.oidc import check_harbors_view, check_issuer, oidc_warnings
from harbor_operator.model.authentication import DEFAULT_GRANT_TYPES, ProviderMetadata
from harbor_operator.reasons import Reason
from tests.unit.api.test_authentication import OIDC

ISSUER = "https://id.example.com"
REFRESHING = DEFAULT_GRANT_TYPES | {"refresh_token"}
SCOPES = frozenset({"openid", "profile", "email", "offline_access", "groups"})
CLAIMS = frozenset({"sub", "name", "email"})


def oidc_of(**fields: Any) -> Oidc:
    return Oidc.model_validate({**OIDC, **fields})


def provider(**fields: Any) -> ProviderMetadata:
    return ProviderMetadata(
        **{"issuer": ISSUER, "grant_types": REFRESHING, "scopes": SCOPES, "claims": CLAIMS, **fields}
    )


def codes(oidc: Oidc, metadata: ProviderMetadata) -> list[Reason]:
    return [warning.code for warning in oidc_warnings(oidc, metadata)]


def test_the_issuer_must_be_the_endpoint_to_the_letter() -> None:
    assert check_issuer(oidc_of(), provider()) is None
    blocked = check_issuer(oidc_of(), provider(issuer=f"{ISSUER}/"))
    assert blocked is not None
    assert blocked.reason is Reason.OIDC_ISSUER_MISMATCH
    assert f"names itself '{ISSUER}/'" in blocked.message


def test_a_provider_that_fits_has_no_warning() -> None:
    assert codes(oidc_of(), provider()) == []


def test_a_provider_that_lists_nothing_has_the_grant_types_of_the_standard() -> None:
    silent = ProviderMetadata(ISSUER)
    assert codes(oidc_of(userClaim="mail", groupsClaim="teams"), silent) == [Reason.OIDC_NO_REFRESH_TOKEN]


def test_without_refresh_tokens_the_warning_says_what_users_see_and_what_to_do() -> None:
    (warning,) = oidc_warnings(oidc_of(), provider(grant_types=DEFAULT_GRANT_TYPES))
    assert warning.code is Reason.OIDC_NO_REFRESH_TOKEN
    assert "`docker login` with a CLI secret works until the user's ID token expires" in warning.message
    assert "Enable refresh tokens for Harbor's client" in warning.message
    assert "robot accounts" in warning.message


def test_a_scope_that_is_not_requested_is_named() -> None:
    (warning,) = oidc_warnings(oidc_of(scopes=["openid", "email"]), provider())
    assert warning.code is Reason.OIDC_NO_REFRESH_TOKEN
    assert "Add 'offline_access' to `spec.authentication.oidc.scopes`" in warning.message


def test_a_provider_that_refreshes_without_the_scope_needs_none() -> None:
    """As GitLab: it lists the grant type and no such scope."""
    assert codes(oidc_of(scopes=["openid", "email"]), provider(scopes=frozenset({"openid", "email"}))) == []


def test_a_scope_that_is_not_listed_is_a_warning() -> None:
    (warning,) = oidc_warnings(oidc_of(scopes=["openid", "offline_access", "teams"]), provider())
    assert warning.code is Reason.OIDC_SCOPE_UNLISTED
    assert "does not list 'teams'" in warning.message


def test_harbor_itself_leaves_out_the_scope_that_google_does_not_know() -> None:
    google = "https://accounts.google.com"
    listed = provider(issuer=google, scopes=frozenset({"openid", "profile", "email"}))
    assert codes(oidc_of(endpoint=google), listed) == []


@pytest.mark.parametrize("field", ["userClaim", "groupsClaim"])
def test_a_claim_that_is_not_listed_is_a_warning(field: str) -> None:
    (warning,) = oidc_warnings(oidc_of(**{field: "teams"}), provider())
    assert warning.code is Reason.OIDC_CLAIM_UNLISTED
    assert f"no claim 'teams' (`spec.authentication.oidc.{field}`)" in warning.message


def test_a_scope_can_bring_the_claim_of_its_name() -> None:
    """As in Dex: it has a scope `groups` and does not list the claim."""
    asked = oidc_of(scopes=["openid", "offline_access", "groups"], groupsClaim="groups")
    assert codes(asked, provider()) == []
    assert codes(oidc_of(groupsClaim="groups"), provider()) == [Reason.OIDC_CLAIM_UNLISTED]


def test_a_provider_that_only_the_operator_can_read() -> None:
    assert check_harbors_view(oidc_of(), accepted=True) is None
    blocked = check_harbors_view(oidc_of(), accepted=False)
    assert blocked is not None
    assert blocked.reason is Reason.OIDC_UNUSABLE_BY_HARBOR
