"""Finds, and on request repairs, what other clients have changed in the objects of the release."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from harbor_operator.api.v1alpha1 import HarborRegistry, Release, ReleaseDrift
from harbor_operator.checks.release import unreadable_release
from harbor_operator.checks.release_drift import (
    Drift,
    describe_drift,
    describe_failures,
    describe_object,
    drift_unknown,
)
from harbor_operator.model.outcomes import Done, Outcome, Pending, StatusWarning
from harbor_operator.model.release import ListedObject
from harbor_operator.model.release_drift import ObjectFailure, ReleaseObject
from harbor_operator.plan import names
from harbor_operator.plan.helm_manifest import release_objects
from harbor_operator.plan.helm_storage import revision_secret
from harbor_operator.plan.release_drift import find_drift
from harbor_operator.ports import Refused, Unavailable, as_error
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.ports.release_objects import ReleaseObjects
from harbor_operator.reasons import Reason
from harbor_operator.steps import Step

INTERVAL_SECONDS = 600
"""Between two comparisons of a release whose workloads are ready: each costs two requests for each object."""

UNREADY_INTERVAL_SECONDS = 60
"""While workloads are not ready, which a change by another client can cause."""

MAX_REPAIRS = 3
"""Of one object in a row: another client that changes it each time would restart Harbor again and again."""


@dataclass(frozen=True, slots=True)
class _Comparison:
    """The last comparison of a registry; another `cause` asks for the next one at once.

    `changes` says what was applied again, and `repairs` how often in a row, for each object.
    """

    cause: tuple[object, ...]
    compared_at: datetime
    warnings: tuple[StatusWarning, ...]
    changes: tuple[str, ...] = ()
    repairs: Mapping[ListedObject, int] = field(default_factory=dict)


class DriftCheckedReleaseStep:
    """The release step, whose outcome says besides whether the objects are still as Helm applied them.

    The comparison never makes a release less ready: what it finds, and why it finds nothing, are warnings.
    """

    def __init__(
        self, release: Step, kube: NamespaceResources, objects: ReleaseObjects, clock: Callable[[], datetime]
    ) -> None:
        self.condition_type = release.condition_type
        self.depends_on = release.depends_on
        self._release = release
        self._kube = kube
        self._objects = objects
        self._clock = clock
        self._comparisons: dict[str, _Comparison] = {}

    async def reconcile(self, registry: HarborRegistry) -> Outcome:
        """Returns the outcome of the release, with the warnings of the last comparison of a deployed one."""
        outcome, release = await self._release.reconcile(registry), registry.spec.release
        revision = outcome.facts.release_revision
        is_deployed = isinstance(outcome, Done) or outcome.reason is Reason.WORKLOADS_NOT_READY
        if release is None or revision is None or not is_deployed or not isinstance(outcome, Done | Pending):
            return outcome
        cause = (revision, release.drift, registry.metadata.reconcile_request)
        last, now = self._comparisons.get(registry.metadata.uid), self._clock()
        interval = INTERVAL_SECONDS if isinstance(outcome, Done) else UNREADY_INTERVAL_SECONDS
        if last and last.cause == cause and now - last.compared_at < timedelta(seconds=interval):
            return replace(outcome, warnings=(*outcome.warnings, *last.warnings))
        before = last if last and last.cause == cause else _Comparison(cause, now, ())
        found = await self._compare(registry, release, revision, replace(before, compared_at=now))
        self._comparisons[registry.metadata.uid] = found
        warnings, changes = (*outcome.warnings, *found.warnings), (*outcome.changes, *found.changes)
        return replace(outcome, warnings=warnings, changes=changes)

    async def teardown(self, registry: HarborRegistry) -> Outcome:
        """Uninstalls the release."""
        self._comparisons.pop(registry.metadata.uid, None)
        return await self._release.teardown(registry)

    async def _compare(
        self, registry: HarborRegistry, release: Release, revision: int, before: _Comparison
    ) -> _Comparison:
        """Returns what differs now, and what was applied again; `before` has the time of now."""
        name, namespace, account = names.release(registry), registry.metadata.namespace, release.service_account_name
        try:
            desired = await self._read_objects(registry, revision)
            observed = await self._objects.observe(namespace, account, desired)
            drifted = [drift for each in observed if (drift := find_drift(each))]
            changed = {each.listed: each for each in drifted if each.repair}
            wanted = changed if release.drift is ReleaseDrift.REPAIR else {}
            conflicting = [each for listed, each in wanted.items() if before.repairs.get(listed, 0) >= MAX_REPAIRS]
            repairs = [each.repair for each in wanted.values() if each.repair and each not in conflicting]
            failures = await self._objects.apply(namespace, account, repairs) if repairs else ()
        except (Unavailable, Refused) as error:
            text = f"the objects of release '{name}' could not be compared: {error}"
            return replace(before, warnings=(drift_unknown(text),), changes=())
        not_compared = [ObjectFailure(each.desired.listed, each.error) for each in observed if each.error]
        failed = {failure.listed for failure in failures}
        warnings = (
            *describe_drift(Drift.CHANGED, name, list(changed.values()) if not wanted else ()),
            *describe_drift(Drift.CONFLICTING, name, conflicting),
            *describe_drift(Drift.VOLUME_LOST, name, [each for each in drifted if not each.repair]),
            *describe_failures(name, not_compared, "compared"),
            *describe_failures(name, failures, "applied again"),
        )
        repaired = [changed[each.listed] for each in repairs if each.listed not in failed]
        counts = {each.listed: before.repairs.get(each.listed, 0) + 1 for each in repaired}
        return replace(
            before,
            warnings=warnings,
            changes=tuple(f"applied again: {describe_object(each)}" for each in repaired),
            repairs=counts | {each.listed: MAX_REPAIRS for each in conflicting},
        )

    async def _read_objects(self, registry: HarborRegistry, revision: int) -> tuple[ReleaseObject, ...]:
        """Returns the objects of a deployed revision; Refused if its Secret is gone or does not contain them."""
        name, namespace = names.release(registry), registry.metadata.namespace
        secret = await self._kube.read_secret(namespace, revision_secret(name, revision))
        if secret is None or not secret.belongs_to(names.owner_labels(registry)):
            raise as_error(unreadable_release(revision_secret(name, revision)))
        try:
            # In a thread: any user who can write Secrets in the namespace controls the size of the payload.
            return await asyncio.to_thread(release_objects, secret.values["release"], name, namespace)
        except (KeyError, TypeError, ValueError) as error:
            raise as_error(unreadable_release(secret.name)) from error
