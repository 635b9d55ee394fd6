"""Where the PullSecrets step and the injector meet: what is to be spread, and how far it has come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import ConflictPolicy, NamespaceSelection
from harbor_operator.outcomes import PullSecretFacts


@dataclass(frozen=True, slots=True)
class Claim:
    """What a registry calls its own in every namespace: one Secret name and the service accounts that refer to it."""

    registry_uid: str
    secret_name: str
    service_accounts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DistributionWish:
    """What every selected namespace shall hold; `docker_config` is the `.dockerconfigjson` text."""

    claim: Claim
    registry_key: str
    namespaces: NamespaceSelection
    conflict_policy: ConflictPolicy
    docker_config: SecretStr


class Distribution(Protocol):
    """Spreads pull Secrets in the background; every call but one returns at once."""

    def declare(self, wish: DistributionWish) -> None:
        """Makes this the wish of its registry; the same wish again changes nothing."""
        ...

    def withdraw(self, claim: Claim) -> None:
        """Starts to remove what is ours under the claim and no declared wish covers: references first, then Secrets."""
        ...

    def abandon(self, registry_uid: str) -> None:
        """Stops spreading for the registry and leaves everything where it is."""
        ...

    def expect_births(self, registry_uid: str, *, attached: bool) -> None:
        """Says whether accounts are to be born with their reference from now on; those that are not are counted."""
        ...

    def remaining(self, claim: Claim) -> int | None:
        """Returns how many namespaces still hold something of a withdrawn claim; None before the first full look."""
        ...

    async def await_first_look(self, claim: Claim, patience: float) -> None:
        """Returns once everything that concerns a claim has been seen, or after so many seconds."""
        ...

    def read(self, claim: Claim) -> PullSecretFacts | None:
        """Returns how far a declared wish has spread; None before the first full look."""
        ...
