"""Release: the Helm release of the Harbor chart is what the spec says, and its workloads are ready.

One pass reads Secrets and the stored release, checks the spec against both, and only then writes Secrets and starts
Helm. Helm runs in the background; its end wakes the next pass, which reads the result from Helm's own Secrets.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never

from harbor_operator.api.v1alpha1 import DeletionPolicy, HarborRegistry, Release
from harbor_operator.checks.hub_cache import check_hub_caches, hub_cache_warnings
from harbor_operator.checks.release import failure_reason, foreign_release, repeated_upgrade
from harbor_operator.checks.release_rights import DEFAULT_ACCOUNT, explain_failure
from harbor_operator.checks.workloads import MAX_LISTED_WORKLOADS
from harbor_operator.model.outcomes import NOT_REQUESTED, Blocked, ConditionType, Done, Outcome, Pending
from harbor_operator.model.release import Action, DesiredRelease, ObservedRelease, SecretGenerator
from harbor_operator.plan import names
from harbor_operator.plan.generated_secrets import redact
from harbor_operator.plan.helm_storage import (
    current_selector,
    read_revisions,
    release_selector,
    revision_secret,
    unlock_patch,
    workload_selector,
)
from harbor_operator.plan.release import (
    ACTION_FOR,
    MAX_REPEATED_UPGRADES,
    check_change,
    determine_state,
    failures_in_a_row,
    first_difference,
    plan_release,
    retry_delay,
)
from harbor_operator.plan.storage_migration import allows_storage
from harbor_operator.ports.helm import Helm
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.ports.postgres import Postgres
from harbor_operator.reasons import Reason
from harbor_operator.steps.harbor_database import HarborDatabase
from harbor_operator.steps.release_adoption import ReleaseAdoption
from harbor_operator.steps.release_guard import ReleaseGuard
from harbor_operator.steps.release_messages import deletion_message, describe_run, time_of_day
from harbor_operator.steps.release_payload import read_stored
from harbor_operator.steps.release_records import ReleaseRecords
from harbor_operator.steps.release_rights import check_rights
from harbor_operator.steps.release_secrets import ReleaseSecretStore
from harbor_operator.steps.release_volumes import apply_volume_policy
from harbor_operator.steps.upgrade_guard import UpgradeGuard

REQUEUE_SECONDS = 3.0
UNLOCKED_REQUEUE_SECONDS = 0.5
MAX_LOCKED_REQUEUE_SECONDS = 10.0
DEFAULT_UNINSTALL_SECONDS = 300


class ReleaseStep:
    """Installs, upgrades and uninstalls with Helm; progress is read from Helm's Secrets and from the workloads."""

    condition_type = ConditionType.RELEASE
    depends_on = (ConditionType.DATABASE, ConditionType.CACHE, ConditionType.STORAGE)

    def __init__(
        self,
        kube: NamespaceResources,
        postgres: Postgres,
        helm: Helm,
        generator: SecretGenerator,
        clock: Callable[[], datetime],
    ) -> None:
        self._kube = kube
        database = HarborDatabase(kube, postgres)
        self._guard = ReleaseGuard(kube, database)
        self._upgrade_guard = UpgradeGuard(database, clock)
        self._helm = helm
        self._release_secrets = ReleaseSecretStore(kube, generator, clock)
        self._records = ReleaseRecords(kube)
        self._adoption = ReleaseAdoption(kube, helm, self._release_secrets)
        self._clock = clock
        # Upgrades with one digest since the release was last as desired, by registry.
        self._upgrades: dict[str, tuple[str, int]] = {}

    async def reconcile(self, registry: HarborRegistry) -> Outcome:
        """Returns Done once the release is as desired and its workloads are ready."""
        release = registry.spec.release
        if release is None:
            return NOT_REQUESTED
        # Before the release is observed: what a run that ends meanwhile has changed is read in the next pass.
        progress = self._helm.running(registry.metadata.namespace, names.release(registry))
        observed = await self._observe(registry)
        if progress:
            message = describe_run(names.release(registry), progress)
            outcome: Outcome = Pending(_progress_reason(observed), message, REQUEUE_SECONDS, observed.facts)
        else:
            outcome = await self._reconcile_at_rest(registry, release, observed)
        return self._upgrade_guard.with_facts(outcome, registry, release, observed)

    async def _reconcile_at_rest(
        self, registry: HarborRegistry, release: Release, observed: ObservedRelease
    ) -> Outcome:
        """Reconciles while no Helm run of this operator works on the release."""
        if release.adopt and not observed.belongs_to(names.owner_labels(registry)):
            if blocked := await self._adoption.reconcile(registry, release, observed):
                return blocked
            observed = await self._observe(registry)
        await self._records.record_deployed(registry, observed)
        desired = await self._prepare(registry, release, observed)
        if isinstance(desired, Blocked | Pending):
            return desired
        outcome = await self._act(registry, desired, observed)
        warnings = hub_cache_warnings(registry, release.version) + await self._release_secrets.read_warnings(registry)
        return replace(outcome, warnings=(*outcome.warnings, *warnings))

    async def teardown(self, registry: HarborRegistry) -> Outcome:
        """Uninstalls this registry's release; the Secrets that the data depends on are left to the database step."""
        if registry.spec.release is None:
            return NOT_REQUESTED
        namespace, name = registry.metadata.namespace, names.release(registry)
        if registry.spec.deletion_policy.release is DeletionPolicy.RETAIN:
            return Done(f"Helm release '{name}' is retained: `spec.deletionPolicy.release` is 'Retain'")
        if running := self._helm.running(namespace, name):
            return Pending(Reason.RELEASE_UNINSTALLING, describe_run(name, running), REQUEUE_SECONDS)
        observed = await self._observe(registry, release_selector(name))
        if observed.belongs_to(names.owner_labels(registry)):
            if observed.newest:
                await apply_volume_policy(self._kube, registry, observed.newest)
            await self._records.record_deployed(registry, observed)
            return await self._uninstall(registry, observed)
        left = await self._kube.read_workloads(namespace, workload_selector(name))
        if left and not observed.revisions:
            listed = ", ".join(f"'{workload.name}'" for workload in left[:MAX_LISTED_WORKLOADS])
            return Pending(Reason.RELEASE_UNINSTALLING, f"{listed} of release '{name}' still exist", REQUEUE_SECONDS)
        await self._release_secrets.remove_copies(registry)
        self._upgrades.pop(registry.metadata.uid, None)
        return Done(deletion_message(registry, foreign=bool(observed.revisions)))

    async def _observe(self, registry: HarborRegistry, selector: str = "") -> ObservedRelease:
        namespace, name = registry.metadata.namespace, names.release(registry)
        secrets = await self._kube.read_secrets(namespace, selector or current_selector(name))
        revisions = read_revisions((secret.name, secret.labels) for secret in secrets)
        if not revisions:
            return ObservedRelease(())
        newest = next(secret for secret in secrets if secret.name == revision_secret(name, revisions[-1].number))
        # Ownership first: the payload of another release is not this registry's to read.
        if not newest.belongs_to(names.owner_labels(registry)):
            return ObservedRelease(revisions, newest)
        deployed = [revision.number for revision in revisions if revision.status == "deployed"][-1:]
        replaced = [secret for secret in secrets if deployed and secret.name == revision_secret(name, deployed[0])]
        return ObservedRelease(revisions, newest, await read_stored(newest), replaced[0] if replaced else newest)

    async def _prepare(
        self, registry: HarborRegistry, release: Release, observed: ObservedRelease
    ) -> DesiredRelease | Blocked | Pending:
        """Checks first, and writes the Secrets of a release that passed all checks."""
        if refused := check_hub_caches(registry, release.version, observed.installed_version):
            return refused
        found = await self._release_secrets.read(registry, release)
        if isinstance(found, Blocked):
            return found
        draft = plan_release(registry, release, found)
        if isinstance(draft, Blocked):
            return draft
        state = determine_state(observed, draft, names.owner_labels(registry))
        stopped = (
            check_change(state, observed, draft, moves_images=allows_storage(registry, found.storage_migration))
            or await self._guard.check(registry, draft, found, observed)
            or await self._upgrade_guard.check(registry, release, found, observed)
        )
        if stopped:
            return stopped
        secrets = await self._release_secrets.ensure(registry, release, found)
        await self._records.record_certificate(registry, secrets)
        return draft if secrets == found else plan_release(registry, release, secrets)

    async def _act(self, registry: HarborRegistry, desired: DesiredRelease, observed: ObservedRelease) -> Outcome:
        state = determine_state(observed, desired, names.owner_labels(registry))
        action = ACTION_FOR[state]
        match action:
            case Action.REFUSE:
                return foreign_release(desired.name, desired.namespace)
            case Action.UNLOCK:
                return await self._unlock(desired, observed)
            case Action.VERIFY:
                self._upgrades.pop(registry.metadata.uid, None)
                return await self._records.verify(registry, desired, observed)
            case Action.UPGRADE if repeated := self._check_repetition(registry, desired, observed):
                return repeated
            case Action.INSTALL | Action.UPGRADE | Action.RETRY:
                return await self._upgrade(desired, observed)
        assert_never(action)

    def _check_repetition(
        self, registry: HarborRegistry, desired: DesiredRelease, observed: ObservedRelease
    ) -> Blocked | None:
        """Counts upgrades that succeeded with this digest and did not make the release as desired."""
        digest, count = self._upgrades.get(registry.metadata.uid, ("", 0))
        count = count + 1 if digest == desired.digest == observed.revisions[-1].digest else 0
        if count > MAX_REPEATED_UPGRADES:
            return repeated_upgrade(desired.name, MAX_REPEATED_UPGRADES, first_difference(desired, observed.stored))
        self._upgrades[registry.metadata.uid] = desired.digest, count
        return None

    async def _upgrade(self, desired: DesiredRelease, observed: ObservedRelease) -> Outcome:
        if wait := self._retry_wait(desired, observed):
            return wait
        account = desired.service_account
        if blocked := await check_rights(self._helm, desired.namespace, account, observed.replaced):
            return replace(blocked, facts=observed.facts)
        await self._helm.start_upgrade(desired)
        verb = "upgrades release" if observed.has_been_deployed else "installs release"
        progress = self._helm.running(desired.namespace, desired.name)
        message = f"Helm {verb} '{desired.name}' with chart {desired.version}"
        if progress and progress.queued:
            message = describe_run(desired.name, progress)
        return Pending(_progress_reason(observed), message, REQUEUE_SECONDS, observed.facts)

    def _retry_wait(self, desired: DesiredRelease, observed: ObservedRelease) -> Pending | Blocked | None:
        """Returns the wait between a failure with this digest and its retry.

        Another digest, or another login for the chart, is tried at once.
        """
        stored = observed.stored
        recorded = failures_in_a_row(observed, desired.digest)
        last = self._helm.result(desired.namespace, desired.name)
        failed = last if last and last.digest == desired.digest and not last.succeeded else None
        if failed and failed.reason and failed.access_digest != desired.access_digest:
            return None
        failed_at = failed.finished_at if failed else stored.changed_at if stored and recorded else None
        if failed_at is None:
            return None
        message = failed.message if failed else redact(stored.description if stored else "", desired.secrets)
        failures = max(recorded, failed.failures if failed else 0)
        due = failed_at + timedelta(seconds=retry_delay(failures))
        remaining = (due - self._clock()).total_seconds()
        if remaining <= 0:
            return None
        if failed and failed.reason and failed.is_refused:
            return Blocked(failed.reason, message, observed.facts)
        return Pending(
            (failed.reason if failed else None) or failure_reason(message),
            f"Helm failed {failures} time(s) on release '{desired.name}', next try at {time_of_day(due)}:"
            f" {explain_failure(message)}",
            remaining,
            observed.facts,
        )

    async def _unlock(self, desired: DesiredRelease, observed: ObservedRelease) -> Outcome:
        """Clears the lock of a Helm run that is gone; after a restart, another process may still hold it."""
        newest, stored, timeout = observed.newest, observed.stored, desired.timeout_seconds
        since = stored.changed_at if stored else None
        age = (self._clock() - since).total_seconds() if since else float(timeout) + 1
        status = observed.revisions[-1].status
        if age <= timeout or newest is None:
            message = (
                f"release '{desired.name}' is '{status}' since {time_of_day(since)} by a Helm run that this operator"
                f" did not start; the lock is cleared after {timeout} s (`spec.release.timeoutSeconds`)"
            )
            return Pending(Reason.RELEASE_LOCKED, message, min(MAX_LOCKED_REQUEUE_SECONDS, timeout - age + 1))
        patch = await asyncio.to_thread(unlock_patch, newest.values["release"])
        await self._kube.patch_secret(desired.namespace, newest.name, patch, newest.resource_version)
        message = f"release '{desired.name}' was left '{status}'; its lock is cleared and Helm runs again"
        return Pending(Reason.RELEASE_LOCKED, message, UNLOCKED_REQUEUE_SECONDS)

    async def _uninstall(self, registry: HarborRegistry, observed: ObservedRelease) -> Outcome:
        namespace, name = registry.metadata.namespace, names.release(registry)
        last = self._helm.result(namespace, name)
        if last and not last.digest and not last.succeeded:
            due = last.finished_at + timedelta(seconds=retry_delay(last.failures))
            remaining = (due - self._clock()).total_seconds()
            if remaining > 0:
                why = explain_failure(last.message)
                message = f"uninstalling Helm release '{name}' failed, next try at {time_of_day(due)}: {why}"
                return Pending(last.reason or failure_reason(last.message), message, remaining)
        release = registry.spec.release
        timeout = release.timeout_seconds if release else DEFAULT_UNINSTALL_SECONDS
        account = release.service_account_name if release else DEFAULT_ACCOUNT
        if blocked := await check_rights(self._helm, namespace, account, observed.newest):
            return blocked
        await self._helm.start_uninstall(namespace, name, account, timeout)
        return Pending(Reason.RELEASE_UNINSTALLING, f"Helm uninstalls release '{name}'", REQUEUE_SECONDS)


def _progress_reason(observed: ObservedRelease) -> Reason:
    return Reason.RELEASE_UPGRADING if observed.has_been_deployed else Reason.RELEASE_INSTALLING
