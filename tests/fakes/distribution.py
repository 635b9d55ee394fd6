"""The Distribution port in memory: it notes what it is told, and a test says how far it has come."""

from __future__ import annotations

from harbor_operator.model.injection import Claim, DesiredInjection
from harbor_operator.model.outcomes import PullSecretFacts


class FakeDistribution:
    """`wishes` is what is declared, `withdrawn` what is to go; a test sets `progress` and `left`."""

    def __init__(self) -> None:
        self.wishes: dict[str, DesiredInjection] = {}
        self.withdrawn: list[Claim] = []
        self.progress: PullSecretFacts | None = None
        self.left: dict[Claim, int | None] = {}
        self.expecting: dict[str, bool] = {}
        self.changes = 0

    def declare(self, desired: DesiredInjection) -> None:
        if self.wishes.get(desired.claim.registry_uid) != desired:
            self.wishes[desired.claim.registry_uid] = desired
            self.changes += 1

    def withdraw(self, claim: Claim) -> None:
        declared = self.wishes.get(claim.registry_uid)
        if declared is not None and declared.claim == claim:
            del self.wishes[claim.registry_uid]
            self.changes += 1
        if claim not in self.withdrawn:
            self.withdrawn.append(claim)
            self.changes += 1

    def abandon(self, registry_uid: str) -> None:
        if self.wishes.pop(registry_uid, None):
            self.changes += 1

    def expect_policy_effect(self, registry_uid: str, *, attached: bool) -> None:
        self.expecting[registry_uid] = attached

    def remaining(self, claim: Claim) -> int | None:
        return self.left.get(claim, 0)

    async def wait_for_sync(self, claim: Claim, policy: float) -> None:
        """In a test nothing comes by waiting."""

    def read(self, claim: Claim) -> PullSecretFacts | None:
        return self.progress if claim.registry_uid in self.wishes else None
