"""The desired storage: the container and its login, the probe that proves both, and the user in RGW."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict

from pydantic import SecretStr

from harbor_operator.api.backends import Swift
from harbor_operator.api.base import AccessKeyRef
from harbor_operator.api.provision import Provision
from harbor_operator.api.s3 import S3
from harbor_operator.api.storage_driver import LOCATION, DriverName, StorageDriver
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.rgw_user import DISPLAY_NAME_PREFIX, is_own_user
from harbor_operator.model.s3 import DesiredS3, WriteOptions
from harbor_operator.model.storage import (
    S3_SPEC,
    SWIFT_SPEC,
    DesiredDriver,
    DesiredRgwUser,
    DesiredSwift,
    DesiredVolume,
    Provisioning,
    Quota,
    RgwUser,
    StoragePlace,
)
from harbor_operator.plan import names

MIB = 1024 * 1024
KIB_PER_GIB = 1024 * 1024

OWN_PREFIX = "harbor-operator/"
"""The operator's objects in the container; the registry's driver uses only `files/` and `segments/`."""
PROOF_OBJECT = f"{OWN_PREFIX}proof"
PROBE_PREFIX = f"{OWN_PREFIX}probe/"
FILE_PREFIX = "files/"
SEGMENT_PREFIX = "segments/"
IMAGE_PREFIXES = (FILE_PREFIX, SEGMENT_PREFIX)
"""The objects of the registry's driver."""
DATA_PREFIXES = (*IMAGE_PREFIXES, PROBE_PREFIX)
"""The only objects that a teardown deletes; other objects in the container belong to another client."""

S3_IMAGE_PREFIX = "docker/registry/v2/"
"""The objects of the registry's S3 driver, below its root directory."""

_SEGMENT = re.compile(r"[0-9a-f]{3}/[0-9a-f]+/[0-9]{16}")
"""Path and number of a segment below `segments/` (distribution 2.8: `swiftSegmentPath`; ncw/swift: `getSegment`)."""

PROOF_DIGEST = "harbor-operator-digest"
FULL_ACCESS = "full-control"


def plan_storage(registry: HarborRegistry) -> DesiredSwift | DesiredS3 | DesiredVolume | DesiredDriver | None:
    """Returns where the registry stores its images; None means the chart's default."""
    storage = registry.spec.storage
    if storage is None:
        return None
    if storage.filesystem is not None:
        return DesiredVolume(storage.filesystem.size, storage.filesystem.storage_class_name)
    if storage.s3 is not None:
        keys = storage.s3.credentials_secret_ref
        return _s3(registry, storage.s3, keys) if keys else _plan_unkeyed(storage.s3)
    if storage.driver is not None:
        return plan_driver(storage.driver)
    return _swift(registry, storage.swift) if storage.swift else None


def plan_driver(driver: StorageDriver) -> DesiredDriver:
    """Returns the driver that the chart configures."""
    place = ", ".join(f"{key} '{driver.parameters[key]}'" for key in LOCATION if key in driver.parameters)
    return DesiredDriver(str(driver.name), place, driver.secret_ref, tuple(driver.support.credential))


def _plan_unkeyed(s3: S3) -> DesiredDriver:
    """Returns the bucket for which only the registry has keys."""
    return DesiredDriver(
        str(DriverName.S3), f"bucket '{f'{s3.bucket}/{s3.root_directory}'.rstrip('/')}'", None, (), S3_SPEC
    )


def _swift(registry: HarborRegistry, swift: Swift) -> DesiredSwift:
    subuser = f"{registry.metadata.namespace}.{registry.metadata.name}.{names.cluster_digest(registry)}"
    provision = swift.provision
    return DesiredSwift(
        auth_url=swift.auth_url,
        container=swift.container,
        secret=swift.credentials_secret_ref,
        ca=swift.ca_secret_ref,
        chunk_bytes=swift.chunk_size_mib * MIB,
        adopts=swift.adopt_existing,
        # Each registry, also an equal one of another cluster, has its own login of a shared RGW user.
        provision=_provision(registry, provision, f"{provision.uid}:{subuser}", SWIFT_SPEC) if provision else None,
    )


