"""Probes that an S3 store does what the registry's driver needs, with the driver's requests: once."""

from __future__ import annotations

from collections.abc import Sequence

from harbor_operator.checks.s3 import probe_failed
from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.s3 import Bucket, DesiredS3, Upload
from harbor_operator.plan.storage import MIB, PROBE_PREFIX
from harbor_operator.ports.s3_store import S3Store

BODY = b"harbor-operator was here\n"
MIN_PART_BYTES = 5 * MIB
"""For each part but the last, in S3 and in the registry's driver."""
MAX_LISTED_OBJECTS = 1000


class S3Probe:
    """One probe of one bucket, below a prefix that nothing else uses; nothing of it remains."""

    def __init__(self, store: S3Store, bucket: Bucket, desired: DesiredS3) -> None:
        self._store = store
        self._bucket = bucket
        self._desired = desired
        self._prefix = f"{desired.prefix}{PROBE_PREFIX}"
        self._small, self._stale = f"{self._prefix}small", f"{self._prefix}stale"
        self._joined = f"{self._prefix}joined"
        self._copies = (f"{self._prefix}copied", f"{self._prefix}copied-in-parts")

    async def run(self) -> Blocked | None:
        """Writes, lists, reads, copies and deletes as the registry does."""
        # An interrupted pass may have left its objects: removed first, so that the listings below are exact.
        await self._clean()
        found = await self._probe_small() or await self._probe_stale_upload() or await self._probe_parts()
        await self._clean()
        return found

    async def _clean(self) -> None:
        for upload in await self._store.list_uploads(self._bucket, self._prefix):
            await self._store.abort_upload(self._bucket, upload)
        await self._store.remove_objects(self._bucket, await self._list())

    async def _probe_small(self) -> Blocked | None:
        await self._store.write_object(self._bucket, self._small, BODY, {})
        if self._small not in await self._list():
            return self._failed(f"'{self._small}' was written but is not listed, so uploads would fail")
        if await self._store.read_from(self._bucket, self._small, 0) != BODY:
            return self._failed(f"'{self._small}' read back differs from what was written")
        if self._desired.redirect and await self._store.read_presigned(self._bucket, self._small) != BODY:
            return self._failed(
                "a URL with a signature, to which the registry redirects clients, returns other content"
            )
        await self._store.remove_objects(self._bucket, [self._small])
        if self._small in await self._list():
            return self._failed(f"'{self._small}' was deleted but is still listed")
        return None

    async def _probe_stale_upload(self) -> Blocked | None:
        upload = await self._store.begin_upload(self._bucket, self._stale)
        if upload not in await self._store.list_uploads(self._bucket, self._stale):
            return self._failed("an upload was begun but is not listed, so pushes could not continue")
        await self._store.abort_upload(self._bucket, upload)
        if upload in await self._store.list_uploads(self._bucket, self._stale):
            return self._failed("an upload was aborted but is still listed")
        return None

    async def _probe_parts(self) -> Blocked | None:
        # The driver adds a rest that is smaller than a chunk to the part before it.
        sizes = (2 * self._desired.chunk_bytes, MIN_PART_BYTES)
        upload = await self._store.begin_upload(self._bucket, self._joined)
        etags = [
            await self._store.write_generated_part(self._bucket, upload, number, size)
            for number, size in enumerate(sizes, start=1)
        ]
        etags.append(await self._store.write_part(self._bucket, upload, len(sizes) + 1, BODY))
        await self._store.complete_upload(self._bucket, upload, etags)
        # The driver moves a layer to its place by a copy: in one request, or in parts if it is large.
        await self._store.copy_object(self._bucket, self._joined, self._copies[0])
        await self._copy_in_parts()
        for key, offset in (
            (self._joined, sum(sizes)),
            (self._copies[0], sum(sizes)),
            (self._copies[1], MIN_PART_BYTES),
        ):
            if await self._store.read_from(self._bucket, key, offset) != BODY:
                return self._failed(f"'{key}', made of parts, read from byte {offset} differs from what was written")
        return None

    async def _copy_in_parts(self) -> None:
        upload: Upload = await self._store.begin_upload(self._bucket, self._copies[1])
        first = await self._store.copy_part(self._bucket, upload, 1, self._joined, MIN_PART_BYTES)
        last = await self._store.write_part(self._bucket, upload, 2, BODY)
        await self._store.complete_upload(self._bucket, upload, [first, last])

    async def _list(self) -> Sequence[str]:
        return await self._store.list_objects(self._bucket, self._prefix, MAX_LISTED_OBJECTS)

    def _failed(self, what: str) -> Blocked:
        return probe_failed(self._bucket.url, what)
