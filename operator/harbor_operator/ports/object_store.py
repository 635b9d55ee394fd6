"""An object store that speaks Swift with version 1 authentication, as the operator uses it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from harbor_operator.model.storage import (
    Container,
    ContainerUsage,
    ObjectPart,
    StoredObject,
    SwiftAccount,
    SwiftSession,
)


class ObjectStore(Protocol):
    """A Swift store; every call has a deadline.

    Raises Unavailable(STORAGE_UNREACHABLE) when no valid answer arrives, and Refused with the finding of
    `checks.storage` when the store or a proxy in front of it rejects the request. The metadata of an object are its
    `X-Object-Meta-` headers without that prefix, with lower-case names.
    """

    def persistent(self) -> AbstractAsyncContextManager[ObjectStore]:
        """Yields this store with connections that stay open between calls of `read_range`, until the context ends."""
        ...

    async def login(self, account: SwiftAccount) -> SwiftSession:
        """Returns a session; the storage URL is the one of the answer, unchecked.

        Raises Refused with STORAGE_CREDENTIALS_REJECTED, STORAGE_URL_MISMATCH (a redirect) or STORAGE_UNREACHABLE (not
        a Swift v1 auth endpoint).
        """
        ...

    async def read_container(self, container: Container) -> ContainerUsage | None:
        """Returns what the container holds, or None if it does not exist."""
        ...

    async def ensure_container(self, container: Container) -> None:
        """Creates the container; an existing one of the same user stays unchanged.

        Raises Refused(STORAGE_CONTAINER_REFUSED) if it belongs to another user or has an invalid name.
        """
        ...

    async def remove_container(self, container: Container) -> bool:
        """Removes the container; returns whether it no longer exists. One that is not empty stays."""
        ...

    async def read_metadata(self, container: Container, name: str) -> Mapping[str, str] | None:
        """Returns the metadata of an object, or None if it does not exist."""
        ...

    async def write_object(
        self, container: Container, name: str, body: bytes, object_metadata: Mapping[str, str]
    ) -> None:
        """Writes a small object with its metadata; replaces an existing one."""
        ...

    async def write_joined(self, container: Container, name: str, prefix: str) -> None:
        """Writes an object whose content is that of all objects below `prefix`, in the order of their names."""
        ...

    async def write_generated(self, container: Container, name: str, size: int) -> None:
        """Writes an object of `size` bytes in one request, checked by its digest and never held in memory.

        Raises Refused with STORAGE_BODY_LIMIT, STORAGE_QUOTA_EXCEEDED or STORAGE_PROBE_FAILED (another digest).
        """
        ...

    async def read_object(self, container: Container, name: str) -> bytes:
        """Returns the content of a small object; raises Refused(STORAGE_PROBE_FAILED) if it is absent or too large."""
        ...

    async def read_range(self, container: Container, name: str, offset: int, size: int) -> ObjectPart | None:
        """Returns the bytes from `offset` on, at most `size` (up to 64 MiB); None if the object does not exist.

        Empty at or behind the end of the object. Raises Refused(STORAGE_PROBE_FAILED) for another range.
        """
        ...

    async def list_objects(self, container: Container, prefix: str, limit: int) -> Sequence[str]:
        """Returns up to `limit` names that start with `prefix`, in order."""
        ...

    async def list_sizes(self, container: Container, prefix: str, after: str, limit: int) -> Sequence[StoredObject]:
        """Returns up to `limit` objects whose names start with `prefix` and follow `after`, in order."""
        ...

    async def find_without_segments(self, container: Container, names: Sequence[str]) -> Mapping[str, bool]:
        """Returns by name whether an object joins others (`write_joined`) of which none exists.

        Sends one request for each name, in order, until a time limit: names that are not in the answer were not read.
        """
        ...

    async def remove_objects(self, container: Container, names: Sequence[str]) -> None:
        """Removes objects until a time limit; absent ones count as removed, the rest stays for the next call."""
        ...
