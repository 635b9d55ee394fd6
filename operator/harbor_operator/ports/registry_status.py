"""What the reconciler writes about a HarborRegistry: its status, and the Events beside it."""

from __future__ import annotations

from typing import Any, Protocol

from harbor_operator.api.v1alpha1 import Metadata


class RegistryStatusApi(Protocol):
    """Status and Events of HarborRegistry objects.

    Every call has a deadline. Raises Unavailable when the server does not answer or rejects the write, and
    Refused(RIGHTS_MISSING) on 403.
    """

    async def write_status(self, metadata: Metadata, status: dict[str, Any]) -> str:
        """Makes the operator's part of `status` exactly this, and returns the object's resourceVersion after it.

        Conditions of other field managers stay. Idempotent: an equal status makes no new resourceVersion. A registry
        that no longer exists is not created; the result is then empty.
        """
        ...

    async def post_event(self, metadata: Metadata, kind: str, reason: str, message: str) -> None:
        """Posts an Event about the registry; `kind` is 'Normal' or 'Warning'. Every call makes a new Event."""
        ...

    async def post_operator_event(self, metadata: Metadata, kind: str, reason: str, message: str) -> None:
        """Posts an Event about a registry into the operator's own namespace; every call makes a new Event."""
        ...

    async def read(self, metadata: Metadata) -> dict[str, Any] | None:
        """Returns the registry as the API server stores it; None if it is gone or another one has its name."""
        ...

    async def is_namespace_terminating(self, namespace: str) -> bool:
        """Whether the namespace is being deleted or is gone, so that nothing can be created in it any more."""
        ...
