"""Objects in the namespace of a registry that are of another project's kind, each with the labels of its owner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from harbor_operator.model.kubernetes import Manifest
from harbor_operator.model.owned_objects import ObjectKind


class OwnedObjects(Protocol):
    """Reads and writes objects of a few kinds.

    Every call has a deadline. Raises Unavailable when the server does not answer, refuses an object, or when an object
    changed since it was read, and Refused(RIGHTS_MISSING) on 403.
    """

    async def is_served(self, kind: ObjectKind) -> bool:
        """Whether the API server has the kind in this version."""
        ...

    async def read(self, kind: ObjectKind, namespace: str, name: str) -> Manifest | None:
        """Returns the object; None if it does not exist, or the kind is not served."""
        ...

    async def read_all(self, kind: ObjectKind, namespace: str) -> list[Manifest]:
        """Returns the objects of the namespace, at most MAX_OBJECTS; none if the kind is not served."""
        ...

    async def write(self, kind: ObjectKind, manifest: Manifest, owner: Mapping[str, str]) -> Manifest:
        """Creates the object with these labels, or changes what differs, and returns it.

        Only the desired fields of `spec` and `data` are compared, so that defaults of the server cause no write.
        Raises Refused(SECRET_INVALID) if an object of another owner has the name.
        """
        ...

    async def remove(self, kind: ObjectKind, namespace: str, name: str, owner: Mapping[str, str]) -> None:
        """Deletes the object if it has these labels; idempotent."""
        ...
