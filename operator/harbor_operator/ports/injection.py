"""How the PullSecrets step directs the injector: the desired state of each registry, and the progress."""

from __future__ import annotations

from typing import Protocol

from harbor_operator.model.injection import Claim, DesiredInjection, RemainingNamespaces
from harbor_operator.model.namespace import ObservedNamespace
from harbor_operator.model.outcomes import PullSecretFacts


class PullSecretInjection(Protocol):
    """Injects pull Secrets in the background. Every method but `wait_for_sync` returns at once and is idempotent."""

    def declare(self, desired: DesiredInjection) -> None:
        """Sets the desired state of a registry; its previous claim, if it was another, is released."""
        ...

    def withdraw(self, claim: Claim) -> None:
        """Releases a claim: removes its references, then its Secrets, where no desired state covers them."""
        ...

    def abandon(self, registry_uid: str) -> None:
        """Stops the injection for a registry; existing Secrets and references stay."""
        ...

    def expect_policy_effect(self, registry_uid: str, *, attached: bool) -> None:
        """Says whether an admission policy should attach the reference to new service accounts from now on."""
        ...

    def holder(self, secret_name: str) -> str | None:
        """Returns the uid of the registry whose declared claim has this Secret name; None if there is none."""
        ...

    def remaining(self, claim: Claim) -> int | None:
        """Returns the number of namespaces that still hold objects of a released claim; None before the caches sync.

        A Secret that is deleted and that a finalizer of another client keeps does not count. Raises Refused if the
        rights to watch its objects, or to remove any of them, are missing.
        """
        ...

    def remaining_in(self, claim: Claim) -> RemainingNamespaces:
        """Returns the first namespaces that still hold objects of a released claim, for a message."""
        ...

    def declared(self, registry_uid: str) -> DesiredInjection | None:
        """Returns the desired state that a registry has declared, or None if it has declared none."""
        ...

    def ready_namespaces(self, claim: Claim) -> list[ObservedNamespace]:
        """Returns the namespaces in which the Secret and the references of a declared claim are in place.

        Looks at every namespace. Empty before the caches sync. Raises Refused as `read` does.
        """
        ...

    async def wait_for_sync(self, claim: Claim, timeout_seconds: float) -> None:
        """Returns once the caches of a claim are synced and every namespace is planned, or after `timeout_seconds`.

        Raises Refused if the rights to watch its objects are missing.
        """
        ...

    def read(self, claim: Claim) -> PullSecretFacts | None:
        """Returns the progress of a declared claim; None before the caches sync and for a claim that is not declared.

        Raises Refused if the rights to watch its objects are missing.
        """
        ...
