"""How many bytes the store of a registry holds."""

from __future__ import annotations

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.s3 import Bucket, DesiredS3
from harbor_operator.model.storage import Container, DesiredSwift
from harbor_operator.plan.storage import plan_storage
from harbor_operator.ports.object_store import ObjectStore
from harbor_operator.ports.s3_store import S3Store
from harbor_operator.steps.s3_account import S3Accounts
from harbor_operator.steps.storage_account import StorageAccounts


class StoredBytes:
    """Measures the container or bucket of a registry."""

    def __init__(self, swift: StorageAccounts, store: ObjectStore, s3: S3Accounts, s3_store: S3Store) -> None:
        self._swift = swift
        self._store = store
        self._s3 = s3
        self._s3_store = s3_store

    async def measure(self, registry: HarborRegistry) -> int | None:
        """Returns the bytes; None for another kind of storage, and for a bucket with too many objects to list."""
        match plan_storage(registry):
            case DesiredSwift() as desired:
                session = await self._store.login(await self._swift.read_swift(registry, desired))
                usage = await self._store.read_container(Container(session, desired.container))
                return usage.bytes if usage else None
            case DesiredS3() as desired:
                bucket = Bucket(await self._s3.read(registry, desired), desired.bucket, desired.options)
                return await self._s3_store.measure(bucket, desired.prefix)
            case _:
                return None
