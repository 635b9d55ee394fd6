"""Removes the images of a bucket and its keys, a batch per pass, and only what carries this registry's mark."""

from __future__ import annotations

from dataclasses import replace

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.container_owner import is_own
from harbor_operator.checks.rgw_user import is_own_user, owns_login
from harbor_operator.model.outcomes import Done, Outcome, Pending, Removed
from harbor_operator.model.s3 import Bucket, DesiredS3
from harbor_operator.model.storage import RgwUser
from harbor_operator.plan import names
from harbor_operator.plan.container_owner import read_owner
from harbor_operator.plan.storage import PROBE_PREFIX, S3_IMAGE_PREFIX
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.ports.rgw_admin import RgwAdmin
from harbor_operator.ports.s3_store import S3Store
from harbor_operator.reasons import Reason
from harbor_operator.steps.rgw_user import remove_unused_user
from harbor_operator.steps.s3_account import S3Accounts

MAX_BATCH_OBJECTS = 1000
NEXT_BATCH_SECONDS = 0.5


class S3Removal:
    """Removes data, then the keys for it, then the Secret with the keys."""

    def __init__(self, kube: NamespaceResources, store: S3Store, rgw: RgwAdmin, accounts: S3Accounts) -> None:
        self._kube = kube
        self._store = store
        self._rgw = rgw
        self._accounts = accounts

    async def remove(self, registry: HarborRegistry, desired: DesiredS3) -> Outcome:
        """Removes what is this registry's, at most a batch; Pending while more is left."""
        where = f"bucket '{desired.place.name}'"
        secret = await self._kube.read_secret(registry.metadata.namespace, desired.secret.name)
        if secret is None:
            return Done(f"Secret '{desired.secret.name}' does not exist, so {where} is retained")
        ours = names.owner_labels(registry).items() <= secret.labels.items()
        if desired.provision is None or not ours:
            return await self._remove_data(registry, desired, None)
        access = await self._accounts.read_admin(registry, desired, desired.provision)
        stored = secret.values.get(desired.secret.access_key_key)
        access_key = stored.get_secret_value() if stored else desired.provision.username
        user = await self._rgw.read_user(access, desired.provision.uid)
        outcome: Outcome = Removed(f"{where} is removed")
        # An earlier pass removed the data before the keys.
        if user is not None and access_key in user.s3_keys:
            outcome = await self._remove_data(registry, desired, user)
            if not isinstance(outcome, Done):
                return outcome
        note = ""
        if user is not None and owns_login(desired.provision, access_key, user):
            await self._rgw.remove_s3_key(access, desired.provision.uid, access_key)
            note = await remove_unused_user(self._rgw, access, desired.provision)
        await self._kube.remove_secret(registry.metadata.namespace, desired.secret.name, names.owner_labels(registry))
        return replace(outcome, message=f"{outcome.message}{note}")

    async def _remove_data(self, registry: HarborRegistry, desired: DesiredS3, user: RgwUser | None) -> Outcome:
        """Removes a batch of objects and uploads; at the end the mark, and the bucket of the operator's own user."""
        bucket = Bucket(await self._accounts.read(registry, desired), desired.bucket)
        where = f"bucket '{desired.place.name}'"
        if await self._store.read_bucket(bucket) is None:
            return Removed(f"{where} is removed")
        if retained := await self._check_mark(registry, desired, bucket):
            return retained
        for prefix in (f"{desired.prefix}{S3_IMAGE_PREFIX}", f"{desired.prefix}{PROBE_PREFIX}"):
            if await self._remove_batch(bucket, prefix):
                return Pending(
                    Reason.STORAGE_CLEANING_UP, f"removing the images of {where}", requeue_after=NEXT_BATCH_SECONDS
                )
        is_ours = user is not None and desired.provision is not None and is_own_user(desired.provision, user)
        return await self._remove_bucket(desired, bucket, is_ours=is_ours)

    async def _check_mark(self, registry: HarborRegistry, desired: DesiredS3, bucket: Bucket) -> Done | None:
        """Returns why the images are retained, or None if they belong to this registry."""
        where, proof = f"bucket '{desired.place.name}'", desired.place.proof
        owner = read_owner(await self._store.read_metadata(bucket, proof))
        if owner is None or not is_own(owner, registry):
            return Done(f"{where} is retained: it does not carry the mark of this registry ('{proof}')")
        if owner.adopted:
            return Done(f"{where} is retained: it was adopted (`spec.storage.s3.adoptExisting`)")
        return None

    async def _remove_bucket(self, desired: DesiredS3, bucket: Bucket, *, is_ours: bool) -> Removed:
        """Removes the mark, and the empty bucket if it belongs to a user that the operator created."""
        where, proof = f"bucket '{desired.place.name}'", desired.place.proof
        foreign = [key for key in await self._store.list_objects(bucket, "", 2) if key != proof]
        await self._store.remove_objects(bucket, [proof])
        if not is_ours:
            return Removed(f"the images of {where} are removed; the operator did not create the bucket and retains it")
        if foreign:
            return Removed(f"{where} is retained: it holds objects of another client ('{foreign[0]}')")
        if not await self._store.remove_bucket(bucket):
            return Removed(f"{where} is retained: it holds old versions, or uploads of another client")
        return Removed(f"{where} is removed")

    async def _remove_batch(self, bucket: Bucket, prefix: str) -> bool:
        """Removes what is below the prefix, up to a limit; returns whether there was anything."""
        uploads = await self._store.list_uploads(bucket, prefix)
        for upload in uploads:
            await self._store.abort_upload(bucket, upload)
        keys = await self._store.list_objects(bucket, prefix, MAX_BATCH_OBJECTS)
        await self._store.remove_objects(bucket, keys)
        return bool(keys or uploads)
