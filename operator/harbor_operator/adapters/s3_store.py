"""The S3Store port over HTTP, with the signature of `aws_signature` and the requests of the registry's driver.

Not on a client library: botocore, boto3 and aiobotocore take 24 to 26 MiB of memory and minio 8; all but aiobotocore
block, and each reads proxies or keys from the environment. What the operator needs of S3 is a dozen requests.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from http import HTTPStatus

import aiohttp
from typing_extensions import override

from harbor_operator.adapters import s3_xml
from harbor_operator.adapters.aws_signature import canonical_query, presign, sign
from harbor_operator.adapters.http_body import MAX_BODY_BYTES
from harbor_operator.adapters.http_headers import requested_part
from harbor_operator.adapters.s3_body import generated_body, generated_digest
from harbor_operator.adapters.s3_connection import (
    COMPLETION_SECONDS,
    Exchange,
    Response,
    open_session,
    raise_store_error,
    send,
)
from harbor_operator.adapters.s3_request import (
    ENCRYPTION,
    S3Body,
    S3Call,
    copy_source,
    key_pair,
    request_url,
    require_accepted,
    store_error,
    to_sign,
    write_headers,
)
from harbor_operator.checks.s3 import probe_failed
from harbor_operator.checks.storage import MIB, explain_unacceptable_answer
from harbor_operator.model.egress import UNRESTRICTED, Egress
from harbor_operator.model.s3 import Bucket, BucketSettings, S3Operation, Upload
from harbor_operator.model.storage import S3_SPEC, ObjectPart, StoredObject
from harbor_operator.ports import as_error
from harbor_operator.ports.s3_store import S3Store

PART_SECONDS = 60.0
"""For a part, plus one second for each MiB; a proxy that buffers answers only after it has forwarded all."""
PRESIGNED_SECONDS = 60
MAX_MEASURED_PAGES, MAX_PAGE_OBJECTS = 20, 1000
METADATA_PREFIX = "x-amz-meta-"

_RGW_REQUEST_ID = re.compile(r"tx[0-9a-f]{17,}-")


class HttpS3Store(S3Store):
    """Any number of stores; each call has its own connection without a `session`. `now` is in UTC."""

    def __init__(
        self,
        egress: Egress = UNRESTRICTED,
        now: Callable[[], datetime] | None = None,
        session: aiohttp.ClientSession | None = None,
    ) -> None:
        self._egress = egress
        self._now = now or (lambda: datetime.now(UTC))
        self._session = session

    @override
    @asynccontextmanager
    async def persistent(self) -> AsyncIterator[S3Store]:
        async with open_session() as session:
            yield HttpS3Store(self._egress, self._now, session)

    @override
    async def read_bucket(self, bucket: Bucket) -> BucketSettings | None:
        call = S3Call(S3Operation.READ_BUCKET, "GET", query={"versioning": ""})
        response = await self._exchange(bucket, call)
        code = response.error_code
        if code == "NoSuchBucket":
            return None
        is_rgw = _RGW_REQUEST_ID.match(response.headers.get("x-amz-request-id", "")) is not None
        if code == "AccessDenied":
            return BucketSettings(is_rgw=is_rgw)
        require_accepted(bucket, call, response)
        keeps_versions = self._text(bucket, response, "Status") in {"Enabled", "Suspended"}
        is_locked = keeps_versions and await self._is_locked(bucket)
        return BucketSettings(keeps_versions, is_locked, is_rgw)

    async def _is_locked(self, bucket: Bucket) -> bool:
        call = S3Call(S3Operation.READ_BUCKET, "GET", query={"object-lock": ""})
        response = await self._exchange(bucket, call)
        if response.status != HTTPStatus.OK:  # not configured, not permitted, or not known to the store
            return False
        return self._text(bucket, response, "ObjectLockEnabled") == "Enabled"

    @override
    async def create_bucket(self, bucket: Bucket) -> None:
        call = S3Call(S3Operation.CREATE_BUCKET, "PUT")
        response = await self._exchange(bucket, call)
        if response.error_code != "BucketAlreadyOwnedByYou":
            require_accepted(bucket, call, response)

    @override
    async def remove_bucket(self, bucket: Bucket) -> bool:
        accepted = (HTTPStatus.NO_CONTENT, HTTPStatus.OK, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)
        call = S3Call(S3Operation.REMOVE_BUCKET, "DELETE", accepted=accepted)
        return (await self._send(bucket, call)).status != HTTPStatus.CONFLICT

    @override
    async def read_metadata(self, bucket: Bucket, key: str) -> Mapping[str, str] | None:
        call = S3Call(S3Operation.READ, "GET", key)
        response = await self._exchange(bucket, call)
        if response.error_code == "NoSuchKey":
            return None
        require_accepted(bucket, call, response)
        headers = {name.lower(): value for name, value in response.headers.items()}
        return {
            name.removeprefix(METADATA_PREFIX): value
            for name, value in headers.items()
            if name.startswith(METADATA_PREFIX)
        }

    @override
    async def write_object(self, bucket: Bucket, key: str, body: bytes, object_metadata: Mapping[str, str]) -> None:
        metadata = {f"{METADATA_PREFIX}{name}": value for name, value in object_metadata.items()}
        headers = {**write_headers(bucket), **metadata}
        call = S3Call(S3Operation.WRITE, "PUT", key, headers=headers, body=await asyncio.to_thread(S3Body.of, body))
        response = await self._send(bucket, call)
        if ENCRYPTION in headers and response.headers.get(ENCRYPTION) != headers[ENCRYPTION]:
            raise as_error(
                probe_failed(bucket.url, "it stores objects without the encryption that the request asks for")
            )

    @override
    async def copy_object(self, bucket: Bucket, source: str, key: str) -> None:
        headers = {**write_headers(bucket), **copy_source(bucket, source)}
        await self._send(bucket, S3Call(S3Operation.WRITE, "PUT", key, headers=headers))

    @override
    async def read_from(self, bucket: Bucket, key: str, offset: int) -> bytes:
        accepted, headers = (HTTPStatus.PARTIAL_CONTENT,), {"range": f"bytes={offset}-"}
        return (await self._send(bucket, S3Call(S3Operation.READ, "GET", key, headers=headers, accepted=accepted))).body

    @override
    async def read_range(self, bucket: Bucket, key: str, offset: int, size: int) -> ObjectPart | None:
        accepted = (HTTPStatus.PARTIAL_CONTENT, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, HTTPStatus.OK)
        headers = {"range": f"bytes={offset}-{offset + size - 1}"}
        call = S3Call(S3Operation.READ, "GET", key, headers=headers, accepted=accepted, answer_bytes=size)
        response = await self._exchange(bucket, call)
        if response.error_code == "NoSuchKey":
            return None
        require_accepted(bucket, call, response)
        if response.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return ObjectPart(b"", offset)
        part = requested_part(response.headers.get("Content-Range", ""), response.body, offset, size)
        if part is None:
            raise as_error(probe_failed(bucket.url, "it answers a request for a range with another one"))
        return part

    @override
    async def read_presigned(self, bucket: Bucket, key: str) -> bytes:
        call = S3Call(S3Operation.READ, "GET", key)
        request = to_sign(bucket, call)
        query = presign(request, key_pair(bucket), self._now(), PRESIGNED_SECONDS)
        exchange = Exchange("GET", request_url(bucket, request.path, query), {})
        response = await send(self._egress, bucket.account, exchange)
        require_accepted(bucket, call, response)
        return response.body

    @override
    async def list_objects(self, bucket: Bucket, prefix: str, limit: int) -> Sequence[str]:
        query = {"list-type": "2", "prefix": prefix, "max-keys": str(limit), "encoding-type": "url"}
        response = await self._send(bucket, S3Call(S3Operation.LIST, "GET", query=query))
        return self._listed(bucket, response, "Contents/Key")

    @override
    async def list_sizes(self, bucket: Bucket, prefix: str, after: str, limit: int) -> Sequence[StoredObject]:
        query = {"list-type": "2", "prefix": prefix, "start-after": after, "max-keys": str(limit)}
        call = S3Call(S3Operation.LIST, "GET", query={**query, "encoding-type": "url"})
        response = await self._send(bucket, call)
        try:
            return s3_xml.listed_objects(response.body)
        except ValueError:
            raise _unreadable(bucket) from None

    @override
    async def measure(self, bucket: Bucket, prefix: str) -> int | None:
        size, after = 0, ""
        for _ in range(MAX_MEASURED_PAGES):
            page = await self.list_sizes(bucket, prefix, after, MAX_PAGE_OBJECTS)
            if not page:
                return size
            size, after = size + sum(one.bytes for one in page), page[-1].name
        return None

    @override
    async def remove_objects(self, bucket: Bucket, keys: Sequence[str]) -> None:
        if not keys:
            return
        body = s3_xml.removal(keys)
        digest = hashlib.md5(body, usedforsecurity=False).digest()  # the header that S3 requires
        headers = {"content-md5": base64.b64encode(digest).decode(), "content-type": "application/xml"}
        call = S3Call(S3Operation.REMOVE, "POST", query={"delete": ""}, headers=headers, body=S3Body.of(body))
        response = await self._send(bucket, call)
        if code := self._text(bucket, response, "Error/Code"):
            raise_store_error(store_error(bucket, call), response, code)

    @override
    async def begin_upload(self, bucket: Bucket, key: str) -> Upload:
        call = S3Call(S3Operation.WRITE, "POST", key, query={"uploads": ""}, headers=write_headers(bucket))
        return Upload(key, await self._send_for(bucket, call, "UploadId"))

    @override
    async def write_part(self, bucket: Bucket, upload: Upload, number: int, body: bytes) -> str:
        # In a thread: the digest of a large part takes tens of milliseconds.
        return await self._write_part(bucket, upload, number, await asyncio.to_thread(S3Body.of, body))

    @override
    async def write_generated_part(self, bucket: Bucket, upload: Upload, number: int, size: int) -> str:
        body = S3Body(generated_body(size), size, await generated_digest(size))
        return await self._write_part(bucket, upload, number, body)

    async def _write_part(self, bucket: Bucket, upload: Upload, number: int, body: S3Body) -> str:
        query = {"partNumber": str(number), "uploadId": upload.id}
        response = await self._send(bucket, S3Call(S3Operation.WRITE, "PUT", upload.key, query=query, body=body))
        return response.headers.get("ETag", "")

    @override
    async def copy_part(self, bucket: Bucket, upload: Upload, number: int, source: str, size: int) -> str:
        query = {"partNumber": str(number), "uploadId": upload.id}
        headers = {**copy_source(bucket, source), "x-amz-copy-source-range": f"bytes=0-{size - 1}"}
        call = S3Call(S3Operation.WRITE, "PUT", upload.key, query=query, headers=headers)
        return await self._send_for(bucket, call, "ETag")

    @override
    async def complete_upload(self, bucket: Bucket, upload: Upload, etags: Sequence[str]) -> None:
        query, body = {"uploadId": upload.id}, S3Body.of(s3_xml.completion(etags))
        call = S3Call(S3Operation.WRITE, "POST", upload.key, query=query, body=body, seconds=COMPLETION_SECONDS)
        await self._send(bucket, call)

    @override
    async def list_uploads(self, bucket: Bucket, prefix: str) -> Sequence[Upload]:
        query = {"uploads": "", "prefix": prefix, "encoding-type": "url"}
        response = await self._send(bucket, S3Call(S3Operation.LIST_UPLOADS, "GET", query=query))
        keys, ids = (self._listed(bucket, response, f"Upload/{name}") for name in ("Key", "UploadId"))
        return [Upload(key, upload_id) for key, upload_id in zip(keys, ids, strict=False)]

    @override
    async def abort_upload(self, bucket: Bucket, upload: Upload) -> None:
        accepted = (HTTPStatus.NO_CONTENT, HTTPStatus.OK, HTTPStatus.NOT_FOUND)
        query = {"uploadId": upload.id}
        await self._send(bucket, S3Call(S3Operation.ABORT_UPLOAD, "DELETE", upload.key, query=query, accepted=accepted))

    async def _send_for(self, bucket: Bucket, call: S3Call, element: str) -> str:
        """Returns the text of an element that the answer must have."""
        response = await self._send(bucket, call)
        found = self._text(bucket, response, element)
        if not found:
            raise _unreadable(bucket)
        return found

    async def _send(self, bucket: Bucket, call: S3Call) -> Response:
        response = await self._exchange(bucket, call)
        require_accepted(bucket, call, response)
        return response

    async def _exchange(self, bucket: Bucket, call: S3Call) -> Response:
        request = to_sign(bucket, call)
        headers = sign(request, key_pair(bucket), self._now())
        url = request_url(bucket, request.path, canonical_query(request.query))
        moved = call.body.size + call.answer_bytes
        seconds = call.seconds if moved < MIB else max(call.seconds, PART_SECONDS + moved / MIB)
        limit = max(MAX_BODY_BYTES, call.answer_bytes)
        exchange = Exchange(call.method, url, headers, call.body.data, call.body.size, seconds, limit)
        return await send(self._egress, bucket.account, exchange, self._session)

    def _text(self, bucket: Bucket, response: Response, path: str) -> str:
        try:
            return s3_xml.first_text(response.body, path)
        except ValueError:
            raise _unreadable(bucket) from None

    def _listed(self, bucket: Bucket, response: Response, path: str) -> list[str]:
        try:
            return s3_xml.listed(response.body, path)
        except ValueError:
            raise _unreadable(bucket) from None


def _unreadable(bucket: Bucket) -> Exception:
    field_path = f"{S3_SPEC}.endpoint"
    return as_error(explain_unacceptable_answer(bucket.url, "a body that is not S3's", field_path))
