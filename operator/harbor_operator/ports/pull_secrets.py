"""What the injector needs from the API server: watches of three resources in all namespaces, and three writes."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

from harbor_operator.model.injection import PullSecret
from harbor_operator.model.namespace import ObservedSecret, ObservedServiceAccount
from harbor_operator.model.watch import Source, WatchEvent


class PullSecretApi(Protocol):
    """Cluster-wide access to Namespaces, pull Secrets and service accounts.

    Every write has a deadline and raises Unavailable if the server does not answer or asks to retry later (in
    `retry_after` seconds if it named them). It raises Refused with RIGHTS_MISSING, with NAMESPACE_WRITE_FORBIDDEN if
    only this namespace denies it, with NAMESPACE_QUOTA_EXCEEDED, with ADMISSION_DENIED, or with NAMESPACES_FAILED if
    the server rejects the object otherwise.
    """

    def watch(self, source: Source) -> AsyncGenerator[WatchEvent, None]:
        """Yields every existing object, then `Synced`, then every change; after a lost history it lists again.

        Reconnects by itself. An event may arrive twice, and an old one after a newer one.

        Raises Refused if the watch is not allowed; never Unavailable.
        """
        ...

    async def apply_pull_secret(self, namespace: str, secret: PullSecret) -> ObservedSecret | None:
        """Creates or updates the Secret with one server-side apply and returns it; repeating it changes nothing.

        Returns None if the observation is outdated: the namespace is terminating or gone, or another Secret has that
        name. Without `replaces`, no field of another client is overwritten.
        """
        ...

    async def remove_pull_secret(self, namespace: str, name: str, uid: str) -> ObservedSecret | None:
        """Deletes the Secret with that uid; succeeds if it is gone already.

        Returns the Secret if a finalizer delays its deletion, else None.
        """
        ...

    async def patch_account(self, wanted: ObservedServiceAccount) -> ObservedServiceAccount | None:
        """Replaces references and our annotation of a service account that is still at `wanted.revision`.

        Returns the patched account; None if it has another revision or is gone.
        """
        ...
