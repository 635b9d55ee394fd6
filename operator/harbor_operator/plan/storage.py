"""The wish for the object store: which container, through which login, proven how, and what RGW must know of us."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import SecretStr

from harbor_operator.api.backends import Provision
from harbor_operator.api.base import CaRef
from harbor_operator.api.v1alpha1 import HarborRegistry

MIB = 1024 * 1024
KIB_PER_GIB = 1024 * 1024

OWN_PREFIX = "harbor-operator/"
"""Ours inside the container: the registry's driver looks only below `files/` and `segments/`."""
MARKER = f"{OWN_PREFIX}proof"
PROBE_PREFIX = f"{OWN_PREFIX}probe/"
DATA_PREFIXES = ("files/", "segments/", PROBE_PREFIX)
"""All that may be deleted with the container; anything else in it is somebody else's."""

DIGEST_MARK = "harbor-operator-digest"
UID_MARK = "harbor-operator-registry-uid"
FULL_ACCESS = "full-control"


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
class ProvisionWish:
    """The RGW user to have; `username` is used when we choose the login ourselves."""

    admin_url: str
    admin_secret: str
    uid: str
    display_name: str
    username: str
    quota: Quota


@dataclass(frozen=True, slots=True)
class SwiftWish:
    """A container that the registry will use, and the login for it."""

    auth_url: str
    container: str
    secret: str
    ca: CaRef | None
    chunk_bytes: int
    provision: ProvisionWish | None = None


@dataclass(frozen=True, slots=True)
class FilesystemWish:
    """A volume that the chart will claim."""

    size: str
    storage_class: str


@dataclass(frozen=True, slots=True)
class Provisioning:
    """What must be written to RGW; all empty when the user is as it should be."""

    create_user: bool = False
    set_login: bool = False
    set_quota: Quota | None = None


def plan_storage(registry: HarborRegistry) -> SwiftWish | FilesystemWish | None:
    """Says what the registry will store its images on; None leaves it to the chart's defaults."""
    storage = registry.spec.storage
    if storage is None:
        return None
    if storage.filesystem is not None:
        return FilesystemWish(storage.filesystem.size, storage.filesystem.storage_class_name)
    swift = storage.swift
    if swift is None:
        return None
    return SwiftWish(
        auth_url=swift.auth_url,
        container=swift.container,
        secret=swift.credentials_secret_ref.name,
        ca=swift.ca_secret_ref,
        chunk_bytes=swift.chunk_size_mib * MIB,
        provision=_provision(registry, swift.provision) if swift.provision else None,
    )


def _provision(registry: HarborRegistry, wanted: Provision) -> ProvisionWish:
    quota = Quota(enabled=True, kib=wanted.quota_gib * KIB_PER_GIB) if wanted.quota_gib else Quota(enabled=False)
    return ProvisionWish(
        admin_url=wanted.admin_url,
        admin_secret=wanted.admin_secret_ref.name,
        uid=wanted.uid,
        display_name=f"harbor-operator {registry.metadata.uid}",
        # A namespace holds no dot, so two registries never mean the same subuser of a shared RGW user.
        username=f"{wanted.uid}:{registry.metadata.namespace}.{registry.metadata.name}",
        quota=quota,
    )


def plan_provisioning(wish: ProvisionWish, username: str, key: SecretStr, seen: RgwUser | None) -> Provisioning:
    """Says which writes make RGW know the login; a quota is lifted only from a user that we made."""
    user = seen or RgwUser(wish.uid, wish.display_name)
    known = user.subusers.get(username) == FULL_ACCESS and user.swift_keys.get(username) == key
    ours = user.display_name == wish.display_name
    differs = wish.quota != user.quota if wish.quota.enabled else ours and user.quota.enabled
    return Provisioning(
        create_user=seen is None,
        set_login=not known,
        set_quota=wish.quota if differs else None,
    )


def is_disposable(wish: ProvisionWish, user: RgwUser) -> bool:
    """Whether the RGW user was made by us for this very registry and nobody else logs in with it."""
    return user.display_name == wish.display_name and not (user.subusers or user.swift_keys or user.s3_keys)


def proof_marks(wish: SwiftWish, username: str, storage_url: str, registry_uid: str) -> dict[str, str]:
    """What the marker object says once the proof has succeeded; another digest means: prove again."""
    proven = {
        "container": wish.container,
        "chunk": wish.chunk_bytes,
        "url": storage_url,
        "user": username,
    }
    digest = hashlib.sha256(json.dumps(proven, sort_keys=True).encode()).hexdigest()
    return {DIGEST_MARK: digest, UID_MARK: registry_uid}
