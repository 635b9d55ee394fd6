"""Changes of the Secrets of one namespace, without their contents."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

from harbor_operator.model.kubernetes import SecretChange


class SecretChanges(Protocol):
    """Watches names and resource versions of Secrets."""

    def changes(self, namespace: str) -> AsyncGenerator[SecretChange, None]:
        """Yields every Secret of the namespace, then every change; a Secret may come again without a change.

        Reconnects and lists again by itself. Raises Refused(RIGHTS_MISSING) if the service account must not list or
        watch Secrets in the namespace; no other exception.
        """
        ...
