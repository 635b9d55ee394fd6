"""What we may ask of an object store that speaks Swift with version 1 authentication."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from harbor_operator.model.storage import Container, SwiftAccount, SwiftSession


class ObjectStore(Protocol):
    """A Swift store; every call has a deadline.

    Raises Unavailable when nothing sensible answers, and Refused with the finding of `diagnosis.storage` when the
    store or a proxy before it says no. Marks are the metadata of an object, by lower-case name.
    """

    async def login(self, account: SwiftAccount) -> SwiftSession:
        """Returns a session; the storage URL is as the store gave it, not judged."""
        ...

    async def read_container(self, at: Container) -> int | None:
        """Returns how many objects the container holds, or None if there is no such container."""
        ...

    async def ensure_container(self, at: Container) -> None:
        """Makes the container; an existing one of the same user is left as it is."""
        ...

    async def remove_container(self, at: Container) -> bool:
        """Removes the container and says whether it is gone; one that is not empty stays."""
        ...

    async def read_metadata(self, at: Container, name: str) -> Mapping[str, str] | None:
        """Returns the marks of an object, or None if there is no such object."""
        ...

    async def write_object(self, at: Container, name: str, body: bytes, marks: Mapping[str, str]) -> None:
        """Writes a small object with its marks."""
        ...

    async def write_joined(self, at: Container, name: str, prefix: str) -> None:
        """Writes an object whose content is that of all objects below `prefix` in this container, in their order."""
        ...

    async def write_generated(self, at: Container, name: str, size: int) -> None:
        """Writes an object of `size` bytes in one request, checked by its digest and never held in memory."""
        ...

    async def read_object(self, at: Container, name: str) -> bytes:
        """Returns the content of a small object."""
        ...

    async def list_objects(self, at: Container, prefix: str, limit: int) -> Sequence[str]:
        """Returns up to `limit` names that start with `prefix`, in order."""
        ...

    async def remove_objects(self, at: Container, names: Sequence[str]) -> None:
        """Removes objects one by one; those already gone count as removed, those that take too long stay."""
        ...
