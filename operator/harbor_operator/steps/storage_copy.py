"""Copies the images of one storage to another: idempotent, in the order of the keys, a batch at a time.

Each object is read in parts, so that a batch needs a bounded amount of memory. The name of a blob is its digest: the
digest is computed while the blob is read, and a blob with another content is never completed at the target. Every other
object, such as the link of a tag, has at most a few hundred bytes; it is the same if both stores show the same MD5, and
its content is compared otherwise. Nothing is deleted at the source, and nothing that is complete at the target.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Protocol

from typing_extensions import override

from harbor_operator.checks.storage_migration import damaged_blob, diverged_link
from harbor_operator.model.s3 import Bucket, Upload
from harbor_operator.model.storage import Container, ObjectPart, StoredObject
from harbor_operator.model.storage_migration import CopiedBatch
from harbor_operator.plan.storage import FILE_PREFIX, MIB, S3_IMAGE_PREFIX
from harbor_operator.plan.storage_migration import is_copied
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.object_store import ObjectStore
from harbor_operator.ports.s3_store import S3Store
from harbor_operator.steps.outcomes import BlockedError

PAGE_OBJECTS = 1000
BATCH_OBJECTS = 64
PARALLEL_OBJECTS = 8
MIN_PART_BYTES = 8 * MIB
MAX_PARTS = 10_000

_BLOB = re.compile(r".*/blobs/(sha256|sha512)/[0-9a-f]{2}/([0-9a-f]+)/data")
_MD5 = re.compile(r"[0-9a-f]{32}")


class ImageSource(Protocol):
    """A storage of images that is read; keys are relative, from `docker/registry/v2/` on."""

    def persistent(self) -> AbstractAsyncContextManager[ImageSource]:
        """Yields this storage with connections that stay open between requests, until the end of the context."""
        ...

    async def list(self, after: str, limit: int) -> Sequence[StoredObject]:
        """Returns up to `limit` objects whose keys follow `after`, in order.

        A blob with 0 bytes may be one whose size the listing does not have.
        """
        ...

    async def read(self, key: str, offset: int, size: int) -> ObjectPart | None:
        """Returns a part of an object, as `ObjectStore.read_range`."""
        ...

    async def measure(self) -> int | None:
        """Returns the bytes of the whole storage, segments included; None where a listing has the size of each."""
        ...


@dataclass(frozen=True, slots=True)
class SwiftImages(ImageSource):
    """The images in a Swift container; a large object is read through its manifest."""

    store: ObjectStore
    container: Container

    @override
    @asynccontextmanager
    async def persistent(self) -> AsyncIterator[SwiftImages]:
        async with self.store.persistent() as store:
            yield replace(self, store=store)

    @override
    async def list(self, after: str, limit: int) -> Sequence[StoredObject]:
        prefix, start = f"{FILE_PREFIX}{S3_IMAGE_PREFIX}", f"{FILE_PREFIX}{after}" if after else ""
        return _relative(await self.store.list_sizes(self.container, prefix, start, limit), FILE_PREFIX)

    @override
    async def read(self, key: str, offset: int, size: int) -> ObjectPart | None:
        return await self.store.read_range(self.container, f"{FILE_PREFIX}{key}", offset, size)

    @override
    async def measure(self) -> int | None:
        usage = await self.store.read_container(self.container)
        return usage.bytes if usage else None

    async def has_object(self, name: str) -> bool:
        """Whether the container has an object of this name, at any place."""
        return await self.store.read_range(self.container, name, 0, 1) is not None


@dataclass(frozen=True, slots=True)
class S3Images(ImageSource):
    """The images in an S3 bucket, below a folder; empty, or with a slash at its end."""

    store: S3Store
    bucket: Bucket
    folder: str

    @override
    @asynccontextmanager
    async def persistent(self) -> AsyncIterator[S3Images]:
        async with self.store.persistent() as store:
            yield replace(self, store=store)

    @override
    async def list(self, after: str, limit: int) -> Sequence[StoredObject]:
        prefix, start = f"{self.folder}{S3_IMAGE_PREFIX}", f"{self.folder}{after}" if after else ""
        return _relative(await self.store.list_sizes(self.bucket, prefix, start, limit), self.folder)

    @override
    async def read(self, key: str, offset: int, size: int) -> ObjectPart | None:
        return await self.store.read_range(self.bucket, f"{self.folder}{key}", offset, size)

    @override
    async def measure(self) -> int | None:
        return None

    async def has_object(self, name: str) -> bool:
        """Whether the bucket has an object of this name, in any folder."""
        return await self.store.read_range(self.bucket, name, 0, 1) is not None

    async def write(self, key: str, body: bytes) -> None:
        """Writes a small object."""
        await self.store.write_object(self.bucket, f"{self.folder}{key}", body, {})

    async def begin(self, key: str) -> Upload:
        """Begins an upload, after ending those of the object that an interrupted copy has left."""
        name = f"{self.folder}{key}"
        for upload in await self.store.list_uploads(self.bucket, name):
            await self.store.abort_upload(self.bucket, upload)
        return await self.store.begin_upload(self.bucket, name)


class ImageCopy:
    """The copy from a source to a target that nothing else writes to.

    With `keeps_target`, a client may have written to the target: an object there is never replaced.
    """

    def __init__(
        self,
        source: ImageSource,
        target: S3Images,
        part_bytes: int = MIN_PART_BYTES,
        *,
        keeps_target: bool = False,
    ) -> None:
        self._source = source
        self._target = target
        self._part_bytes = part_bytes
        self._keeps_target = keeps_target
        self._slots = asyncio.Semaphore(PARALLEL_OBJECTS)

    async def batches(self, after: str) -> AsyncGenerator[CopiedBatch]:
        """Yields after each batch of objects behind `after`; ends when there are no more.

        Raises Refused with STORAGE_MIGRATION_DAMAGED for a blob with another content, with STORAGE_MIGRATION_DIVERGED
        for an object that would be replaced at a target that is kept, and as the ports do. What is behind the last
        batch is not known then: another run continues behind that batch.
        """
        while page := await self._source.list(after, PAGE_OBJECTS):
            present = await self._present(after, {one.name for one in page}, page[-1].name)
            for start in range(0, len(page), BATCH_OBJECTS):
                batch = page[start : start + BATCH_OBJECTS]
                done = await asyncio.gather(
                    *(self._bring(one, present.get(one.name)) for one in batch if is_copied(one.name)),
                    return_exceptions=True,
                )
                results = [_returned(result) for result in done]
                after = batch[-1].name
                sizes = [size for size, _ in results]
                yield CopiedBatch(after, len(results), sum(sizes), sum(copied for _, copied in results))

    async def _present(self, after: str, wanted: AbstractSet[str], last: str) -> dict[str, StoredObject]:
        """Returns by key which of the wanted objects the target has; they are behind `after`, up to `last`."""
        found: dict[str, StoredObject] = {}
        while page := await self._target.list(after, PAGE_OBJECTS):
            found |= {one.name: one for one in page if one.name in wanted}
            after = page[-1].name
            if after >= last:
                break
        return found

    async def _bring(self, wanted: StoredObject, present: StoredObject | None) -> tuple[int, bool]:
        """Returns the bytes of the object, and whether it had to be copied."""
        async with self._slots:
            if present is not None and await self._is_same(wanted, present):
                return present.bytes, False
            if present is not None and self._keeps_target and not _BLOB.fullmatch(wanted.name):
                raise BlockedError(diverged_link(wanted.name))
            first = await self._source.read(wanted.name, 0, self._part_bytes)
            if first is None:
                return 0, False  # garbage collection has removed it since the listing
            if first.total_bytes > len(first.data):
                await self._copy_parts(wanted.name, first)
            else:
                await self._check_digest(wanted.name, first.data)
                await self._target.write(wanted.name, first.data)
            return first.total_bytes, True

    async def _is_same(self, wanted: StoredObject, present: StoredObject) -> bool:
        if _BLOB.fullmatch(wanted.name):
            # Its name is its digest, and only a copy that was verified is complete at the target.
            return present.bytes == wanted.bytes or (wanted.bytes == 0 and present.bytes > 0)
        if present.bytes != wanted.bytes:
            return False
        # Unequal ones say nothing: with SSE-KMS, S3 shows 32 hexadecimal digits that are no MD5.
        if wanted.digest == present.digest and _MD5.fullmatch(wanted.digest):
            return True
        size = max(wanted.bytes, 1)
        return await self._source.read(wanted.name, 0, size) == await self._target.read(wanted.name, 0, size)

    async def _check_digest(self, key: str, data: bytes) -> None:
        if blob := _BLOB.fullmatch(key):
            digest = await asyncio.to_thread(lambda: hashlib.new(blob[1], data).hexdigest())
            _require_digest(key, blob[2], digest)

    async def _copy_parts(self, key: str, first: ObjectPart) -> None:
        upload = await self._target.begin(key)
        try:
            etags = await self._write_parts(key, upload, first)
            await self._target.store.complete_upload(self._target.bucket, upload, etags)
        except BaseException:
            with suppress(Refused, Unavailable):
                await self._target.store.abort_upload(self._target.bucket, upload)
            raise

    async def _write_parts(self, key: str, upload: Upload, first: ObjectPart) -> list[str]:
        """Writes every part, and returns their ETags if all of them together are the blob."""
        blob = _BLOB.fullmatch(key)
        digest = hashlib.new(blob[1] if blob else "sha256")
        size = max(self._part_bytes, -(-first.total_bytes // MAX_PARTS))
        etags: list[str] = []
        for offset in range(0, first.total_bytes, size):
            is_known = offset == 0 and len(first.data) == size
            part = first if is_known else await self._source.read(key, offset, size)
            if part is None or part.total_bytes != first.total_bytes:
                raise Unavailable(f"object '{key}' of the source changed while it was copied; it is read again")
            await asyncio.to_thread(digest.update, part.data)
            number = len(etags) + 1
            etags.append(await self._target.store.write_part(self._target.bucket, upload, number, part.data))
        if blob:
            _require_digest(key, blob[2], digest.hexdigest())
        return etags


def _returned(result: tuple[int, bool] | BaseException) -> tuple[int, bool]:
    if isinstance(result, BaseException):
        raise result
    return result


def _require_digest(key: str, wanted: str, found: str) -> None:
    if found != wanted:
        raise BlockedError(damaged_blob(key, found))


def _relative(objects: Sequence[StoredObject], prefix: str) -> list[StoredObject]:
    return [replace(one, name=one.name.removeprefix(prefix)) for one in objects]