def _s3(registry: HarborRegistry, s3: S3, keys: AccessKeyRef) -> DesiredS3:
    prefix = f"{s3.root_directory}/" if s3.root_directory else ""
    encryption, provision = s3.encryption, s3.provision
    return DesiredS3(
        endpoint=s3.endpoint,
        region=s3.region,
        bucket=s3.bucket,
        prefix=prefix,
        secret=keys,
        ca=s3.ca_secret_ref,
        chunk_bytes=s3.chunk_size_mib * MIB,
        options=WriteOptions(s3.storage_class, encryption is not None, encryption.kms_key_id if encryption else ""),
        redirect=s3.redirect,
        place=StoragePlace(
            S3_SPEC, "bucket", f"{s3.bucket}/{prefix}".rstrip("/"), f"{prefix}{PROOF_OBJECT}", s3.adopt_existing
        ),
        provision=_provision(registry, provision, names.access_key(registry, provision.uid), S3_SPEC)
        if provision
        else None,
    )


def _provision(registry: HarborRegistry, wanted: Provision, username: str, spec: str) -> DesiredRgwUser:
    quota = Quota(enabled=True, kib=wanted.quota_gib * KIB_PER_GIB) if wanted.quota_gib else Quota(enabled=False)
    return DesiredRgwUser(
        admin_url=wanted.admin_url,
        admin_secret=wanted.admin_secret_ref,
        uid=wanted.uid,
        display_name=f"{DISPLAY_NAME_PREFIX}{registry.metadata.cluster} {registry.key}",
        earlier_display_name=f"{DISPLAY_NAME_PREFIX}{registry.metadata.uid}",
        username=username,
        quota=quota,
        spec=spec,
    )


def plan_provisioning(desired: DesiredRgwUser, username: str, key: SecretStr, observed: RgwUser | None) -> Provisioning:
    """Returns the writes that create the login in RGW; only a user of the operator's own loses its quota."""
    user = observed or RgwUser(desired.uid, desired.display_name)
    has_login = user.subusers.get(username) == FULL_ACCESS and user.swift_keys.get(username) == key
    return _provisioning(desired, observed, has_login=has_login)


def plan_s3_provisioning(
    desired: DesiredRgwUser, access_key: str, secret_key: SecretStr, observed: RgwUser | None
) -> Provisioning:
    """Returns for S3 keys what `plan_provisioning` returns for a Swift login."""
    has_login = observed is not None and observed.s3_keys.get(access_key) == secret_key
    return _provisioning(desired, observed, has_login=has_login)


def _provisioning(desired: DesiredRgwUser, observed: RgwUser | None, *, has_login: bool) -> Provisioning:
    user = observed or RgwUser(desired.uid, desired.display_name)
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


def s3_proof_digest(desired: DesiredS3, access_key: str) -> str:
    """Returns for a bucket what `proof_digest` returns for a container."""
    dependencies = {
        "bucket": desired.place.name,
        "chunk": desired.chunk_bytes,
        "url": desired.endpoint,
        "region": desired.region,
        "user": access_key,
        "redirect": desired.redirect,
        "options": asdict(desired.options),
    }
    return hashlib.sha256(json.dumps(dependencies, sort_keys=True).encode()).hexdigest()


def swift_segments(prefix: str) -> str | None:
    """Returns the folder in which the Swift driver stores the bytes of the layers that it lists below `prefix`.

    None if `prefix` is not a folder with the name `files`, the only one in which that driver lists layers.
    """
    is_files = f"/{prefix}".endswith(f"/{FILE_PREFIX}")
    return f"{prefix.removesuffix(FILE_PREFIX)}{SEGMENT_PREFIX}" if is_files else None


def is_segment(key: str, folder: str) -> bool:
    """Whether the Swift driver wrote the object with this key in `folder`, which `swift_segments` returned."""
    return _SEGMENT.fullmatch(key.removeprefix(folder)) is not None


def swift_place(desired: DesiredSwift) -> StoragePlace:
    """Returns the container as messages describe it."""
    return StoragePlace(SWIFT_SPEC, "container", desired.container, PROOF_OBJECT, desired.adopts)
