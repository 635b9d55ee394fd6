"""Where the PullSecrets step and the injector meet: what is to be spread, and how far it has come."""

from __future__ import annotations

from typing import Protocol

from harbor_operator.model.injection import Claim, DesiredInjection
from harbor_operator.model.outcomes import PullSecretFacts


class PullSecretInjection(Protocol):
    """Spreads pull Secrets in the background; every call but one returns at once."""

    def declare(self, desired: DesiredInjection) -> None:
        """Makes this the wish of its registry; the same wish again changes nothing."""
        ...

    def withdraw(self, claim: Claim) -> None:
        """Starts to remove what is ours under the claim and no declared wish covers: references first, then Secrets."""
        ...

    def abandon(self, registry_uid: str) -> None:
        """Stops spreading for the registry and leaves everything where it is."""
        ...

    def expect_policy_effect(self, registry_uid: str, *, attached: bool) -> None:
        """Says whether accounts are to be born with their reference from now on; those that are not are counted."""
        ...

    def remaining(self, claim: Claim) -> int | None:
        """Returns how many namespaces still hold something of a withdrawn claim; None before the first full look."""
        ...

    async def wait_for_sync(self, claim: Claim, policy: float) -> None:
        """Returns once everything that concerns a claim has been seen, or after so many seconds."""
        ...

    def read(self, claim: Claim) -> PullSecretFacts | None:
        """Returns how far a declared wish has spread; None before the first full look."""
        ...
