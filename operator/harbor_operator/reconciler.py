"""One pass over one registry: parse, run every step in order, write the status if it changed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, assert_never

from pydantic import ValidationError

from harbor_operator import status, teardown
from harbor_operator.api.reconcile_request import reconcile_request
from harbor_operator.api.v1alpha1 import HarborRegistry, Metadata
from harbor_operator.checks.deletion import is_abandoned, is_untouched
from harbor_operator.model.backoff import backoff_seconds
from harbor_operator.model.outcomes import NOTHING, Blocked, ConditionType, Done, Outcome, Pending, Unknown
from harbor_operator.plan.deletion import salvage
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.cluster_identity import ClusterIdentity
from harbor_operator.ports.registry_status import RegistryStatusApi
from harbor_operator.reasons import Reason
from harbor_operator.status_facts import Status
from harbor_operator.steps import DegradedStep, Step
from harbor_operator.steps.attempt import attempt
from harbor_operator.steps.secret_cache import OwnSecrets, SecretCache, one_pass

LOG = logging.getLogger(__name__)

Body = Mapping[str, Any]
Outcomes = dict[ConditionType, Outcome]
SUSPENDED_RECHECK_SECONDS = 300.0
WAITING_RECHECK_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class ReconcileResult:
    """The end of a pass; `requeue_after` is in seconds.

    `failed` means that something could not be observed. `secret_versions` are the resource versions of the Secrets that
    the pass read or wrote, by namespace and name; empty for a Secret that does not exist.
    """

    requeue_after: float
    status: Status
    failed: bool = False
    secret_versions: Mapping[tuple[str, str], str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _WrittenStatus:
    status: Status
    resource_version: str


class Reconciler:
    """Runs passes; the caller makes sure that no two passes over one registry overlap.

    `connections` is entered for the steps of each pass: what reads from Harbor may share connections in it.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        registries: RegistryStatusApi,
        clock: Callable[[], datetime],
        cluster: ClusterIdentity,
        connections: Callable[[], AbstractAsyncContextManager[None]] = nullcontext,
    ) -> None:
        self._steps = steps
        self._registries = registries
        self._clock = clock
        self._cluster = cluster
        self._connections = connections
        self._written: dict[str, _WrittenStatus] = {}

    async def reconcile(self, body: Body, failures: int = 0) -> ReconcileResult:
        """Runs one pass and writes the status; `failures` counts the failed passes in a row before this one.

        The status also says which request the pass has handled. Only a pass that checks the registry handles one: a
        suspended registry keeps its request until it is resumed.
        """
        generation, request = body["metadata"]["generation"], reconcile_request(body["metadata"])
        previous = self._previous(body)
        try:
            registry = HarborRegistry.parse(body, await self._cluster.read_cluster_id())
        except (Unavailable, Refused) as error:
            return await self._wait_for_identity(body, previous, error, failures)
        except ValidationError as error:
            current = status.render_invalid(previous, _explain(error), generation, self._clock())
            current = status.with_handled_request(_mark_untouched(previous, current, None), request)
            await self._write(body, previous, current)
            return ReconcileResult(SUSPENDED_RECHECK_SECONDS, current)
        if registry.spec.suspend:
            teardown.stop_background_work(self._steps, registry)
            current = status.render_suspended(previous, generation, self._clock())
            current = _mark_untouched(previous, current, None)
            await self._write(body, previous, current)
            return ReconcileResult(SUSPENDED_RECHECK_SECONDS, current)
        async with self._connections():
            with one_pass(OwnSecrets.of(registry)) as cache:
                outcomes = await reconcile_steps(self._steps, registry)
        current = status.render(previous, outcomes, generation, self._clock())
        current = status.with_handled_request(_mark_untouched(previous, current, cache), request)
        await self._write(body, previous, current)
        await self._report_changes(body, outcomes)
        delay = requeue_after(outcomes, registry.spec.check_interval_seconds, failures)
        return ReconcileResult(delay, current, failed(outcomes), cache.versions())

    async def finalize(self, body: Body) -> str | None:
        """Runs the teardown of a deleted registry; returns what remains, or None when the deletion can end."""
        try:
            cluster = await self._cluster.read_cluster_id()
        except (Unavailable, Refused) as error:
            if not is_abandoned(body):
                return f"the identity of the cluster is unknown: {error}"
            cluster = ""
        registry = _parse_for_deletion(body, cluster)
        if is_abandoned(body):
            await teardown.abandon(self._steps, self._registries, registry)
            self._written.pop(registry.metadata.uid, None)
            return None
        previous = self._previous(body)
        untouched = is_untouched(previous)
        with one_pass() as cache:
            can_abandon = partial(teardown.can_abandon, self._registries, untouched=untouched)
            result = await teardown.teardown_steps(self._steps, registry, can_abandon)
        if not result.remaining:
            self._written.pop(registry.metadata.uid, None)
            await teardown.end(self._steps, self._registries, registry, result, untouched=untouched)
            return None
        kept = {condition_type: _kept(previous, condition_type) for condition_type in ConditionType} | result.outcomes
        current = status.render(previous, kept, registry.metadata.generation, self._clock())
        await self._write(body, previous, _mark_untouched(previous, current, cache))
        return result.remaining

    async def read(self, body: Body) -> Body | None:
        """Returns the newest object of the same uid, or None if it no longer exists. Raises Unavailable."""
        return await self._registries.read(Metadata.parse(body["metadata"]))

    def forget(self, body: Body) -> None:
        """Stops the background work of a registry that no longer exists, whether or not its teardown has run."""
        self._written.pop(body["metadata"]["uid"], None)
        teardown.stop_background_work(self._steps, _parse_for_deletion(body))

    async def _wait_for_identity(
        self, body: Body, previous: Status, error: Unavailable | Refused, failures: int
    ) -> ReconcileResult:
        """Ends a pass before its steps: names in Harbor and owners in the object store contain the identity."""
        unknown = Unknown(error.reason, f"the identity of the cluster is unknown: {error}")
        delay = min(_wait(unknown, SUSPENDED_RECHECK_SECONDS, failures), SUSPENDED_RECHECK_SECONDS)
        if isinstance(error, Unavailable):
            LOG.warning("%s: %s", body["metadata"]["name"], unknown.message, extra={"reason": unknown.reason})
            return ReconcileResult(delay, previous, failed=True)
        outcomes: Outcomes = {step.condition_type: unknown for step in self._steps}
        current = status.render(previous, outcomes, body["metadata"]["generation"], self._clock())
        current = _mark_untouched(previous, current, None)
        await self._write(body, previous, current)
        return ReconcileResult(delay, current, failed=True)

    def _previous(self, body: Body) -> Status:
        """Returns the status in the API server as far as it is known.

        The watch may lag behind the last write: until it delivers that write, the written status counts. From then on
        the object's own status counts, so that a change by another client is found and overwritten.
        """
        metadata = body["metadata"]
        written = self._written.get(metadata["uid"])
        if written and _is_older(metadata.get("resourceVersion", ""), written.resource_version):
            return written.status
        return dict(body.get("status") or {})

    async def _report_changes(self, body: Body, outcomes: Outcomes) -> None:
        """Posts one event with everything that a step has changed in another system to correct it."""
        metadata = Metadata.parse(body["metadata"])
        for condition_type, outcome in outcomes.items():
            if isinstance(outcome, Unknown) or not outcome.changes:
                continue
            message = f"{condition_type}: {'; '.join(outcome.changes)}"
            LOG.info("%s/%s: %s", metadata.namespace, metadata.name, message)
            try:
                await self._registries.post_event(metadata, "Normal", Reason.CONFIGURATION_CHANGED, message)
            except (Unavailable, Refused) as error:
                LOG.warning("the event of a change was not written: %s", error, extra={"reason": error.reason})

    async def _write(self, body: Body, previous: Status, current: Status) -> None:
        if status.is_same(previous, current):
            return
        metadata = Metadata.parse(body["metadata"])
        try:
            version = await self._registries.write_status(metadata, current)
            self._written[metadata.uid] = _WrittenStatus(current, version)
            for event in status.events(previous, current):
                await self._registries.post_event(metadata, event.type, event.reason, event.message)
        except (Unavailable, Refused) as error:
            key = f"{metadata.namespace}/{metadata.name}"
            extra = {"registry": key, "namespace": metadata.namespace, "reason": error.reason}
            LOG.warning("the status of %s, or its event, was not written: %s", key, error, extra=extra)


