"""What the reconciler writes: the status of a registry, and the events people see beside it."""

from __future__ import annotations

from typing import Any, Protocol

from harbor_operator.api.v1alpha1 import Metadata


class RegistryStatusApi(Protocol):
    """The registry objects themselves; a registry that is gone is no error."""

    async def write_status(self, metadata: Metadata, status: dict[str, Any]) -> str:
        """Applies the operator's part of the status and returns the object's new resource version.

        Conditions of other clients stay. The version is empty if the registry does not exist any more.
        """
        ...

    async def post_event(self, metadata: Metadata, kind: str, reason: str, message: str) -> None:
        """Posts an event about the registry; `kind` is 'Normal' or 'Warning'."""
        ...
