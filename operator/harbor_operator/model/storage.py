"""The object store and the RGW Admin Ops API: accounts, containers, users, quotas and errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pydantic import SecretStr

from harbor_operator.api.base import AccessKeyRef, CaRef, CredentialsRef, SecretRef

SWIFT_SPEC = "spec.storage.swift"
S3_SPEC = "spec.storage.s3"
DRIVER_SPEC = "spec.storage.driver"


class Operation(StrEnum):
    """A request to the object store; the value is its name in messages."""

    LOGIN = "logging in"
    CONTAINER = "reading the container"
    WRITE = "writing"
    READ = "reading"
    LIST = "listing"
    REMOVE = "deleting"


@dataclass(frozen=True, slots=True)
class StoreError:
    """A request that the object store, or a proxy in front of it, answered with an error.

    `code` is the one word that names the error, `from_store` whether the store itself answered (its answers carry a
    transaction id), `secret` the Secret whose login was used, `size` the bytes sent, `location` where a redirect leads.
    """

    operation: Operation
    status: int
    url: str
    username: str
    secret: str
    code: str = ""
    from_store: bool = False
    size: int = 0
    location: str = ""


@dataclass(frozen=True, slots=True)
class Quota:
    """The storage limit of an RGW user; `kib` counts only while `enabled`."""

    enabled: bool
    kib: int = 0


@dataclass(frozen=True, slots=True)
class RgwUser:
    """An RGW user as observed: subusers by full name with their permission, Swift keys by full name.

    `s3_keys` are the secret keys by access key.
    """

    uid: str
    display_name: str
    subusers: Mapping[str, str] = field(default_factory=dict)
    swift_keys: Mapping[str, SecretStr] = field(default_factory=dict)
    s3_keys: Mapping[str, SecretStr] = field(default_factory=dict)
    suspended: bool = False
    quota: Quota = Quota(enabled=False)


@dataclass(frozen=True, slots=True)
class Provisioning:
    """The changes that RGW needs; all empty when the user is as desired."""

    create_user: bool = False
    set_login: bool = False
    set_quota: Quota | None = None


@dataclass(frozen=True, slots=True)
class DesiredRgwUser:
    """The desired RGW user; `username` is the login that the operator creates for it: a subuser, or an access key.

    The display name marks the user as created for the registry; `earlier_display_name` is the one of earlier versions.
    `spec` is the path of the section that asks for the user.
    """

    admin_url: str
    admin_secret: AccessKeyRef
    uid: str
    display_name: str
    earlier_display_name: str
    username: str
    quota: Quota
    spec: str = SWIFT_SPEC


@dataclass(frozen=True, slots=True)
class StoragePlace:
    """Where the images are, for messages: `noun` is the field of section `spec` that holds `name`.

    `proof` is the name of the object that is marked, `adopts` whether the spec allows to use what is marked or in use.
    """

    spec: str
    noun: str
    name: str
    proof: str
    adopts: bool


@dataclass(frozen=True, slots=True)
class ContainerUsage:
    """What a container holds; the size includes the segments of large objects."""

    objects: int
    bytes: int


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as a listing has it; a large object of Swift has 0 bytes there, and its segments have the content.

    `digest` is what the store keeps of the content: an MD5, or an ETag without quotes.
    """

    name: str
    bytes: int
    changed_at: datetime
    digest: str


@dataclass(frozen=True, slots=True)
class ObjectPart:
    """Bytes of an object, and how many bytes the whole object has; that of a large object of Swift is its content."""

    data: bytes
    total_bytes: int


@dataclass(frozen=True, slots=True)
class ObjectSearch:
    """The search for broken objects after garbage collection `run`, which continues behind the name `after`.

    `found` are the names of the broken objects that are known, also from the search of an earlier run.
    """

    run: int
    after: str = ""
    is_complete: bool = False
    found: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ContainerOwner:
    """The registry that a container is marked as belonging to; earlier versions recorded only its uid.

    `adopted` means that the container, or its content, is older than the mark: it must never be removed.
    `previous` are the digests of the owners from whom it was adopted, so that none of them adopts it back.
    """

    uid: str
    cluster: str = ""
    registry: str = ""
    adopted: bool = False
    previous: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DesiredSwift:
    """The container that the registry will use, and the login for it."""

    auth_url: str
    container: str
    secret: CredentialsRef
    ca: CaRef | None
    chunk_bytes: int
    adopts: bool = False
    provision: DesiredRgwUser | None = None


@dataclass(frozen=True, slots=True)
class DesiredVolume:
    """The volume that the chart will claim."""

    size: str
    storage_class: str


@dataclass(frozen=True, slots=True)
class DesiredDriver:
    """A driver that the chart configures; `place` are the parameters that say where the images are, as text.

    `secret` is the Secret with the credential under `keys`; None = the identity of the registry's pod. `spec` is the
    path of the section that asks for it: a bucket of `spec.storage.s3` for which the operator has no keys is one too.
    """

    name: str
    place: str
    secret: SecretRef | None
    keys: tuple[str, ...]
    spec: str = DRIVER_SPEC


@dataclass(frozen=True, slots=True)
class SwiftAccount:
    """A Swift login; `secret` and `ca_secret` name the Secrets of the values, for messages.

    `ca_pem` is a PEM bundle, None means the system's authorities.
    """

    auth_url: str
    username: str
    password: SecretStr
    secret: str
    ca_pem: str | None = None
    ca_secret: str = ""


@dataclass(frozen=True, slots=True)
class SwiftSession:
    """A successful login: the storage URL and the token that the store returned."""

    account: SwiftAccount
    storage_url: str
    token: SecretStr


@dataclass(frozen=True, slots=True)
class Container:
    """A container as addressed through a session; it need not exist."""

    session: SwiftSession
    name: str


@dataclass(frozen=True, slots=True)
class RgwEndpoint:
    """The address and the keys of the Admin Ops API; `secret` and `ca_secret` name their Secrets, for messages.

    `ca_pem` is a PEM bundle, None means the system's authorities; `spec` is the path of the section that asks for it.
    """

    url: str
    access_key: str
    secret_key: SecretStr
    secret: str
    ca_pem: str | None = None
    ca_secret: str = ""
    spec: str = SWIFT_SPEC
