"""Each step reconciles one condition of a registry and reports one outcome."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.outcomes import ConditionType, Facts, Outcome


class Step(Protocol):
    """Reconciles one condition; both verbs are idempotent and do not wait for pods or long jobs.

    A step returns an outcome for everything it expects. It raises Unavailable or Refused where a port raised it.
    """

    @property
    def condition_type(self) -> ConditionType:
        """The condition that this step owns."""
        ...

    @property
    def depends_on(self) -> tuple[ConditionType, ...]:
        """The conditions that must be Done before `reconcile` is called."""
        ...

    async def reconcile(self, registry: HarborRegistry) -> Outcome:
        """Observes, plans, writes the difference, and returns what it observed."""
        ...

    async def teardown(self, registry: HarborRegistry) -> Outcome:
        """Removes what the deletion policy does not retain; Done when nothing is left to remove."""
        ...


@runtime_checkable
class DegradedStep(Protocol):
    """A step that keeps serving its last known good state while its dependencies are not ready."""

    async def reconcile_degraded(self, registry: HarborRegistry) -> Facts:
        """Keeps up what was accepted before, from stored data; does not use the dependencies and creates nothing."""
        ...


@runtime_checkable
class SuspendableStep(Protocol):
    """A step with background work between passes, which must stop for a suspended registry."""

    def suspend(self, registry: HarborRegistry) -> None:
        """Stops the background work and removes nothing; the next pass starts it again."""
        ...
