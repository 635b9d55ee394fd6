"""What the injector asks of the whole cluster: endless views of three kinds of objects, and three writes."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

from harbor_operator.model.injection import PullSecret
from harbor_operator.model.namespace import ObservedSecret, ObservedServiceAccount
from harbor_operator.model.watch import Source, WatchEvent


class PullSecretApi(Protocol):
    """The cluster-wide side of the API server; every write has a deadline.

    Raises Unavailable (with `retry_after` if the server named one) and Refused.
    """

    def watch(self, source: Source) -> AsyncGenerator[WatchEvent, None]:
        """Yields everything there is, then `Complete`, then every change; lists anew, and says so, when it must.

        Comes back by itself from everything but Refused. A change may come twice; an old one may follow a newer one.
        """
        ...

    async def apply_pull_secret(self, namespace: str, secret: PullSecret) -> ObservedSecret | None:
        """Makes the Secret hold this in one call, and returns it.

        None if the world has moved on: the namespace is going away, or another Secret has come to that name. Without
        `replaces`, nothing that somebody else wrote is overwritten.
        """
        ...

    async def remove_pull_secret(self, namespace: str, name: str, uid: str) -> ObservedSecret | None:
        """Deletes the Secret with that uid; returns it if it lingers on a finalizer, None if it is there no more."""
        ...

    async def patch_account(self, wanted: ObservedServiceAccount) -> ObservedServiceAccount | None:
        """Makes a service account that is still at that revision as wanted, and returns it; None if it has moved on."""
        ...
