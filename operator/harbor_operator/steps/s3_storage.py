"""The storage of a registry in an S3 bucket: proved before the release, marked, and removed if the policy says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.s3 import (
    bucket_missing,
    check_redirect,
    check_settings,
    settings_warnings,
    written_by_swift,
)
from harbor_operator.model.outcomes import Blocked, Done, Facts, Outcome
from harbor_operator.model.s3 import Bucket, BucketSettings, DesiredS3
from harbor_operator.plan.storage import S3_IMAGE_PREFIX, is_segment, s3_proof_digest, swift_segments
from harbor_operator.ports import Refused
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.ports.rgw_admin import RgwAdmin
from harbor_operator.ports.s3_store import S3Store
from harbor_operator.reasons import Reason
from harbor_operator.steps.s3_account import S3Accounts
from harbor_operator.steps.s3_probe import MAX_LISTED_OBJECTS, S3Probe
from harbor_operator.steps.s3_removal import S3Removal
from harbor_operator.steps.storage_mark import StorageMarks


class S3Storage:
    """Probes the bucket, provisions it in RGW if the spec asks for it, and removes data if the policy says so."""

    def __init__(
        self,
        kube: NamespaceResources,
        store: S3Store,
        rgw: RgwAdmin,
        make_password: Callable[[], SecretStr],
        marks: StorageMarks,
    ) -> None:
        self._store = store
        self._marks = marks
        self._accounts = S3Accounts(kube, rgw, make_password)
        self._removal = S3Removal(kube, store, rgw, self._accounts)

    async def reconcile(self, registry: HarborRegistry, desired: DesiredS3) -> Outcome:
        """Returns Done once the bucket passed the probe; one that passed is not probed again."""
        if blocked := check_redirect(desired):
            return blocked
        account = await self._accounts.provide(registry, desired)
        bucket = Bucket(account, desired.bucket, desired.options)
        settings = await self._ensure_bucket(desired, bucket)
        if settings is None:
            return bucket_missing(desired.bucket, account.endpoint)
        facts, warnings = Facts(storage_url=bucket.url), settings_warnings(desired, settings)
        release = registry.spec.release
        marked, digest = _MarkedBucket(self._store, desired, bucket), s3_proof_digest(desired, account.access_key)
        blocked = check_settings(desired, settings, release.version if release else "") or await self._marks.ensure(
            registry, marked, digest
        )
        if blocked:
            return Blocked(blocked.reason, blocked.message, facts, warnings)
        message = (
            f"bucket '{desired.place.name}' at '{account.endpoint}' passed the probe for access key "
            f"'{account.access_key}'"
        )
        return Done(message, facts=facts, warnings=warnings)

    async def remove(self, registry: HarborRegistry, desired: DesiredS3) -> Outcome:
        """Removes what belongs to this registry, a batch per pass."""
        return await self._removal.remove(registry, desired)

    async def _ensure_bucket(self, desired: DesiredS3, bucket: Bucket) -> BucketSettings | None:
        """Returns the settings of the bucket, which is created only for a user that the operator provisions."""
        settings = await self._store.read_bucket(bucket)
        if settings is not None or desired.provision is None:
            return settings
        await self._store.create_bucket(bucket)
        return await self._store.read_bucket(bucket)


class _MarkedBucket:
    """A bucket, or a folder in it, as the mark needs it."""

    def __init__(self, store: S3Store, desired: DesiredS3, bucket: Bucket) -> None:
        self.place = desired.place
        self._store = store
        self._desired = desired
        self._bucket = bucket

    async def read_mark(self) -> Mapping[str, str] | None:
        return await self._store.read_metadata(self._bucket, self.place.proof)

    async def write_mark(self, mark: Mapping[str, str]) -> None:
        await self._store.write_object(self._bucket, self.place.proof, b"", mark)

    async def holds_images(self) -> bool:
        return bool(await self._store.list_objects(self._bucket, f"{self._desired.prefix}{S3_IMAGE_PREFIX}", 1))

    async def check_images(self) -> Blocked | None:
        segments = swift_segments(self._desired.prefix)
        if segments is None:
            return None
        try:
            keys = await self._store.list_objects(self._bucket, segments, MAX_LISTED_OBJECTS)
        except Refused as refused:
            # The folder is outside the registry's own, so its keys need no right to list it.
            if refused.reason is Reason.STORAGE_ACCESS_DENIED:
                return None
            raise
        is_of_swift = any(is_segment(key, segments) for key in keys)
        return written_by_swift(self._desired, segments) if is_of_swift else None

    async def probe(self) -> Blocked | None:
        return await S3Probe(self._store, self._bucket, self._desired).run()