async def reconcile_steps(steps: Sequence[Step], registry: HarborRegistry) -> Outcomes:
    """Runs every step whose dependencies are Done and returns one outcome per condition, in reading order."""
    outcomes: Outcomes = {}
    for step in steps:
        missing = [needed for needed in step.depends_on if not isinstance(outcomes.get(needed), Done)]
        act = partial(_reconcile_degraded, step, missing) if missing else step.reconcile
        outcomes[step.condition_type] = await attempt(act, registry)
    return outcomes


def requeue_after(outcomes: Outcomes, interval: float, failures: int) -> float:
    """Returns the seconds until the next pass: doubled after each failure in a row, at most the interval.

    A Blocked outcome is checked again at the interval, because the remedy may be a change of a server, which wakes no
    one.
    """
    waits = [_wait(outcome, interval, failures) for outcome in outcomes.values()]
    return min([interval, *waits])


def failed(outcomes: Outcomes) -> bool:
    """Whether a step could not observe something, other than because it depends on another step."""
    return any(
        isinstance(outcome, Unknown) and outcome.reason != Reason.WAITING_FOR_DEPENDENCY
        for outcome in outcomes.values()
    )


def _wait(outcome: Outcome, interval: float, failures: int) -> float:
    match outcome:
        case Done() | Blocked():
            return interval
        case Pending():
            return outcome.requeue_after
        case Unknown():
            return backoff_seconds(outcome.requeue_after, interval, failures - 1)
        case _:
            assert_never(outcome)


