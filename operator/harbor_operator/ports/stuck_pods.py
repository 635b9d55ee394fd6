"""How the PullSecrets step directs the eviction of stuck pods: which registries want it, and what it cannot do."""

from __future__ import annotations

from typing import Protocol

from harbor_operator.model.outcomes import StuckPodFacts
from harbor_operator.model.pods import StuckPodPolicy


class StuckPodEviction(Protocol):
    """Evicts pods that were created before their service account had the reference.

    Every method returns at once and is idempotent.
    """

    def declare(self, desired: StuckPodPolicy) -> None:
        """Evicts the stuck pods of this registry from now on."""
        ...

    def withdraw(self, registry_uid: str) -> None:
        """Stops evicting pods of this registry."""
        ...

    def read(self, registry_uid: str) -> StuckPodFacts:
        """Returns the stuck pods of a registry that stay stuck, with the cause and remedy of each; empty if unknown."""
        ...
