"""The S3 bucket of the images: the desired one, how it is addressed, its settings and errors."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pydantic import SecretStr

from harbor_operator.api.base import AccessKeyRef, CaRef
from harbor_operator.model.storage import DesiredRgwUser, StoragePlace


class S3Operation(StrEnum):
    """A request to the store; the value is the permission that it needs, as policies name it."""

    READ_BUCKET = "s3:GetBucketVersioning"
    CREATE_BUCKET = "s3:CreateBucket"
    REMOVE_BUCKET = "s3:DeleteBucket"
    LIST = "s3:ListBucket"
    READ = "s3:GetObject"
    WRITE = "s3:PutObject"
    REMOVE = "s3:DeleteObject"
    LIST_UPLOADS = "s3:ListBucketMultipartUploads"
    ABORT_UPLOAD = "s3:AbortMultipartUpload"


@dataclass(frozen=True, slots=True)
class S3Error:
    """A request that the store, or a proxy in front of it, answered with an error.

    `code` is the one word that names the error, `from_store` whether the store itself answered, `region` the one that
    it expects if it says so, `secret` the Secret whose keys were used, `size` the bytes sent, `location` where a
    redirect leads. `encrypts` is whether the request asked for encryption, `kms_key_id` the key that the spec names,
    and `is_about_kms` whether the answer names the key management service of the store.
    """

    operation: S3Operation
    url: str
    bucket: str
    secret: str
    status: int = 0
    code: str = ""
    from_store: bool = False
    region: str = ""
    size: int = 0
    location: str = ""
    encrypts: bool = False
    kms_key_id: str = ""
    is_about_kms: bool = False


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """What the registry asks for with each object; a storage class of NONE asks for none."""

    storage_class: str = "STANDARD"
    encrypts: bool = False
    kms_key_id: str = ""


@dataclass(frozen=True, slots=True)
class DesiredS3:
    """The bucket that the registry will use, and the keys for it; `prefix` is empty or ends with a slash."""

    endpoint: str
    region: str
    bucket: str
    prefix: str
    secret: AccessKeyRef
    ca: CaRef | None
    chunk_bytes: int
    options: WriteOptions
    redirect: bool
    place: StoragePlace
    provision: DesiredRgwUser | None = None


@dataclass(frozen=True, slots=True)
class S3Account:
    """A pair of keys and where it is valid; `secret` and `ca_secret` name the Secrets of the values, for messages.

    `ca_pem` is a PEM bundle, None means the system's authorities.
    """

    endpoint: str
    region: str
    access_key: str
    secret_key: SecretStr
    secret: str
    ca_pem: str | None = None
    ca_secret: str = ""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket as addressed with an account; it need not exist."""

    account: S3Account
    name: str
    options: WriteOptions = WriteOptions()

    @property
    def url(self) -> str:
        """The URL of the bucket, which is part of the path."""
        return f"{self.account.endpoint}/{self.name}"


@dataclass(frozen=True, slots=True)
class BucketSettings:
    """What the store says about a bucket; `is_rgw` is whether the store is a Ceph RADOS gateway.

    `keeps_versions` and `is_locked` are False where the keys must not read them.
    """

    keeps_versions: bool = False
    is_locked: bool = False
    is_rgw: bool = False


@dataclass(frozen=True, slots=True)
class Upload:
    """A multi-part upload that has begun."""

    key: str
    id: str
