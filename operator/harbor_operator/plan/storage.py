"""The desired storage: the container and its login, the probe that proves both, and the user in RGW."""

from __future__ import annotations

import hashlib
import json

from pydantic import SecretStr

from harbor_operator.api.backends import Provision
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.rgw_user import DISPLAY_NAME_PREFIX, is_own_user
from harbor_operator.model.storage import DesiredRgwUser, DesiredSwift, DesiredVolume, Provisioning, Quota, RgwUser
from harbor_operator.plan import names

MIB = 1024 * 1024
KIB_PER_GIB = 1024 * 1024

OWN_PREFIX = "harbor-operator/"
"""The operator's objects in the container; the registry's driver uses only `files/` and `segments/`."""
PROOF_OBJECT = f"{OWN_PREFIX}proof"
PROBE_PREFIX = f"{OWN_PREFIX}probe/"
IMAGE_PREFIXES = ("files/", "segments/")
"""The objects of the registry's driver."""
DATA_PREFIXES = (*IMAGE_PREFIXES, PROBE_PREFIX)
"""The only objects that a teardown deletes; other objects in the container belong to another client."""

PROOF_DIGEST = "harbor-operator-digest"
FULL_ACCESS = "full-control"


def plan_storage(registry: HarborRegistry) -> DesiredSwift | DesiredVolume | None:
    """Returns where the registry stores its images; None means the chart's default."""
    storage = registry.spec.storage
    if storage is None:
        return None
    if storage.filesystem is not None:
        return DesiredVolume(storage.filesystem.size, storage.filesystem.storage_class_name)
    swift = storage.swift
    if swift is None:
        return None
    return DesiredSwift(
        auth_url=swift.auth_url,
        container=swift.container,
        secret=swift.credentials_secret_ref,
        ca=swift.ca_secret_ref,
        chunk_bytes=swift.chunk_size_mib * MIB,
        adopts=swift.adopt_existing,
        provision=_provision(registry, swift.provision) if swift.provision else None,
    )


def _provision(registry: HarborRegistry, wanted: Provision) -> DesiredRgwUser:
    quota = Quota(enabled=True, kib=wanted.quota_gib * KIB_PER_GIB) if wanted.quota_gib else Quota(enabled=False)
    return DesiredRgwUser(
        admin_url=wanted.admin_url,
        admin_secret=wanted.admin_secret_ref,
        uid=wanted.uid,
        display_name=f"{DISPLAY_NAME_PREFIX}{registry.metadata.cluster} {registry.key}",
        earlier_display_name=f"{DISPLAY_NAME_PREFIX}{registry.metadata.uid}",
        # Each registry, also an equal one of another cluster, has its own subuser of a shared RGW user.
        username=f"{wanted.uid}:{registry.metadata.namespace}.{registry.metadata.name}.{names.cluster_digest(registry)}",
        quota=quota,
    )


def plan_provisioning(desired: DesiredRgwUser, username: str, key: SecretStr, observed: RgwUser | None) -> Provisioning:
    """Returns the writes that create the login in RGW; only a user of the operator's own loses its quota."""
    user = observed or RgwUser(desired.uid, desired.display_name)
    has_login = user.subusers.get(username) == FULL_ACCESS and user.swift_keys.get(username) == key
    differs = (
        desired.quota != user.quota if desired.quota.enabled else is_own_user(desired, user) and user.quota.enabled
    )
    return Provisioning(
        create_user=observed is None,
        set_login=not has_login,
        set_quota=desired.quota if differs else None,
    )


def is_disposable(desired: DesiredRgwUser, user: RgwUser) -> bool:
    """Whether the operator created the RGW user for this registry and the user has no login left."""
    return is_own_user(desired, user) and not (user.subusers or user.swift_keys or user.s3_keys)


def proof_digest(desired: DesiredSwift, username: str, storage_url: str) -> str:
    """Returns a digest of what the result of the probe depends on; another digest requires a new probe."""
    dependencies = {
        "container": desired.container,
        "chunk": desired.chunk_bytes,
        "url": storage_url,
        "user": username,
    }
    return hashlib.sha256(json.dumps(dependencies, sort_keys=True).encode()).hexdigest()
