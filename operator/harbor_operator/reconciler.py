"""One pass over one registry: parse, every step in order, one place that catches, status written if it changed."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, assert_never

from pydantic import ValidationError

from harbor_operator import status
from harbor_operator.api.v1alpha1 import HarborRegistry, Metadata
from harbor_operator.model.outcomes import NOTHING, Blocked, ConditionType, Done, Outcome, Pending, Unknown
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.registry_status import RegistryStatusApi
from harbor_operator.reasons import Reason
from harbor_operator.steps import DegradedStep, Step, SuspendableStep

log = logging.getLogger(__name__)

Body = Mapping[str, Any]
Outcomes = dict[ConditionType, Outcome]
CanAbandon = Callable[[HarborRegistry, Outcome], Awaitable[bool]]
MAX_BACKOFF_DOUBLINGS = 6
SUSPENDED_RECHECK_SECONDS = 300.0
REMOVED_WITH_NAMESPACE = frozenset(
    {Reason.RIGHTS_MISSING, Reason.RELEASE_SERVICE_ACCOUNT_MISSING, Reason.SECRET_MISSING, Reason.SECRET_KEY_MISSING}
)
"""Reasons whose cause is a Role binding, service account or Secret of the registry's own namespace."""


@dataclass(frozen=True, slots=True)
class ReconcileResult:
    """What a pass leaves behind: when to look again in seconds, what it says, and whether something was not seen."""

    requeue_after: float
    status: status.Status
    failed: bool = False


class Reconciler:
    """Runs passes; one object, one pass at a time (the caller's lock says so)."""

    def __init__(self, steps: Sequence[Step], registries: RegistryStatusApi, clock: Callable[[], datetime]) -> None:
        self._steps = steps
        self._registries = registries
        self._clock = clock
        self._written: dict[str, status.Status] = {}

    async def result(self, body: Body, failures: int = 0) -> ReconcileResult:
        """Converges a registry once and writes what was seen; `failures` counts the failed passes before this one."""
        generation = body["metadata"]["generation"]
        previous = self._previous(body)
        try:
            registry = HarborRegistry.parse(body)
        except ValidationError as error:
            current = status.render_invalid(previous, _explain(error), generation, self._clock())
            await self._write(body, previous, current)
            return ReconcileResult(SUSPENDED_RECHECK_SECONDS, current)
        if registry.spec.suspend:
            for step in self._steps:
                if isinstance(step, SuspendableStep):
                    step.suspend(registry)
            current = status.render_suspended(previous, generation, self._clock())
            await self._write(body, previous, current)
            return ReconcileResult(SUSPENDED_RECHECK_SECONDS, current)
        outcomes = await reconcile_steps(self._steps, registry)
        current = status.render(previous, outcomes, generation, self._clock())
        await self._write(body, previous, current)
        delay = requeue_after(outcomes, registry.spec.check_interval_seconds, failures)
        return ReconcileResult(delay, current, failed(outcomes))

    async def finalize(self, body: Body) -> str | None:
        """Dismantles a deleted registry; returns what is still in the way, or None when nothing is left to do."""
        try:
            registry = HarborRegistry.parse(body)
        except ValidationError:
            # What cannot be read cannot be undone, and a finalizer that nobody can remove would help nobody.
            log.warning("%s goes without being dismantled: its spec does not parse", body["metadata"]["name"])
            return None
        outcomes = await teardown_steps(self._steps, registry, self._can_abandon)
        waiting = [
            f"{condition_type}: {outcome.message}"
            for condition_type, outcome in outcomes.items()
            if not _is_done(outcome)
        ]
        if not waiting:
            self._written.pop(registry.metadata.uid, None)
            return None
        previous = self._previous(body)
        kept = {condition_type: _kept(previous, condition_type) for condition_type in ConditionType} | outcomes
        current = status.render(previous, kept, registry.metadata.generation, self._clock())
        await self._write(body, previous, current)
        return "; ".join(waiting)

    async def _can_abandon(self, registry: HarborRegistry, outcome: Outcome) -> bool:
        """Whether a teardown lacks what the deletion of its namespace has removed, and no one can create again."""
        if outcome.reason not in REMOVED_WITH_NAMESPACE:
            return False
        try:
            return await self._registries.is_namespace_terminating(registry.metadata.namespace)
        except (Unavailable, Refused):
            return False

    def _previous(self, body: Body) -> status.Status:
        # The watch may lag behind our own write; what we wrote last is what is there.
        return self._written.get(body["metadata"]["uid"]) or dict(body.get("status") or {})

    async def _write(self, body: Body, previous: status.Status, current: status.Status) -> None:
        if current == previous:
            return
        metadata = Metadata.parse(body["metadata"])
        try:
            await self._registries.write_status(metadata, current)
            self._written[metadata.uid] = current
            for event in status.events(previous, current):
                await self._registries.post_event(metadata, event.type, event.reason, event.message)
        except (Unavailable, Refused) as error:
            log.warning("the status of %s/%s was not written: %s", metadata.namespace, metadata.name, error)


