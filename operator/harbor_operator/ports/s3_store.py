"""An object store that speaks S3, as the operator uses it: with the requests of the registry's driver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from harbor_operator.model.s3 import Bucket, BucketSettings, Upload
from harbor_operator.model.storage import ObjectPart, StoredObject


class S3Store(Protocol):
    """An S3 store; every call has a deadline.

    Raises Unavailable(STORAGE_UNREACHABLE) when no valid answer arrives, and Refused with the finding of `checks.s3`
    when the store or a proxy in front of it rejects the request. The metadata of an object are its `x-amz-meta-`
    headers without that prefix, with lower-case names.
    """

    def persistent(self) -> AbstractAsyncContextManager[S3Store]:
        """Yields this store with connections that stay open between requests, until the end of the context.

        Without it, and for a request that must not be sent twice, each request has its own connection.
        """
        ...

    async def read_bucket(self, bucket: Bucket) -> BucketSettings | None:
        """Returns the settings of the bucket, or None if it does not exist."""
        ...

    async def create_bucket(self, bucket: Bucket) -> None:
        """Creates the bucket; an existing one of the same user stays unchanged.

        Raises Refused(STORAGE_CONTAINER_REFUSED) if it belongs to another user.
        """
        ...

    async def remove_bucket(self, bucket: Bucket) -> bool:
        """Removes the bucket; returns whether it no longer exists. One that is not empty stays."""
        ...

    async def read_metadata(self, bucket: Bucket, key: str) -> Mapping[str, str] | None:
        """Returns the metadata of a small object, or None if it does not exist."""
        ...

    async def write_object(self, bucket: Bucket, key: str, body: bytes, object_metadata: Mapping[str, str]) -> None:
        """Writes a small object, or replaces it, with the bucket's options.

        Raises Refused(STORAGE_PROBE_FAILED) if the store does not encrypt although the options ask for it.
        """
        ...

    async def copy_object(self, bucket: Bucket, source: str, key: str) -> None:
        """Copies an object inside the store, in one request."""
        ...

    async def read_from(self, bucket: Bucket, key: str, offset: int) -> bytes:
        """Returns the last bytes of an object, from `offset` on; Refused(STORAGE_PROBE_FAILED) for another range."""
        ...

    async def read_range(self, bucket: Bucket, key: str, offset: int, size: int) -> ObjectPart | None:
        """Returns `size` bytes (up to 64 MiB) from `offset` on, less at the end; None if the object does not exist.

        Raises Refused(STORAGE_PROBE_FAILED) for another range.
        """
        ...

    async def read_presigned(self, bucket: Bucket, key: str) -> bytes:
        """Returns the content of a small object as a client reads it that the registry redirects."""
        ...

    async def list_objects(self, bucket: Bucket, prefix: str, limit: int) -> Sequence[str]:
        """Returns up to `limit` keys that start with `prefix`, in order; at most 1000."""
        ...

    async def list_sizes(self, bucket: Bucket, prefix: str, after: str, limit: int) -> Sequence[StoredObject]:
        """Returns up to `limit` objects whose keys start with `prefix` and follow `after`, in order; at most 1000."""
        ...

    async def measure(self, bucket: Bucket, prefix: str) -> int | None:
        """Returns the bytes of all objects whose keys start with `prefix`; None if there are more than 20,000."""
        ...

    async def remove_objects(self, bucket: Bucket, keys: Sequence[str]) -> None:
        """Removes up to 1000 objects in one request; absent ones count as removed."""
        ...

    async def begin_upload(self, bucket: Bucket, key: str) -> Upload:
        """Begins a multi-part upload."""
        ...

    async def write_part(self, bucket: Bucket, upload: Upload, number: int, body: bytes) -> str:
        """Writes a part from memory, signed, and returns its ETag."""
        ...

    async def write_generated_part(self, bucket: Bucket, upload: Upload, number: int, size: int) -> str:
        """Writes a part of `size` bytes, signed and never held in memory, and returns its ETag.

        Raises Refused with STORAGE_BODY_LIMIT, STORAGE_QUOTA_EXCEEDED or STORAGE_PROBE_FAILED.
        """
        ...

    async def copy_part(self, bucket: Bucket, upload: Upload, number: int, source: str, size: int) -> str:
        """Writes a part from the first `size` bytes of an object and returns its ETag."""
        ...

    async def complete_upload(self, bucket: Bucket, upload: Upload, etags: Sequence[str]) -> None:
        """Makes an object of the parts with these ETags, in this order."""
        ...

    async def list_uploads(self, bucket: Bucket, prefix: str) -> Sequence[Upload]:
        """Returns up to 1000 uploads that have begun and are neither completed nor aborted."""
        ...

    async def abort_upload(self, bucket: Bucket, upload: Upload) -> None:
        """Ends an upload and removes its parts; an absent one is a success."""
        ...
