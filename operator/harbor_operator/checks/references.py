"""Checks of what a reference to a Secret points at; no message quotes a value."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pydantic import SecretStr

from harbor_operator.model.outcomes import Blocked
from harbor_operator.reasons import Reason

_HEADER_VALUE = re.compile(r"[\x20-\x7e]*")


def describe_secret(namespace: str, name: str) -> str:
    """Returns how messages name a Secret."""
    return f"Secret '{name}' in namespace '{namespace}'"


def check_keys(where: str, field: str, values: Mapping[str, SecretStr] | None, keys: Sequence[str]) -> Blocked | None:
    """Returns a Secret that is missing or has nothing under a key; `where` is the text of `describe_secret`."""
    if values is None:
        return Blocked(Reason.SECRET_MISSING, f"{where}, named by `{field}`, does not exist: create it")
    if missing := [key for key in keys if not (values.get(key) or SecretStr("")).get_secret_value()]:
        listed = " and ".join(f"'{key}'" for key in missing)
        return Blocked(
            Reason.SECRET_KEY_MISSING, f"{where}, named by `{field}`, holds nothing under {listed}: add the key"
        )
    return None


def check_line_ends(where: str, field: str, values: Mapping[str, SecretStr]) -> Blocked | None:
    """Returns the first credential that ends with a line break, which a login sends as part of the value."""
    odd = [key for key, value in values.items() if value.get_secret_value().endswith(("\n", "\r"))]
    if not odd:
        return None
    return Blocked(
        Reason.SECRET_INVALID,
        f"'{odd[0]}' in {where}, named by `{field}`, ends with a line break, which would be part of the login: write "
        "it without one (kubectl create secret --from-literal, or echo -n)",
    )


def check_basic_username(where: str, field: str, key: str, username: str) -> Blocked | None:
    """Returns that HTTP Basic authentication cannot carry the username: a colon ends it (RFC 7617)."""
    if ":" not in username:
        return None
    return Blocked(
        Reason.SECRET_INVALID,
        f"'{key}' in {where}, named by `{field}`, contains a colon, which no login by HTTP can carry: use another"
        " account",
    )


def check_ca_bundle(where: str, field: str, key: str, text: str) -> Blocked | None:
    """Returns that a text is not a PEM bundle of certificates."""
    if "-----BEGIN CERTIFICATE-----" in text:
        return None
    message = (
        f"key '{key}' of {where}, named by `{field}`, is not a PEM bundle: put at least one certificate of the CA there"
    )
    return Blocked(Reason.SECRET_INVALID, message)


def check_header_values(where: str, field: str, values: Mapping[str, SecretStr]) -> Blocked | None:
    """Returns the first value that an HTTP header cannot carry, most often because of a trailing newline."""
    odd = [key for key, value in values.items() if not _HEADER_VALUE.fullmatch(value.get_secret_value())]
    if not odd:
        return None
    return Blocked(
        Reason.SECRET_INVALID,
        f"'{odd[0]}' in {where}, named by `{field}`, holds a line break or a character that is not plain "
        "ASCII: write it without a trailing newline (kubectl create secret --from-literal, or echo -n)",
    )
