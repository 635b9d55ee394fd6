"""The parts of a request to an S3 bucket: its URL, the keys that sign it, and the headers of a write."""

from __future__ import annotations

from urllib.parse import quote

from yarl import URL

from harbor_operator.adapters.aws_signature import KeyPair
from harbor_operator.model.s3 import Bucket

ENCRYPTION = "x-amz-server-side-encryption"


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
