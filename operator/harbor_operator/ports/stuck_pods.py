"""Where the PullSecrets step meets those who rescue stuck pods: which registries want it, and what they cannot do."""

from __future__ import annotations

from typing import Protocol

from harbor_operator.model.outcomes import StuckPodFacts
from harbor_operator.model.pods import StuckPodPolicy


class StuckPodEviction(Protocol):
    """Evicts pods that were created before they could get the reference; every call returns at once."""

    def declare(self, desired: StuckPodPolicy) -> None:
        """Rescues the pods of this registry from now on; the same wish again changes nothing."""
        ...

    def withdraw(self, registry_uid: str) -> None:
        """Leaves the pods of this registry alone."""
        ...

    def read(self, registry_uid: str) -> StuckPodFacts:
        """Returns which stuck pods of a registry stay stuck, and why."""
        ...
