"""The act: each step converges one aspect of a registry and reports one outcome."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.outcomes import ConditionType, Facts, Outcome


class Step(Protocol):
    """Converges one aspect; idempotent and quick in both directions.

    Raises Unavailable or Refused for what a port said; everything expected is an outcome.
    """

    @property
    def condition_type(self) -> ConditionType:
        """The condition this step owns."""
        ...

    @property
    def depends_on(self) -> tuple[ConditionType, ...]:
        """Aspects that must be Done before this step is asked to converge."""
        ...

    async def reconcile(self, registry: HarborRegistry) -> Outcome:
        """Looks, decides by the plan, writes the difference, and says what it saw."""
        ...

    async def teardown(self, registry: HarborRegistry) -> Outcome:
        """Undoes what the deletion policy does not keep; Done when nothing is left to do."""
        ...


@runtime_checkable
class DegradedStep(Protocol):
    """A step whose earlier work must go on while its needs are not met, such as after a restart with Harbor down."""

    async def reconcile_degraded(self, registry: HarborRegistry) -> Facts:
        """Keeps up what was accepted before, from what is stored; asks no unmet need and makes nothing new."""
        ...


@runtime_checkable
class SuspendableStep(Protocol):
    """A step that has others act between passes, which a suspended registry does not want."""

    def suspend(self, registry: HarborRegistry) -> None:
        """Has them stop; nothing is undone, and the next pass has them go on."""
        ...
