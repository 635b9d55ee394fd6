"""Annotations that users set: requests, of which each value that differs from the one before is one, and a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harbor_operator.api.kind import GROUP

ROTATE_REQUESTED_AT = f"{GROUP}/rotate-requested-at"
REVOKE_REQUESTED_AT = f"{GROUP}/revoke-requested-at"
"""Requests to replace the credential of the robot: without a failed pull, or at once because it is leaked."""

ROTATE_ADMIN_PASSWORD_REQUESTED_AT = f"{GROUP}/rotate-admin-password-requested-at"
"""A request to replace the generated password of Harbor's user admin."""

ROTATE_DATABASE_PASSWORD_REQUESTED_AT = f"{GROUP}/rotate-database-password-requested-at"
"""A request to let Harbor log in to its databases with another role and password."""

BACKUP_COMPLETED_AT = f"{GROUP}/backup-completed-at"
"""The time (RFC 3339) at which the last backup of databases and images ended."""

MAX_VALUE_CHARACTERS = 256
"""The operator stores the value that it has handled, most of them in the status; a longer one is no request."""


def read_request(annotations: Mapping[str, Any], key: str) -> str:
    """Returns the value of the annotation `key`; empty if there is none, or it is too long."""
    value = annotations.get(key) or ""
    return value if len(value) <= MAX_VALUE_CHARACTERS else ""
