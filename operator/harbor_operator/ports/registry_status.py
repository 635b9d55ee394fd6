"""What the reconciler writes: the status of a registry, and the events people see beside it."""

from __future__ import annotations

from typing import Any, Protocol

from harbor_operator.api.v1alpha1 import Metadata


class RegistryStatusApi(Protocol):
    """The registry objects themselves; a registry that is gone is no error."""

    async def write_status(self, metadata: Metadata, status: dict[str, Any]) -> None:
        """Makes our part of the status exactly this; other people's conditions stay."""
        ...

    async def post_event(self, metadata: Metadata, kind: str, reason: str, message: str) -> None:
        """Posts an event about the registry; `kind` is 'Normal' or 'Warning'."""
        ...

    async def is_namespace_terminating(self, namespace: str) -> bool:
        """Whether the namespace is being deleted or is gone, so that nothing can be created in it any more.

        Raises Unavailable when the server does not answer.
        """
        ...
