"""The storage that a release uses: that of the spec, or the target of a migration that has switched to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Concatenate, ParamSpec, TypeVar

from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.storage_migration import (
    about_target,
    check_storage,
    describe_left_storage,
    describe_removed,
)
from harbor_operator.model.outcomes import ConditionType, Done, Outcome, Removed
from harbor_operator.model.storage_migration import MigrationRecord
from harbor_operator.plan import names
from harbor_operator.plan.generated_secrets import STORAGE_MIGRATION_KEY
from harbor_operator.plan.storage_migration import can_migrate, in_use, read_record, unfinished_copy, write_record
from harbor_operator.ports import Refused
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.reasons import Reason
from harbor_operator.steps import Step
from harbor_operator.steps.own_secret import OwnSecret

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class MigrationRecords:
    """The record of each registry's migration, beside its generated secrets."""

    def __init__(self, kube: NamespaceResources) -> None:
        self._secret = OwnSecret(kube, names.generated_secrets)

    async def read(self, registry: HarborRegistry) -> MigrationRecord | None:
        """Returns the record, or None; reads nothing for a registry that cannot have one.

        The record of a registry that was deleted with its images counts no more.

        Raises Refused(SECRET_INVALID) for one that the operator did not write: without it, the release could return
        to a storage that lacks the newest images.
        """
        record = await self.read_for_teardown(registry)
        return None if record and record.removed_uid else record

    async def read_for_teardown(self, registry: HarborRegistry) -> MigrationRecord | None:
        """Returns the record as `read` does, also when an earlier pass of this deletion has removed the images."""
        if not can_migrate(registry):
            return None
        stored = (await self._secret.read(registry)).get(STORAGE_MIGRATION_KEY, SecretStr(""))
        try:
            record = read_record(stored.get_secret_value())
        except ValueError:
            raise Refused(
                Reason.SECRET_INVALID,
                f"key '{STORAGE_MIGRATION_KEY}' of Secret '{names.generated_secrets(registry)}' is not what the "
                "operator wrote: restore the Secret from a backup",
            ) from None
        is_of_another = record is not None and record.removed_uid not in {"", registry.metadata.uid}
        return None if is_of_another else record

    async def write(self, registry: HarborRegistry, record: MigrationRecord | None) -> None:
        """Stores the record, or removes it; all other keys stay."""
        await self._secret.update(
            registry, {STORAGE_MIGRATION_KEY: SecretStr(write_record(record)) if record else None}
        )


class StorageInUse:
    """Replaces the storage of a registry by the one that its release uses."""

    def __init__(self, records: MigrationRecords) -> None:
        self._records = records

    async def registry(self, registry: HarborRegistry) -> HarborRegistry:
        """Returns the registry with that storage."""
        return in_use(registry, await self._records.read(registry))

    def around(
        self, act: Callable[Concatenate[HarborRegistry, Parameters], Awaitable[Result]]
    ) -> Callable[Concatenate[HarborRegistry, Parameters], Awaitable[Result]]:
        """Returns the same function, which gets the registry with that storage."""

        async def wrapped(registry: HarborRegistry, /, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
            return await act(await self.registry(registry), *args, **kwargs)

        return wrapped


class StorageInUseStep:
    """A step that works on the storage in use; the Storage step refuses what the spec must not name."""

    def __init__(self, step: Step, records: MigrationRecords) -> None:
        self.condition_type = step.condition_type
        self.depends_on = step.depends_on
        self._step = step
        self._records = records

    async def reconcile(self, registry: HarborRegistry) -> Outcome:
        """Returns the outcome of the step."""
        record = await self._records.read(registry)
        if self.condition_type is ConditionType.STORAGE and (blocked := check_storage(registry, record)):
            return blocked
        used = in_use(registry, record)
        if used is registry:
            return await self._step.reconcile(registry)
        try:
            outcome = await self._step.reconcile(used)
        except Refused as error:
            raise Refused(error.reason, about_target(str(error))) from None
        warnings = tuple(replace(warning, message=about_target(warning.message)) for warning in outcome.warnings)
        return replace(outcome, message=about_target(outcome.message), warnings=warnings)

    async def teardown(self, registry: HarborRegistry) -> Outcome:
        """Tears the step down; a storage that must not be used is not removed either."""
        record = await self._records.read_for_teardown(registry)
        if self.condition_type is not ConditionType.STORAGE or record is None:
            return await self._step.teardown(in_use(registry, record))
        if record.removed_uid:
            return Done(describe_removed(record))
        if blocked := check_storage(registry, record):
            return Done(f"no storage is removed: {blocked.message}")
        left = await self._teardown_copy(registry, record)
        if not isinstance(left, Done):
            return left
        outcome = await self._step.teardown(in_use(registry, record))
        if isinstance(outcome, Removed) and not isinstance(left, Removed):
            # Not without a record: the next pass of this deletion would take a migrated source for the storage in use.
            await self._records.write(registry, replace(record, removed_uid=registry.metadata.uid))
        return replace(outcome, message=f"{outcome.message}; {left.message}")

    async def _teardown_copy(self, registry: HarborRegistry, record: MigrationRecord) -> Outcome:
        """Tears down a copy that is not complete: what was marked as this registry's, and never a source."""
        target = unfinished_copy(registry, record)
        if target is None:
            return Done(describe_left_storage(record))
        try:
            outcome = await self._step.teardown(target)
        except Refused as error:
            raise Refused(error.reason, about_target(str(error))) from None
        if isinstance(outcome, Removed):
            await self._records.write(registry, None)
        return replace(outcome, message=about_target(f"copy of a migration: {outcome.message}"))
