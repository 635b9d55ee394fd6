"""The Rescue port in memory: it notes who wants it, and a test says what stays stuck."""

from __future__ import annotations

from harbor_operator.model.outcomes import StuckPodFacts
from harbor_operator.model.pods import StuckPodPolicy


class FakeRescue:
    """`wishes` is what is declared; a test sets `facts`."""

    def __init__(self) -> None:
        self.wishes: dict[str, StuckPodPolicy] = {}
        self.facts = StuckPodFacts()

    def declare(self, desired: StuckPodPolicy) -> None:
        self.wishes[desired.registry_uid] = desired

    def withdraw(self, registry_uid: str) -> None:
        self.wishes.pop(registry_uid, None)

    def read(self, registry_uid: str) -> StuckPodFacts:
        return self.facts if registry_uid in self.wishes else StuckPodFacts()
