"""The values in Secrets that no other output may contain, in every encoding in which they can appear there."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from urllib.parse import quote

from lab.kubernetes_client import Manifest

LOGIN_RECORDS = {"active", "prepared", "retired", "rotatedAt", "rotation"}
"""What the Secret of the database login records of rotations: names of roles, a time, an id of a request."""
PUBLIC = {"username", "host", "ca.crt", "tls.crt", "accessKey", *LOGIN_RECORDS}
"""Keys of Secrets whose values are public."""
MIN_LENGTH = 8


def values_of(secret: Manifest) -> dict[str, str]:
    """Returns the secret values of a Secret with their location; Helm's Secrets only repeat them."""
    if secret["type"] == "helm.sh/release.v1":
        return {}
    found: dict[str, str] = {}
    for key, encoded in secret.get("data", {}).items():
        if key not in PUBLIC:
            place = f"{secret['metadata']['namespace']}/{secret['metadata']['name']}:{key}"
            found |= dict.fromkeys(parts(key, base64.b64decode(encoded).decode()), place)
    return found


def parts(key: str, value: str) -> list[str]:
    """Returns the parts of a value that must stay secret: a password, the lines of a private key, a login."""
    if key == ".dockerconfigjson":
        logins = json.loads(value)["auths"].values()
        return [login[field] for login in logins for field in ("password", "auth") if field in login]
    lines = [line.strip() for line in value.splitlines()]
    return [line for line in lines if len(line) >= MIN_LENGTH and not line.startswith("-----")]


def spellings(value: str) -> set[str]:
    """Returns the encodings of a secret: plain, quoted in a message, escaped in a URL, base64."""
    return {value, repr(value)[1:-1], quote(value, safe=""), base64.b64encode(value.encode()).decode()}


def leaks(secrets: Mapping[str, str], text: str) -> list[str]:
    """Returns the names of the secrets that a text contains; names only, so that a failed test leaks nothing.

    `secrets` has the names by their values.
    """
    return sorted({name for value, name in secrets.items() for spelling in spellings(value) if spelling in text})
