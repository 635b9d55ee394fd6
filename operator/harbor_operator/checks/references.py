"""Judges what a reference to a Secret points at; never quotes a value."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pydantic import SecretStr

from harbor_operator.model.outcomes import Blocked
from harbor_operator.reasons import Reason

_HEADER = re.compile(r"[\x20-\x7e]*")


def describe_secret(namespace: str, name: str) -> str:
    """Returns how messages speak of a Secret."""
    return f"Secret '{name}' in namespace '{namespace}'"


def check_keys(where: str, field: str, values: Mapping[str, SecretStr] | None, keys: Sequence[str]) -> Blocked | None:
    """Finds a Secret that is absent or holds nothing under a key; `where` is what `place` returns."""
    if values is None:
        return Blocked(Reason.SECRET_MISSING, f"{where}, named by `{field}`, does not exist: create it")
    if missing := [key for key in keys if not (values.get(key) or SecretStr("")).get_secret_value()]:
        listed = " and ".join(f"'{key}'" for key in missing)
        return Blocked(Reason.SECRET_KEY_MISSING, f"{where}, named by `{field}`, holds nothing under {listed}")
    return None


def check_ca_bundle(where: str, field: str, key: str, text: str) -> Blocked | None:
    """Finds a text that is not a PEM bundle of certificates."""
    if "-----BEGIN CERTIFICATE-----" in text:
        return None
    message = f"key '{key}' of {where}, named by `{field}`, is no PEM bundle: it holds no certificate"
    return Blocked(Reason.SECRET_INVALID, message)


def check_header_values(where: str, field: str, values: Mapping[str, SecretStr]) -> Blocked | None:
    """Finds a value that cannot stand in an HTTP header, most often for a trailing newline."""
    odd = [key for key, value in values.items() if not _HEADER.fullmatch(value.get_secret_value())]
    if not odd:
        return None
    return Blocked(
        Reason.SECRET_INVALID,
        f"'{odd[0]}' in {where}, named by `{field}`, holds a line break or a character that is not plain "
        "ASCII: write it without a trailing newline (kubectl create secret --from-literal, or echo -n)",
    )
