"""What each namespace needs next; kept for those that wait, until something is told of them or the wishes change."""

from __future__ import annotations

from harbor_operator.injector.interests import Interests
from harbor_operator.injector.mirror import Mirror
from harbor_operator.plan.injection import Stake, Verdict, plan_namespace


class Plans:
    """Asks the pure plan, over what is mirrored and what is wished for."""

    def __init__(self, mirror: Mirror, interests: Interests) -> None:
        self._mirror = mirror
        self._interests = interests
        self._kept: dict[str, Verdict] = {}

    def stakes(self, namespace: str) -> list[Stake]:
        """Returns who asks what of a namespace; nobody of one that is not known."""
        seen = self._mirror[namespace].seen
        return self._interests.stakes(seen) if seen else []

    def make(self, namespace: str) -> Verdict:
        """Returns what the namespace needs now."""
        return plan_namespace(self._mirror[namespace], self.stakes(namespace))

    def keep(self, namespace: str, verdict: Verdict) -> None:
        """Keeps a plan that is still to be carried out."""
        self._kept[namespace] = verdict

    def take(self, namespace: str) -> Verdict:
        """Returns the plan that was kept, or makes one."""
        return self._kept.pop(namespace, None) or self.make(namespace)

    def drop(self, namespace: str) -> None:
        """Lets go of the plan for a namespace that is not any more what it was."""
        self._kept.pop(namespace, None)

    def drop_all(self) -> None:
        """Lets go of every plan: the wishes are not any more what they were."""
        self._kept.clear()
