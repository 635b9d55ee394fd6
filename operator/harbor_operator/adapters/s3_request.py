"""The parts of a request to an S3 bucket: its URL, the keys that sign it, and the headers of a write."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import quote

from yarl import URL

from harbor_operator.adapters.aws_signature import KeyPair, Request
from harbor_operator.adapters.http_headers import host_header
from harbor_operator.adapters.s3_connection import DEADLINE_SECONDS, Response, raise_store_error
from harbor_operator.model.s3 import Bucket, S3Error, S3Operation

ENCRYPTION = "x-amz-server-side-encryption"


@dataclass(frozen=True, slots=True)
class S3Body:
    """The body of a request: its bytes, or an iterator over `size` of them."""

    data: bytes | AsyncIterator[bytes] = b""
    size: int = 0
    digest: str = hashlib.sha256(b"").hexdigest()

    @classmethod
    def of(cls, data: bytes) -> S3Body:
        """Returns the body of these bytes, with their digest."""
        return cls(data, len(data), hashlib.sha256(data).hexdigest())


@dataclass(frozen=True, slots=True)
class S3Call:
    """One request on a bucket, or on an object if `key` is set.

    `answer_bytes` is the size of the object's part, `seconds` the least deadline.
    """

    operation: S3Operation
    method: str
    key: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: S3Body = S3Body()
    accepted: tuple[int, ...] = (HTTPStatus.OK,)
    answer_bytes: int = 0
    seconds: float = DEADLINE_SECONDS


def to_sign(bucket: Bucket, call: S3Call) -> Request:
    """Returns the parts of the request that its signature covers."""
    path = f"/{bucket.name}/{call.key}" if call.key else f"/{bucket.name}"
    host = host_header(URL(bucket.account.endpoint))
    return Request(call.method, host, path, call.query, call.headers, call.body.digest)


def store_error(bucket: Bucket, call: S3Call) -> S3Error:
    """Returns what is known of an error before the answer to the request."""
    url = f"{bucket.url}/{call.key}".rstrip("/")
    return S3Error(
        call.operation,
        url,
        bucket.name,
        bucket.account.secret,
        size=call.body.size,
        encrypts=ENCRYPTION in call.headers,
        kms_key_id=bucket.options.kms_key_id,
    )


def require_accepted(bucket: Bucket, call: S3Call, response: Response) -> None:
    """Raises the finding for an answer that reports an error."""
    # S3 reports some errors of copies and completions with status 200.
    is_error_in_success = call.method in {"PUT", "POST"} and response.error_code
    if response.status not in call.accepted or is_error_in_success:
        raise_store_error(store_error(bucket, call), response, response.error_code)


def key_pair(bucket: Bucket) -> KeyPair:
    """Returns the keys of the bucket's account, for its region."""
    return KeyPair(bucket.account.access_key, bucket.account.secret_key, bucket.account.region)


def request_url(bucket: Bucket, path: str, query: str) -> URL:
    """Returns the URL of a path with an encoded query."""
    return URL(f"{bucket.account.endpoint}{quote(path, safe='/-_.~')}?{query}".rstrip("?"), encoded=True)


def copy_source(bucket: Bucket, key: str) -> dict[str, str]:
    """Returns the header that names the object to copy."""
    return {"x-amz-copy-source": quote(f"{bucket.name}/{key}", safe="/-_.~")}


def write_headers(bucket: Bucket) -> dict[str, str]:
    """Returns the headers with which the registry's driver creates each object."""
    headers = {"content-type": "application/octet-stream", "x-amz-acl": "private"}
    options = bucket.options
    if options.storage_class != "NONE":
        headers["x-amz-storage-class"] = options.storage_class
    if options.encrypts:
        headers[ENCRYPTION] = "aws:kms" if options.kms_key_id else "AES256"
    if options.kms_key_id:
        headers[f"{ENCRYPTION}-aws-kms-key-id"] = options.kms_key_id
    return headers
