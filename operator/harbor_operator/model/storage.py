"""The object store and the RGW Admin Ops API: accounts, containers, users, quotas and errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import SecretStr

from harbor_operator.api.base import CaRef


class Operation(StrEnum):
    """What was asked of the object store, as it reads in a message."""

    LOGIN = "logging in"
    CONTAINER = "asking for the container"
    WRITE = "writing"
    READ = "reading"
    LIST = "listing"
    REMOVE = "deleting"


@dataclass(frozen=True, slots=True)
class StoreError:
    """A request that was answered with an error, by the object store or by something in front of it.

    `code` is the one word that names the error, `from_store` tells whether the store itself spoke (its answers carry
    a transaction id), `secret` is the Secret whose login was used.
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
    """How much an RGW user may store; without `enabled` the size does not count."""

    enabled: bool
    kib: int = 0


@dataclass(frozen=True, slots=True)
class RgwUser:
    """An RGW user as seen: subusers by full name with their permission, Swift keys by full name."""

    uid: str
    display_name: str
    subusers: Mapping[str, str] = field(default_factory=dict)
    swift_keys: Mapping[str, SecretStr] = field(default_factory=dict)
    s3_keys: int = 0
    suspended: bool = False
    quota: Quota = Quota(enabled=False)


@dataclass(frozen=True, slots=True)
class Provisioning:
    """What must be written to RGW; all empty when the user is as it should be."""

    create_user: bool = False
    set_login: bool = False
    set_quota: Quota | None = None


@dataclass(frozen=True, slots=True)
class DesiredRgwUser:
    """The RGW user to have; `username` is used when we choose the login ourselves."""

    admin_url: str
    admin_secret: str
    uid: str
    display_name: str
    username: str
    quota: Quota


@dataclass(frozen=True, slots=True)
class DesiredSwift:
    """A container that the registry will use, and the login for it."""

    auth_url: str
    container: str
    secret: str
    ca: CaRef | None
    chunk_bytes: int
    provision: DesiredRgwUser | None = None


@dataclass(frozen=True, slots=True)
class DesiredVolume:
    """A volume that the chart will claim."""

    size: str
    storage_class: str


@dataclass(frozen=True, slots=True)
class SwiftAccount:
    """How to log in; `secret` and `ca_secret` name the Secrets the values came from, for messages."""

    auth_url: str
    username: str
    password: SecretStr
    secret: str
    ca_pem: str | None = None
    ca_secret: str = ""


@dataclass(frozen=True, slots=True)
class SwiftSession:
    """A login that succeeded: where the store says it lives, and the token it gave."""

    account: SwiftAccount
    storage_url: str
    token: SecretStr


@dataclass(frozen=True, slots=True)
class Container:
    """A container as seen through a session; it need not exist."""

    session: SwiftSession
    name: str


@dataclass(frozen=True, slots=True)
class RgwEndpoint:
    """How to reach the API; `secret` and `ca_secret` name the Secrets the values came from, for messages."""

    url: str
    access_key: str
    secret_key: SecretStr
    secret: str
    ca_pem: str | None = None
    ca_secret: str = ""
