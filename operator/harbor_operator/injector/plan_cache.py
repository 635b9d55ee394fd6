"""What each namespace needs next; kept for those that wait, until something is told of them or the wishes change."""

from __future__ import annotations

from harbor_operator.injector.claims import ClaimRegistry
from harbor_operator.injector.store import Store
from harbor_operator.model.injection import NamespaceClaim, NamespacePlan
from harbor_operator.plan.injection import plan_namespace


class PlanCache:
    """Asks the pure plan, over what is mirrored and what is wished for."""

    def __init__(self, mirror: Store, interests: ClaimRegistry) -> None:
        self._mirror = mirror
        self._interests = interests
        self._kept: dict[str, NamespacePlan] = {}

    def claims(self, namespace: str) -> list[NamespaceClaim]:
        """Returns who asks what of a namespace; nobody of one that is not known."""
        observed = self._mirror[namespace].observed
        return self._interests.claims(observed) if observed else []

    def make(self, namespace: str) -> NamespacePlan:
        """Returns what the namespace needs now."""
        return plan_namespace(self._mirror[namespace], self.claims(namespace))

    def keep(self, namespace: str, verdict: NamespacePlan) -> None:
        """Keeps a plan that is still to be carried out."""
        self._kept[namespace] = verdict

    def take(self, namespace: str) -> NamespacePlan:
        """Returns the plan that was kept, or makes one."""
        return self._kept.pop(namespace, None) or self.make(namespace)

    def drop(self, namespace: str) -> None:
        """Lets go of the plan for a namespace that is not any more what it was."""
        self._kept.pop(namespace, None)

    def drop_all(self) -> None:
        """Lets go of every plan: the wishes are not any more what they were."""
        self._kept.clear()
