"""The StuckPodEviction port in memory: records what is declared, and a test sets the facts."""

from __future__ import annotations

from typing_extensions import override

from harbor_operator.model.outcomes import StuckPodFacts
from harbor_operator.model.pods import StuckPodPolicy
from harbor_operator.ports.stuck_pods import StuckPodEviction


class FakeStuckPodEviction(StuckPodEviction):
    """`desired` is what is declared; a test sets `facts`."""

    def __init__(self) -> None:
        self.desired: dict[str, StuckPodPolicy] = {}
        self.facts = StuckPodFacts()

    @override
    def declare(self, desired: StuckPodPolicy) -> None:
        self.desired[desired.registry_uid] = desired

    @override
    def withdraw(self, registry_uid: str) -> None:
        self.desired.pop(registry_uid, None)

    @override
    def read(self, registry_uid: str) -> StuckPodFacts:
        return self.facts if registry_uid in self.desired else StuckPodFacts()