async def attempt(act: Callable[[HarborRegistry], Awaitable[Outcome]], registry: HarborRegistry) -> Outcome:
    """Returns the outcome of one verb of one step; the only place in the house that catches everything."""
    try:
        return await act(registry)
    except Unavailable as error:
        return Unknown(error.reason, str(error), requeue_after=error.retry_after or 10.0)
    except Refused as error:
        return Blocked(error.reason, str(error))
    except Exception as error:
        # A message may quote a value, a place cannot: the log gets the traceback without the words.
        log.exception("a step failed on %s", registry.key, exc_info=_without_message(error))
        return Unknown(
            Reason.INTERNAL_ERROR, f"the operator failed ({type(error).__name__}); its log has the traceback"
        )


async def reconcile_steps(steps: Sequence[Step], registry: HarborRegistry) -> Outcomes:
    """Runs every step whose needs are Done and returns an outcome for each aspect, in reading order."""
    outcomes: Outcomes = {}
    for step in steps:
        missing = [need for need in step.depends_on if not _is_done(outcomes.get(need))]
        act = partial(_wait_for, step, missing) if missing else step.reconcile
        outcomes[step.condition_type] = await attempt(act, registry)
    return outcomes


async def teardown_steps(steps: Sequence[Step], registry: HarborRegistry, can_abandon: CanAbandon) -> Outcomes:
    """Undoes the steps in reverse order and stops at the first that is not Done yet.

    A step for which `can_abandon` holds counts as Done: the log says what it leaves behind.
    """
    outcomes: Outcomes = {}
    for step in reversed(steps):
        outcome = await attempt(step.teardown, registry)
        if not _is_done(outcome) and await can_abandon(registry, outcome):
            log.warning("%s of %s is not undone: %s", step.condition_type, registry.key, outcome.message)
            outcome = Done("not undone: the namespace is being deleted")
        outcomes[step.condition_type] = outcome
        if not _is_done(outcome):
            break
    return outcomes


def requeue_after(outcomes: Outcomes, interval: float, failures: int) -> float:
    """Returns the seconds until the next pass; waits longer after each failure in a row, at most the interval.

    A Blocked outcome is looked at on the interval: the somebody may mend the server rather than the spec.
    """
    waits = [_wait(outcome, interval, failures) for outcome in outcomes.values()]
    return min([interval, *waits])


def failed(outcomes: Outcomes) -> bool:
    """Whether the pass could not see something for a reason other than an unmet need."""
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
            growth: int = 2 ** min(max(failures - 1, 0), MAX_BACKOFF_DOUBLINGS)
            return outcome.requeue_after * growth
        case _:
            assert_never(outcome)


async def _wait_for(step: Step, missing: Sequence[ConditionType], registry: HarborRegistry) -> Outcome:
    facts = await step.reconcile_degraded(registry) if isinstance(step, DegradedStep) else NOTHING
    return Unknown(Reason.WAITING_FOR_DEPENDENCY, f"waits for {', '.join(missing)}", requeue_after=60.0, facts=facts)


def _is_done(outcome: Outcome | None) -> bool:
    return isinstance(outcome, Done)


def _kept(previous: status.Status, condition_type: ConditionType) -> Outcome:
    """Returns what the status last said of an aspect that is still untouched by the deletion."""
    for condition in previous.get("conditions", []):
        if condition["type"] == condition_type and condition["status"] == "True":
            return Done(condition["message"], Reason(condition["reason"]))
    return Unknown(Reason.NOT_YET_SEEN, "not looked at during deletion")


def _explain(error: ValidationError) -> str:
    """Returns what is wrong, field by field, without the value: it may be a secret in the wrong place."""
    found = [f"`spec.{'.'.join(str(part) for part in item['loc'])}`: {item['msg']}" for item in error.errors()]
    return "; ".join(found)


def _without_message(error: BaseException) -> BaseException:
    return RuntimeError(type(error).__name__).with_traceback(error.__traceback__)
