"""What steps may ask of the Kubernetes API in the registry's own namespace, and what the reconciler needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from pydantic import SecretStr

from harbor_operator.model.kubernetes import Manifest, StoredSecret, Workload


class NamespaceResources(Protocol):
    """The namespace-scoped side of the API server; every call has a deadline.

    Raises Unavailable when the server does not answer and Refused(RIGHTS_MISSING) on 403.
    """

    async def read_secret(self, namespace: str, name: str) -> StoredSecret | None:
        """Returns the Secret, or None if there is none."""
        ...

    async def read_secrets(self, namespace: str, label_selector: str) -> list[StoredSecret]:
        """Returns the Secrets that carry the labels."""
        ...

    async def read_config_map(self, namespace: str, name: str) -> Mapping[str, str] | None:
        """Returns the data of the ConfigMap, or None if there is none."""
        ...

    async def ensure_secret(
        self, namespace: str, name: str, make: Callable[[], Mapping[str, SecretStr]], owner: Mapping[str, str]
    ) -> StoredSecret:
        """Returns the Secret, made once from `make` and read ever after; keys that are missing are added.

        `owner` are the labels it is made with. A Secret of that name without those labels is Refused(SECRET_INVALID).
        """
        ...

    async def apply_secret(
        self, namespace: str, name: str, values: Mapping[str, SecretStr], owner: Mapping[str, str]
    ) -> StoredSecret:
        """Makes the Secret hold exactly these values; writes only if it differs."""
        ...

    async def patch_secret(self, namespace: str, name: str, patch: Manifest, resource_version: str) -> None:
        """Merge-patches a Secret if it is still at that version; Unavailable if it has moved on."""
        ...

    async def remove_secret(self, namespace: str, name: str, owner: Mapping[str, str]) -> None:
        """Deletes the Secret if it carries the owner's labels; a missing one is a success."""
        ...

    async def read_workloads(self, namespace: str, label_selector: str) -> list[Workload]:
        """Returns Deployments and StatefulSets that carry the labels, with their progress."""
        ...

    async def read_registries(self) -> list[Manifest]:
        """Returns every HarborRegistry of the cluster as the API server holds it."""
        ...
