"""Kubernetes objects in the namespace of a HarborRegistry, for steps and reconciler."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from pydantic import SecretStr

from harbor_operator.model.kubernetes import OPAQUE, Manifest, StoredSecret, Workload, WorkloadPod


class NamespaceResources(Protocol):
    """Secrets, ConfigMaps, workloads and registries of the API server.

    Every call has a deadline. Raises Unavailable when the server does not answer or an object has changed since it was
    read, and Refused(RIGHTS_MISSING) on 403.
    """

    async def read_secret(self, namespace: str, name: str) -> StoredSecret | None:
        """Returns the Secret with decoded values, or None if there is none."""
        ...

    async def read_secrets(self, namespace: str, label_selector: str) -> list[StoredSecret]:
        """Returns the Secrets that match the label selector (`key=value,...`), with decoded values."""
        ...

    async def read_config_map(self, namespace: str, name: str) -> Mapping[str, str] | None:
        """Returns the data of the ConfigMap, or None if there is none."""
        ...

    async def ensure_secret(
        self, namespace: str, name: str, make: Callable[[], Mapping[str, SecretStr]], owner: Mapping[str, str]
    ) -> StoredSecret:
        """Returns the Secret; creates it from `make` with the labels `owner`, or adds the keys that are missing.

        Idempotent: values that exist are never replaced. Raises Refused(SECRET_INVALID) when a Secret of that name
        lacks the labels.
        """
        ...

    async def apply_secret(
        self,
        namespace: str,
        name: str,
        values: Mapping[str, SecretStr],
        owner: Mapping[str, str],
        secret_type: str = OPAQUE,
    ) -> StoredSecret:
        """Makes the Secret contain exactly these values and returns it; writes only a difference.

        Kubernetes cannot change the type of a Secret: one of another type is deleted and created.
        Raises Refused(SECRET_INVALID) when a Secret of that name lacks the labels `owner`, or if there is no such
        namespace.
        """
        ...

    async def patch_secret(self, namespace: str, name: str, patch: Manifest, resource_version: str) -> None:
        """Applies a merge patch to a Secret that is still at that version; Unavailable if it has changed."""
        ...

    async def remove_secret(self, namespace: str, name: str, owner: Mapping[str, str]) -> None:
        """Deletes the Secret if it has the labels `owner`; a missing one is a success."""
        ...

    async def read_workloads(self, namespace: str, label_selector: str) -> list[Workload]:
        """Returns the Deployments, then the StatefulSets, that match the label selector, with their progress."""
        ...

    async def read_late_pods(self, namespace: str, label_selector: str) -> list[WorkloadPod]:
        """Returns the pods of workloads that match the label selector and are neither ready nor terminating."""
        ...

    async def read_registries(self) -> list[Manifest]:
        """Returns every HarborRegistry of the cluster as the API server stores it."""
        ...
