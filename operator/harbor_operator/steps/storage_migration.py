"""The part of Configured that migrates the images to another storage.

Each pass does a bounded part of the work, stores how far it is, and asks for the next pass at once. What changes
Harbor or the release is recorded before it is done, so that a crash at any point is followed by the same act again.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

from harbor_operator.api.backup import READ_ONLY_SINCE
from harbor_operator.api.request_annotations import read_request
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.storage_migration import (
    about_target,
    bucket_place,
    check_start,
    check_target,
    describe_abort,
    finished_warning,
    same_storage,
)
from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.outcomes import Blocked, Done, Facts, Pending
from harbor_operator.model.s3 import Bucket, DesiredS3
from harbor_operator.model.storage import Container, DesiredSwift
from harbor_operator.model.storage_migration import MigrationAct, MigrationPhase, MigrationRecord
from harbor_operator.plan.storage import plan_storage
from harbor_operator.plan.storage_migration import (
    can_migrate,
    completed,
    copied,
    counted,
    describe,
    facts,
    interrupted,
    next_act,
    start,
    target_of,
)
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.object_store import ObjectStore
from harbor_operator.ports.s3_store import S3Store
from harbor_operator.reasons import Reason
from harbor_operator.steps import Step
from harbor_operator.steps.outcomes import BlockedError, raise_if_blocked
from harbor_operator.steps.s3_account import S3Accounts
from harbor_operator.steps.storage_account import StorageAccounts
from harbor_operator.steps.storage_copy import PAGE_OBJECTS, ImageCopy, ImageSource, S3Images, SwiftImages
from harbor_operator.steps.storage_identity import is_same_storage
from harbor_operator.steps.storage_in_use import MigrationRecords
from harbor_operator.steps.storage_migration_harbor import MigrationHarbor

SLICE_SECONDS = 20.0
"""After which a pass ends with the batch that it copies: other steps of the registry wait meanwhile."""
AT_ONCE_SECONDS, WAIT_SECONDS = 0.1, 10.0

_NO_MIGRATION = Done("", facts=Facts(storage_migration=facts(None)))


@dataclass(frozen=True, slots=True)
class MigrationStores:
    """The stores between which images are copied, and who reads their logins; `new_name` returns a random name."""

    swift: ObjectStore
    s3: S3Store
    swift_accounts: StorageAccounts
    s3_accounts: S3Accounts
    new_name: Callable[[], str]


class StorageMigrationSection:
    """Migrates the images of a registry; the Release step switches to the target once the record says so.

    `storage` is the step that proves and marks a storage; `monotonic` is a clock in seconds.
    """

    def __init__(
        self,
        records: MigrationRecords,
        storage: Step,
        stores: MigrationStores,
        harbor: MigrationHarbor,
        monotonic: Callable[[], float],
    ) -> None:
        self._records = records
        self._storage = storage
        self._stores = stores
        self._harbor = harbor
        self._monotonic = monotonic

    def is_requested(self, registry: HarborRegistry) -> bool:
        """Whether the registry can have a migration; without one, nothing but its record is read."""
        return can_migrate(registry)

    async def reconcile(self, registry: HarborRegistry, admin: HarborEndpoint) -> Done | Pending | Blocked:
        """Does the next part of the migration."""
        record = await self._records.read(registry)
        act = next_act(registry, record)
        if act is MigrationAct.START:
            return await self._start(registry, admin, record)
        if record is None or act is MigrationAct.NOTHING:
            return _NO_MIGRATION
        acts = {
            MigrationAct.COUNT: self._go_on,
            MigrationAct.COPY: self._go_on,
            MigrationAct.PROVE: self._prove,
            MigrationAct.END_READ_ONLY: self._end_read_only,
            MigrationAct.SETTLE: self._settle,
            MigrationAct.ABORT: self._abort,
            MigrationAct.REPORT: self._report,
        }
        return await acts[act](registry, admin, record)

    async def _start(
        self, registry: HarborRegistry, admin: HarborEndpoint, earlier: MigrationRecord | None
    ) -> Pending | Blocked:
        if blocked := check_start(registry):
            return blocked
        if since := read_request(registry.metadata.annotations, READ_ONLY_SINCE):
            message = f"the storage migration waits for the backup that began at {since}"
            return Pending(Reason.STORAGE_MIGRATING, message, WAIT_SECONDS)
        is_read_only = await self._harbor.check_settable(admin)
        target, source = await self._target(registry), await self._source(registry)
        record = start(registry, earlier, is_read_only=is_read_only)
        if await is_same_storage(source, target, self._stores.new_name()):
            return same_storage(record)
        await self._records.write(registry, record)
        return _pending(record)

    async def _go_on(
        self, registry: HarborRegistry, admin: HarborEndpoint, record: MigrationRecord
    ) -> Pending | Blocked:
        if blocked := check_start(registry):
            return blocked
        record = await self._keep_read_only(registry, admin, record)
        source, target = await self._source(registry), await self._target(registry)
        if record.phase is MigrationPhase.COUNTING:
            return _pending(await self._count(registry, source, record))
        try:
            async with source.persistent() as connected, target.persistent() as written:
                copy = ImageCopy(connected, written, keeps_target=record.was_switched)
                record, is_complete = await self._copy(registry, copy, record)
        except BlockedError:
            raise
        except Refused as error:
            is_about_target = isinstance(source, SwiftImages)
            raise Refused(error.reason, about_target(str(error)) if is_about_target else str(error)) from None
        return _pending(await self._complete(registry, admin, record) if is_complete else record)

    async def _keep_read_only(
        self, registry: HarborRegistry, admin: HarborEndpoint, record: MigrationRecord
    ) -> MigrationRecord:
        """Returns the same record while Harbor is read-only; else makes it read-only, and returns where to begin again.

        Raises BlockedError if Harbor does not keep the setting.
        """
        if await self._harbor.is_read_only(admin):
            return record
        record = interrupted(record)
        await self._records.write(registry, record)
        await self._harbor.set_read_only(admin)
        return record

    async def _complete(
        self, registry: HarborRegistry, admin: HarborEndpoint, record: MigrationRecord
    ) -> MigrationRecord:
        """Returns the record of the next phase; before the switch, Harbor must have stayed read-only until now."""
        following = completed(record)
        if following.phase is MigrationPhase.SWITCHING:
            kept = await self._keep_read_only(registry, admin, record)
            if kept is not record:
                return kept
            following = replace(following, images=await self._harbor.find_images(admin))
        await self._records.write(registry, following)
        return following

    async def _count(self, registry: HarborRegistry, source: ImageSource, record: MigrationRecord) -> MigrationRecord:
        begin = self._monotonic()
        while page := await source.list(record.after, PAGE_OBJECTS):
            record = counted(record, page)
            if self._monotonic() - begin >= SLICE_SECONDS:
                break
        else:
            record = completed(record, await source.measure())
        await self._records.write(registry, record)
        return record

    async def _copy(
        self, registry: HarborRegistry, copy: ImageCopy, record: MigrationRecord
    ) -> tuple[MigrationRecord, bool]:
        """Returns how far the copy is, and whether it is at the end of the source."""
        is_complete = False
        begin = batch_begin = self._monotonic()
        try:
            async with aclosing(copy.batches(record.after)) as batches:
                async for batch in batches:
                    now = self._monotonic()
                    record, batch_begin = copied(record, batch, now - batch_begin), now
                    if now - begin >= SLICE_SECONDS:
                        break
                else:
                    is_complete = True
        except (Unavailable, Refused):
            await self._records.write(registry, record)
            raise
        await self._records.write(registry, record)
        return record, is_complete

    async def _prove(
        self, registry: HarborRegistry, admin: HarborEndpoint, record: MigrationRecord
    ) -> Pending | Blocked:
        """Pulls images through the registry, which runs on the target now."""
        kept = await self._keep_read_only(registry, admin, record)
        if kept is not record:
            return _pending(kept)
        if blocked := await self._harbor.prove(admin, record):
            return replace(blocked, facts=Facts(storage_migration=facts(record)))
        record = replace(record, phase=MigrationPhase.FINISHED)
        await self._records.write(registry, record)
        return _pending(record)

    async def _end_read_only(self, registry: HarborRegistry, admin: HarborEndpoint, record: MigrationRecord) -> Pending:
        await self._harbor.end_read_only(admin)
        record = replace(record, sets_read_only=False)
        await self._records.write(registry, record)
        return _pending(record, (f"finished the storage migration: Harbor uses {record.target} and is writable",))

    async def _abort(self, registry: HarborRegistry, admin: HarborEndpoint, record: MigrationRecord) -> Done:
        if record.sets_read_only:
            await self._harbor.end_read_only(admin)
        await self._records.write(registry, None)
        return replace(_NO_MIGRATION, changes=(describe_abort(record),))

    async def _settle(self, registry: HarborRegistry, _admin: HarborEndpoint, record: MigrationRecord) -> Done:
        await self._records.write(registry, replace(record, phase=MigrationPhase.SETTLED))
        return _NO_MIGRATION

    async def _report(self, _registry: HarborRegistry, _admin: HarborEndpoint, record: MigrationRecord) -> Done:
        known, warning = Facts(storage_migration=facts(record)), finished_warning(record)
        return Done(describe(record), facts=known, warnings=(warning,))

    async def _source(self, registry: HarborRegistry) -> SwiftImages | S3Images:
        desired = plan_storage(registry)
        if isinstance(desired, DesiredSwift):
            account = await self._stores.swift_accounts.read_swift(registry, desired)
            session = await self._stores.swift.login(account)
            return SwiftImages(self._stores.swift, Container(session, desired.container))
        return await self._s3(registry)

    async def _target(self, registry: HarborRegistry) -> S3Images:
        """Returns the target, proved and marked; BlockedError if the registry could not use it."""
        moved = target_of(registry)
        try:
            outcome = await self._storage.reconcile(moved)
            raise_if_blocked(outcome if isinstance(outcome, Blocked) else None)
            return await self._s3(moved)
        except Refused as error:
            to = moved.spec.storage
            name = bucket_place(to.s3) if to and to.s3 else ""
            raise BlockedError(check_target(name, Blocked(error.reason, str(error)))) from None

    async def _s3(self, registry: HarborRegistry) -> S3Images:
        desired = plan_storage(registry)
        assert isinstance(desired, DesiredS3)  # noqa: S101 - no other kind can be migrated
        account = await self._stores.s3_accounts.read(registry, desired)
        return S3Images(self._stores.s3, Bucket(account, desired.bucket, desired.options), desired.prefix)


def _pending(record: MigrationRecord, changes: tuple[str, ...] = ()) -> Pending:
    known = Facts(storage_migration=facts(record))
    return Pending(Reason.STORAGE_MIGRATING, describe(record), AT_ONCE_SECONDS, known, changes=changes)
