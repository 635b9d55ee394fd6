"""The teardown of one registry: the steps in reverse order, and what ends although it is not removed."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from harbor_operator.api.v1alpha1 import HarborRegistry, Metadata
from harbor_operator.checks.deletion import ABANDON, REMOVED_WITH_NAMESPACE, with_way_out
from harbor_operator.model.outcomes import ConditionType, Done, Outcome
from harbor_operator.plan.deletion import describe_remains
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.registry_status import RegistryStatusApi
from harbor_operator.reasons import Reason
from harbor_operator.steps import Step, SuspendableStep
from harbor_operator.steps.attempt import attempt

LOG = logging.getLogger(__name__)

CanAbandon = Callable[[HarborRegistry, Outcome], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class TeardownResult:
    """One outcome per step that was reached; `abandoned` are the steps that count as Done and removed nothing."""

    outcomes: dict[ConditionType, Outcome] = field(default_factory=dict)
    abandoned: tuple[ConditionType, ...] = ()

    @property
    def remaining(self) -> str:
        """The messages of the steps that are not Done; empty at the end of the teardown."""
        return _describe(self.outcomes, is_done=False)

    @property
    def done(self) -> str:
        """The messages of the steps that are Done."""
        return _describe(self.outcomes, is_done=True)


async def teardown_steps(steps: Sequence[Step], registry: HarborRegistry, can_abandon: CanAbandon) -> TeardownResult:
    """Runs the teardown of the steps in reverse order and stops at the first that is not Done.

    A step for which `can_abandon` returns True counts as Done.
    """
    outcomes: dict[ConditionType, Outcome] = {}
    abandoned: list[ConditionType] = []
    for step in reversed(steps):
        outcome = await attempt(step.teardown, registry)
        if not isinstance(outcome, Done) and await can_abandon(registry, outcome):
            extra = {"registry": registry.key, "reason": outcome.reason}
            LOG.warning("%s of %s is not undone: %s", step.condition_type, registry.key, outcome.message, extra=extra)
            abandoned.append(step.condition_type)
            outcome = Done(f"not undone: {outcome.message}")
        outcomes[step.condition_type] = with_way_out(outcome)
        if not isinstance(outcome, Done):
            break
    return TeardownResult(outcomes, tuple(abandoned))


async def can_abandon(
    registries: RegistryStatusApi, registry: HarborRegistry, outcome: Outcome, *, untouched: bool
) -> bool:
    """Whether a step lacks what no one can give back, or there is nothing that it could remove.

    The deletion of a namespace removes its RoleBindings and Secrets before a HarborRegistry with a finalizer, and
    nothing can be created in it again. For an untouched registry, the operator has never had any rights.
    """
    if untouched and outcome.reason is Reason.RIGHTS_MISSING:
        return True
    if outcome.reason not in REMOVED_WITH_NAMESPACE:
        return False
    try:
        return await registries.is_namespace_terminating(registry.metadata.namespace)
    except (Unavailable, Refused):
        return False


async def abandon(steps: Sequence[Step], registries: RegistryStatusApi, registry: HarborRegistry) -> None:
    """Stops the background work of a registry, removes nothing, and reports what can remain."""
    stop_background_work(steps, registry)
    remains = describe_remains(registry, set(ConditionType))
    message = (
        f"the deletion ended without a teardown, because the annotation `{ABANDON}` is 'true'; can remain: {remains}"
    )
    await report_end(registries, registry.metadata, message, abandoned=True)


async def end(
    steps: Sequence[Step],
    registries: RegistryStatusApi,
    registry: HarborRegistry,
    result: TeardownResult,
    *,
    untouched: bool,
) -> None:
    """Reports a teardown of which nothing remains to do; of an abandoned step, the background work stops as well."""
    message = f"teardown finished: {result.done}"
    if not result.abandoned or untouched:
        await report_end(registries, registry.metadata, message, abandoned=False)
        return
    stop_background_work(steps, registry)
    message = f"can remain: {describe_remains(registry, result.abandoned)}; {message}"
    await report_end(registries, registry.metadata, message, abandoned=True)


def stop_background_work(steps: Sequence[Step], registry: HarborRegistry) -> None:
    """Stops what the steps do for a registry between passes; what exists stays."""
    for step in steps:
        if isinstance(step, SuspendableStep):
            step.suspend(registry)


async def report_end(registries: RegistryStatusApi, metadata: Metadata, message: str, *, abandoned: bool) -> None:
    """Posts what was removed and what remains: the status disappears with the object.

    What remains is also logged and posted outside of the registry's namespace, which can disappear as well.
    """
    kind, reason = ("Warning", Reason.ABANDONED) if abandoned else ("Normal", Reason.CONVERGED)
    key = f"{metadata.namespace}/{metadata.name}"
    posts = [registries.post_event]
    if abandoned:
        LOG.warning("HarborRegistry %s: %s", key, message, extra={"registry": key, "reason": reason})
        posts.append(registries.post_operator_event)
    for post in posts:
        try:
            await post(metadata, kind, reason, message)
        except (Unavailable, Refused) as error:
            extra = {"registry": key, "reason": error.reason}
            LOG.info("no event about the deletion of %s: %s", key, error, extra=extra)


def _describe(outcomes: Mapping[ConditionType, Outcome], *, is_done: bool) -> str:
    return "; ".join(
        f"{condition_type}: {outcome.message}"
        for condition_type, outcome in outcomes.items()
        if isinstance(outcome, Done) is is_done and outcome.reason != Reason.NOT_REQUESTED
    )
