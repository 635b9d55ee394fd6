"""What the section `spec.authentication` accepts."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from harbor_operator.api.authentication import Authentication, Ldap, Oidc

OIDC: dict[str, Any] = {
    "name": "Example",
    "endpoint": "https://id.example.com",
    "clientID": "harbor",
    "clientSecretRef": {"name": "oidc"},
}
LDAP: dict[str, Any] = {
    "url": "ldaps://ldap.example.com",
    "baseDN": "ou=people,dc=example,dc=com",
    "searchDN": "cn=search,dc=example,dc=com",
    "searchPasswordSecretRef": {"name": "ldap"},
}


def test_a_client_asks_for_a_refresh_token_unless_the_spec_says_otherwise() -> None:
    assert Oidc.model_validate(OIDC).scopes == ["openid", "profile", "email", "offline_access"]


def test_the_kind_is_the_one_that_is_given() -> None:
    assert isinstance(Authentication.model_validate({"oidc": OIDC}).kind, Oidc)
    assert isinstance(Authentication.model_validate({"ldap": LDAP}).kind, Ldap)


@pytest.mark.parametrize("url", ["ldap://10.0.0.7", "ldap://ldap:1389", "ldaps://ldap.example.com:636"])
def test_an_ldap_url_is_accepted(url: str) -> None:
    assert Ldap.model_validate({**LDAP, "url": url}).url == url


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({}, "exactly one"),
        ({"oidc": OIDC, "ldap": LDAP}, "exactly one"),
        ({"oidc": {**OIDC, "endpoint": "http://id.example.com"}}, "endpoint"),
        ({"oidc": {**OIDC, "endpoint": "https://user:password@id.example.com"}}, "endpoint"),
        ({"oidc": {**OIDC, "endpoint": "https://id.example.com/?realm=a"}}, "endpoint"),
        ({"oidc": {**OIDC, "scopes": ["profile"]}}, "must contain 'openid'"),
        ({"oidc": {**OIDC, "scopes": ["openid,profile"]}}, "scopes"),
        ({"oidc": {**OIDC, "adminGroup": "admins"}}, "need `groupsClaim`"),
        ({"oidc": {**OIDC, "groupFilter": "^harbor-"}}, "need `groupsClaim`"),
        ({"oidc": {**OIDC, "verifyCertificate": False, "caSecretRef": {"name": "ca"}}}, "`verifyCertificate: true`"),
        ({"ldap": {**LDAP, "verifyCertificate": False, "caSecretRef": {"name": "ca"}}}, "`verifyCertificate: true`"),
        ({"ldap": {**LDAP, "url": "ldap://ldap", "caSecretRef": {"name": "ca"}}}, "ldaps://"),
        ({"ldap": {**LDAP, "url": "https://ldap.example.com"}}, "url"),
        ({"ldap": {**LDAP, "url": "ldap://[::1]:389"}}, "url"),
        ({"ldap": {**LDAP, "baseDN": "people"}}, "baseDN"),
        ({"ldap": {**LDAP, "searchDN": ""}}, "searchDN"),
    ],
)
def test_what_is_refused(section: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Authentication.model_validate(section)
