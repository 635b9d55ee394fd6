"""The annotation of a HarborRegistry with which `kubectl harbor backup` records that it runs."""

from __future__ import annotations

from harbor_operator.api.kind import GROUP

READ_ONLY_SINCE = f"{GROUP}/read-only-since"
"""Since when (RFC 3339) a backup keeps Harbor read-only; it exists while the backup runs."""
