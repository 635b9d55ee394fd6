"""Which Secrets a reference must not point at; no message quotes a value."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from harbor_operator.checks.references import (
    check_basic_username,
    check_ca_bundle,
    check_header_values,
    check_keys,
    check_line_ends,
    describe_secret,
)
from harbor_operator.reasons import Reason

PEM = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"


def held(values: dict[str, str]) -> dict[str, SecretStr]:
    return {key: SecretStr(value) for key, value in values.items()}


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (None, Reason.SECRET_MISSING),
        ({"username": "u"}, Reason.SECRET_KEY_MISSING),
        ({"username": "u", "password": ""}, Reason.SECRET_KEY_MISSING),
    ],
)
def test_a_missing_secret_or_key_is_named_with_its_field(values: dict[str, str] | None, reason: Reason) -> None:
    found = None if values is None else held(values)
    finding = check_keys(describe_secret("intra", "swift"), "spec.x", found, ["username", "password"])
    assert finding is not None
    assert finding.reason is reason
    assert "Secret 'swift' in namespace 'intra', named by `spec.x`" in finding.message


def test_a_username_with_a_colon_is_named() -> None:
    where = describe_secret("intra", "charts")
    assert check_basic_username(where, "spec.x", "username", "robot$ci") is None
    finding = check_basic_username(where, "spec.x", "username", "a:b")
    assert finding
    assert "'username' in Secret 'charts' in namespace 'intra', named by `spec.x`, contains a colon" in finding.message


@pytest.mark.parametrize("value", ["key\n", "schlüssel"])
def test_a_value_that_a_header_cannot_carry_is_named_and_not_shown(value: str) -> None:
    finding = check_header_values(
        describe_secret("intra", "swift"), "spec.x", held({"username": "u", "password": value})
    )
    assert finding is not None
    assert finding.reason is Reason.SECRET_INVALID
    assert "'password' in Secret 'swift'" in finding.message
    assert value not in finding.message


@pytest.mark.parametrize("value", ["key\n", "key\r\n"])
def test_a_credential_with_a_line_break_at_its_end_is_named_and_not_shown(value: str) -> None:
    """Finding F11."""
    where = describe_secret("intra", "swift")
    finding = check_line_ends(where, "spec.x", held({"username": "u", "password": value}))
    assert finding is not None
    assert finding.reason is Reason.SECRET_INVALID
    assert "'password' in Secret 'swift'" in finding.message
    assert value not in finding.message


def test_a_usable_secret_passes() -> None:
    good = held({"password": "a b~!"})
    assert check_keys("n/s", "f", good, ["password"]) is None
    assert check_header_values("n/s", "f", good) is None
    assert check_line_ends("n/s", "f", good) is None
    assert check_ca_bundle("n/s", "f", "ca.crt", PEM) is None


def test_a_ca_must_be_pem() -> None:
    finding = check_ca_bundle(describe_secret("intra", "ca"), "spec.x", "ca.crt", "DER")
    assert finding is not None
    assert finding.reason is Reason.SECRET_INVALID
