"""Annotations of a HarborRegistry with which `kubectl harbor backup` records what it did."""

from __future__ import annotations

from harbor_operator.api.kind import GROUP

BACKUP_COMPLETED_AT = f"{GROUP}/backup-completed-at"
"""The moment (RFC 3339) that the last complete backup restores."""

READ_ONLY_SINCE = f"{GROUP}/read-only-since"
"""Since when (RFC 3339) a backup keeps Harbor read-only; it exists while the backup runs."""
