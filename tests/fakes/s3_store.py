"""An S3 store in memory that answers as RGW does, with a proxy before it that may limit bodies; counts its writes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import md5
from http import HTTPStatus
from itertools import count
from typing import NoReturn

from pydantic import SecretStr

from harbor_operator.checks.s3 import explain_s3_error
from harbor_operator.model import storage
from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.s3 import Bucket, BucketSettings, S3Error, S3Operation, Upload
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason

WRITTEN_AT = datetime(2026, 1, 2, tzinfo=UTC)
Content = tuple[bytes | int, ...]
"""The pieces of an object: their bytes, or the size of generated ones."""


@dataclass
class StoredObject:
    """An object with its metadata."""

    content: Content = ()
    metadata: Mapping[str, str] = field(default_factory=dict)


class FakeS3Store:
    """Buckets by name; `keys` are the access keys and what they sign with, and may be shared with a fake admin API."""

    def __init__(self, keys: dict[str, SecretStr] | None = None) -> None:
        self.keys = {} if keys is None else keys
        self.buckets: dict[str, dict[str, StoredObject]] = {}
        self.owners: dict[str, str] = {}
        self.uploads: dict[Upload, dict[int, Content]] = {}
        self.settings = BucketSettings(is_rgw=True)
        self.user_of: Callable[[str], str] = lambda access_key: access_key
        self.body_limit: int | None = None
        self.down = False
        self.shows_md5 = True
        """False for SSE-KMS: an ETag has the form of an MD5, and is that of what the store has encrypted."""
        self.lagging_listings = False
        self.hidden = ""
        """A folder that no user may list."""
        self.sessions: list[str] = []
        self.writes: list[str] = []
        self.reads: list[str] = []
        self.on_generated: Callable[[], None] = lambda: None
        self._ids = count(1)

    @asynccontextmanager
    async def persistent(self) -> AsyncIterator[FakeS3Store]:
        self.sessions.append("begun")
        try:
            yield self
        finally:
            self.sessions.append("ended")

    async def read_bucket(self, bucket: Bucket) -> BucketSettings | None:
        self.reads.append(f"bucket {bucket.name}")
        self._admit(bucket, S3Operation.READ_BUCKET)
        return self.settings if bucket.name in self.buckets else None

    async def create_bucket(self, bucket: Bucket) -> None:
        self._admit(bucket, S3Operation.CREATE_BUCKET)
        user = self.user_of(bucket.account.access_key)
        if self.owners.get(bucket.name, user) != user:
            self._deny(bucket, S3Operation.CREATE_BUCKET, "BucketAlreadyExists", HTTPStatus.CONFLICT)
        self.writes.append(f"bucket {bucket.name}")
        self.buckets.setdefault(bucket.name, {})
        self.owners[bucket.name] = user

    async def remove_bucket(self, bucket: Bucket) -> bool:
        self._admit(bucket, S3Operation.REMOVE_BUCKET)
        if self.buckets.get(bucket.name):
            return False
        self.writes.append(f"remove bucket {bucket.name}")
        self.buckets.pop(bucket.name, None)
        self.owners.pop(bucket.name, None)
        return True

    async def read_metadata(self, bucket: Bucket, key: str) -> Mapping[str, str] | None:
        self.reads.append(f"metadata {key}")
        found = self._objects(bucket, S3Operation.READ).get(key)
        return found.metadata if found else None

    async def write_object(self, bucket: Bucket, key: str, body: bytes, object_metadata: Mapping[str, str]) -> None:
        self._put(bucket, key, (body,), object_metadata)

    async def copy_object(self, bucket: Bucket, source: str, key: str) -> None:
        self._put(bucket, key, self._objects(bucket, S3Operation.READ)[source].content)

    async def read_from(self, bucket: Bucket, key: str, offset: int) -> bytes:
        content = self._objects(bucket, S3Operation.READ)[key].content
        for piece in content:
            if offset == 0 and isinstance(piece, bytes):
                return piece
            offset -= piece if isinstance(piece, int) else len(piece)
        return b""

    async def read_range(self, bucket: Bucket, key: str, offset: int, size: int) -> storage.ObjectPart | None:
        self.reads.append(f"range {key}")
        found = self._objects(bucket, S3Operation.READ).get(key)
        if found is None:
            return None
        body = b"".join(piece if isinstance(piece, bytes) else bytes(piece) for piece in found.content)
        return storage.ObjectPart(body[offset : offset + size], max(offset, len(body)))

    async def read_presigned(self, bucket: Bucket, key: str) -> bytes:
        return await self.read_from(bucket, key, 0)

    async def list_objects(self, bucket: Bucket, prefix: str, limit: int) -> Sequence[str]:
        objects = self._objects(bucket, S3Operation.LIST)
        if self.hidden and prefix.startswith(self.hidden):
            self._deny(bucket, S3Operation.LIST, "AccessDenied", HTTPStatus.FORBIDDEN)
        return [] if self.lagging_listings else [key for key in sorted(objects) if key.startswith(prefix)][:limit]

    async def list_sizes(self, bucket: Bucket, prefix: str, after: str, limit: int) -> Sequence[storage.StoredObject]:
        objects = self._objects(bucket, S3Operation.LIST)
        keys = [key for key in sorted(objects) if key.startswith(prefix) and key > after][:limit]
        secret = "" if self.shows_md5 else f"{bucket.name}/"
        return [storage.StoredObject(key, _size(objects[key]), WRITTEN_AT, _etag(objects[key], secret)) for key in keys]

    async def measure(self, bucket: Bucket, prefix: str) -> int | None:
        objects = self._objects(bucket, S3Operation.LIST)
        return sum(_size(stored) for key, stored in objects.items() if key.startswith(prefix))

    async def remove_objects(self, bucket: Bucket, keys: Sequence[str]) -> None:
        objects = self._objects(bucket, S3Operation.REMOVE)
        for key in keys:
            objects.pop(key, None)
            self.writes.append(f"remove {key}")

    async def begin_upload(self, bucket: Bucket, key: str) -> Upload:
        self._objects(bucket, S3Operation.WRITE)
        upload = Upload(key, f"upload-{next(self._ids)}")
        self.writes.append(f"begin {key}")
        self.uploads[upload] = {}
        return upload

    async def write_part(self, bucket: Bucket, upload: Upload, number: int, body: bytes) -> str:
        self._check_size(bucket, len(body))
        return self._put_part(bucket, upload, number, body)

    async def write_generated_part(self, bucket: Bucket, upload: Upload, number: int, size: int) -> str:
        self.on_generated()
        self._check_size(bucket, size)
        return self._put_part(bucket, upload, number, size)

    def _check_size(self, bucket: Bucket, size: int) -> None:
        if self.body_limit is not None and size > self.body_limit:
            self._deny(bucket, S3Operation.WRITE, "", HTTPStatus.REQUEST_ENTITY_TOO_LARGE, size)

    async def copy_part(self, bucket: Bucket, upload: Upload, number: int, source: str, size: int) -> str:
        assert source in self._objects(bucket, S3Operation.READ)
        return self._put_part(bucket, upload, number, size)

    async def complete_upload(self, bucket: Bucket, upload: Upload, etags: Sequence[str]) -> None:
        parts = self.uploads.pop(upload)
        assert etags == [f"etag-{number}" for number in sorted(parts)]
        self._put(bucket, upload.key, tuple(piece for number in sorted(parts) for piece in parts[number]))

    async def list_uploads(self, bucket: Bucket, prefix: str) -> Sequence[Upload]:
        self._objects(bucket, S3Operation.LIST_UPLOADS)
        return [upload for upload in self.uploads if upload.key.startswith(prefix)]

    async def abort_upload(self, bucket: Bucket, upload: Upload) -> None:
        self._objects(bucket, S3Operation.ABORT_UPLOAD)
        self.writes.append(f"abort {upload.key}")
        self.uploads.pop(upload, None)

    def _put(self, bucket: Bucket, key: str, content: Content, metadata: Mapping[str, str] | None = None) -> None:
        self._objects(bucket, S3Operation.WRITE)[key] = StoredObject(content, metadata or {})
        self.writes.append(f"put {key}")

    def _put_part(self, bucket: Bucket, upload: Upload, number: int, piece: bytes | int) -> str:
        self._objects(bucket, S3Operation.WRITE)
        self.writes.append(f"part {upload.key} {piece if isinstance(piece, int) else len(piece)}")
        self.uploads[upload][number] = (piece,)
        return f"etag-{number}"

    def _objects(self, bucket: Bucket, operation: S3Operation) -> dict[str, StoredObject]:
        self._admit(bucket, operation)
        if bucket.name not in self.buckets:
            self._deny(bucket, operation, "NoSuchBucket", HTTPStatus.NOT_FOUND)
        return self.buckets[bucket.name]

    def _admit(self, bucket: Bucket, operation: S3Operation) -> None:
        if self.down:
            raise Unavailable("the object store does not answer", Reason.STORAGE_UNREACHABLE)
        known = self.keys.get(bucket.account.access_key)
        if known is None:
            self._deny(bucket, operation, "InvalidAccessKeyId", HTTPStatus.FORBIDDEN)
        if known != bucket.account.secret_key:
            self._deny(bucket, operation, "SignatureDoesNotMatch", HTTPStatus.FORBIDDEN)

    def _deny(self, bucket: Bucket, operation: S3Operation, code: str, status: int, size: int = 0) -> NoReturn:
        secret = bucket.account.secret
        error = S3Error(operation, bucket.url, bucket.name, secret, status, code, from_store=bool(code), size=size)
        finding = explain_s3_error(error)
        assert isinstance(finding, Blocked)
        raise Refused(finding.reason, finding.message)


def _size(stored: StoredObject) -> int:
    return sum(piece if isinstance(piece, int) else len(piece) for piece in stored.content)


def _etag(stored: StoredObject, secret: str) -> str:
    body = secret.encode() + b"".join(bytes(piece) for piece in stored.content)
    return md5(body, usedforsecurity=False).hexdigest()