async def _reconcile_degraded(step: Step, missing: Sequence[ConditionType], registry: HarborRegistry) -> Outcome:
    facts = await step.reconcile_degraded(registry) if isinstance(step, DegradedStep) else NOTHING
    message = f"waits for {', '.join(missing)}"
    return Unknown(Reason.WAITING_FOR_DEPENDENCY, message, requeue_after=WAITING_RECHECK_SECONDS, facts=facts)


def _kept(previous: Status, condition_type: ConditionType) -> Outcome:
    """Returns what the status last said of a condition that the teardown has not reached."""
    for condition in previous.get("conditions", []):
        if condition["type"] == condition_type and condition["status"] == "True":
            reason = condition["reason"]
            return Done(condition["message"], Reason(reason) if reason in set(Reason) else Reason.CONVERGED)
    return Unknown(Reason.NOT_YET_SEEN, "not checked during deletion")


def _parse_for_deletion(body: Body, cluster: str = "") -> HarborRegistry:
    try:
        return HarborRegistry.parse(body, cluster)
    except ValidationError:
        return salvage(body, cluster)


def _mark_untouched(previous: Status, current: Status, cache: SecretCache | None) -> Status:
    """Returns the status with the note that the operator has created nothing so far, which needs a Secret."""
    current = {field: value for field, value in current.items() if field != "untouched"}
    return current if (cache and cache.secrets) or not is_untouched(previous) else {**current, "untouched": True}


def _is_older(seen: str, written: str) -> bool:
    """Whether the seen resource version precedes the written one; False if they cannot be compared."""
    return seen.isdigit() and written.isdigit() and int(seen) < int(written)


def _explain(error: ValidationError) -> str:
    """Returns what is wrong, field by field, without the value: it may be a secret in the wrong place."""
    found = [f"`spec.{'.'.join(str(part) for part in item['loc'])}`: {item['msg']}" for item in error.errors()]
    return "; ".join(found)
