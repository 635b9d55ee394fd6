"""The PullSecretInjection port in memory: records what is declared, and a test sets the progress."""

from __future__ import annotations

from typing_extensions import override

from harbor_operator.model.injection import Claim, DesiredInjection, RemainingNamespaces
from harbor_operator.model.namespace import ObservedNamespace
from harbor_operator.model.outcomes import PullSecretFacts
from harbor_operator.ports.injection import PullSecretInjection


class FakeInjection(PullSecretInjection):
    """`desired` is what is declared, `withdrawn` what is being removed; a test sets `progress` and `left`."""

    def __init__(self) -> None:
        self.desired: dict[str, DesiredInjection] = {}
        self.withdrawn: list[Claim] = []
        self.progress: PullSecretFacts | None = None
        self.left: dict[Claim, int | None] = {}
        self.left_in: dict[Claim, RemainingNamespaces] = {}
        self.expecting: dict[str, bool] = {}
        self.changes = 0
        self.ready: list[ObservedNamespace] = []
        self.selected: list[ObservedNamespace] | None = None
        self.changed: list[str] = []
        self.waiting: set[str] = set()

    def namespaces(self, registry_uid: str) -> list[ObservedNamespace] | None:
        """Returns the namespaces that a test has set."""
        return self.selected

    def content_changed(self, namespace: str) -> None:
        """Records the namespaces whose content has changed."""
        self.changed.append(namespace)

    def holds_content(self, registry_uid: str, namespace: str) -> bool:
        """Whether the namespace is not among those that a test says wait for their content."""
        return namespace not in self.waiting

    @override
    def ready_namespaces(self, claim: Claim) -> list[ObservedNamespace]:
        return list(self.ready)

    @override
    def declare(self, desired: DesiredInjection) -> None:
        if self.desired.get(desired.claim.registry_uid) != desired:
            self.desired[desired.claim.registry_uid] = desired
            self.changes += 1

    @override
    def withdraw(self, claim: Claim) -> None:
        declared = self.desired.get(claim.registry_uid)
        if declared is not None and declared.claim == claim:
            del self.desired[claim.registry_uid]
            self.changes += 1
        if claim not in self.withdrawn:
            self.withdrawn.append(claim)
            self.changes += 1

    @override
    def abandon(self, registry_uid: str) -> None:
        if self.desired.pop(registry_uid, None):
            self.changes += 1

    @override
    def expect_policy_effect(self, registry_uid: str, *, attached: bool) -> None:
        self.expecting[registry_uid] = attached

    @override
    def holder(self, secret_name: str) -> str | None:
        claims = (desired.claim for desired in self.desired.values())
        return next((claim.registry_uid for claim in claims if claim.secret_name == secret_name), None)

    @override
    def remaining(self, claim: Claim) -> int | None:
        return self.left.get(claim, 0)

    @override
    def remaining_in(self, claim: Claim) -> RemainingNamespaces:
        return self.left_in.get(claim, RemainingNamespaces())

    @override
    def declared(self, registry_uid: str) -> DesiredInjection | None:
        return self.desired.get(registry_uid)

    @override
    async def wait_for_sync(self, claim: Claim, policy: float) -> None:
        pass

    @override
    def read(self, claim: Claim) -> PullSecretFacts | None:
        return self.progress if claim.registry_uid in self.desired else None
