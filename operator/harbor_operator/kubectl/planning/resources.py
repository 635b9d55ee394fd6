"""The objects in the namespace of the registry; a Secret that a step writes exists in memory only, and is recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace

from pydantic import SecretStr
from typing_extensions import override

from harbor_operator.adapters.kube_owned import foreign_object
from harbor_operator.adapters.kube_resources import read_workload
from harbor_operator.kubectl.cluster import Cluster
from harbor_operator.kubectl.dry_run import stored_secret
from harbor_operator.kubectl.errors import RequestError
from harbor_operator.kubectl.plan import Action
from harbor_operator.kubectl.planning.recorder import PlanEnds, Recorder
from harbor_operator.kubectl.registries import path_of
from harbor_operator.model.kubernetes import OPAQUE, Manifest, StoredSecret, Workload, WorkloadPod
from harbor_operator.ports import Unavailable
from harbor_operator.ports.namespace_resources import NamespaceResources


class PlannedResources(NamespaceResources):
    """The port NamespaceResources; the same Secret is read once."""

    def __init__(self, cluster: Cluster, recorder: Recorder) -> None:
        self._cluster = cluster
        self.recorder = recorder
        self._secrets: dict[tuple[str, str], StoredSecret | None] = {}

    @override
    async def read_secret(self, namespace: str, name: str) -> StoredSecret | None:
        if (namespace, name) not in self._secrets:
            found = await self.get(f"/api/v1/namespaces/{namespace}/secrets/{name}")
            self._secrets[namespace, name] = stored_secret(found) if found else None
        return self._secrets[namespace, name]

    @override
    async def ensure_secret(
        self, namespace: str, name: str, make: Callable[[], Mapping[str, SecretStr]], owner: Mapping[str, str]
    ) -> StoredSecret:
        found = await self._owned_secret(namespace, name, owner)
        return self._write(namespace, name, {**make(), **(found.values if found else {})}, owner, found)

    @override
    async def apply_secret(
        self,
        namespace: str,
        name: str,
        values: Mapping[str, SecretStr],
        owner: Mapping[str, str],
        secret_type: str = OPAQUE,
    ) -> StoredSecret:
        found = await self._owned_secret(namespace, name, owner)
        written = replace(self._write(namespace, name, values, owner, found), type=secret_type)
        self._secrets[namespace, name] = written
        return written

    @override
    async def read_registries(self) -> list[Manifest]:
        return await self._list(path_of(""))

    async def get(self, path: str, **query: str) -> Manifest | None:
        """Returns the object or list at a path of the API, or None if it does not exist."""
        try:
            return await asyncio.to_thread(self._cluster.find, path, **query)
        except RequestError as error:
            # Also without a right, which is one of the person and not of the operator, so it is no conflict.
            raise Unavailable(str(error)) from None

    @override
    async def read_secrets(self, namespace: str, label_selector: str) -> list[StoredSecret]:
        found = await self._list(f"/api/v1/namespaces/{namespace}/secrets", labelSelector=label_selector)
        return [stored_secret(secret) for secret in found]

    @override
    async def read_config_map(self, namespace: str, name: str) -> Mapping[str, str] | None:
        found = await self.get(f"/api/v1/namespaces/{namespace}/configmaps/{name}")
        return (found.get("data") or {}) if found else None

    @override
    async def read_workloads(self, namespace: str, label_selector: str) -> list[Workload]:
        return [
            read_workload(kind, found)
            for kind, plural in (("Deployment", "deployments"), ("StatefulSet", "statefulsets"))
            for found in await self._list(
                f"/apis/apps/v1/namespaces/{namespace}/{plural}", labelSelector=label_selector
            )
        ]

    @override
    async def read_late_pods(self, namespace: str, label_selector: str) -> list[WorkloadPod]:
        return []  # a plan says which workloads are not ready, and needs no right for pods

    @override
    async def patch_secret(self, namespace: str, name: str, patch: Manifest, resource_version: str) -> None:
        # The release step patches the Secrets of releases: their labels to take one over, and else to clear a lock.
        if "data" not in patch:
            detail = "owner labels of this registry, with which the release is taken over as it is; Helm does not run"
            self.recorder.record(Action.CHANGE, _subject(namespace, name), [detail])
            raise PlanEnds
        detail = "marked as failed, which clears the lock of a Helm run that is gone; then Helm runs"
        self.recorder.record(Action.CHANGE, _subject(namespace, name), [detail])
        raise PlanEnds("the release, because its lock is cleared first")

    @override
    async def remove_secret(self, namespace: str, name: str, owner: Mapping[str, str]) -> None:
        found = await self.read_secret(namespace, name)
        if found is not None and found.belongs_to(owner):
            self.recorder.record(Action.REMOVE, _subject(namespace, name))
            self._secrets[namespace, name] = None

    async def _owned_secret(self, namespace: str, name: str, owner: Mapping[str, str]) -> StoredSecret | None:
        found = await self.read_secret(namespace, name)
        if found is not None and not found.belongs_to(owner):
            raise foreign_object("Secret", namespace, name, owner)
        return found

    def _write(
        self,
        namespace: str,
        name: str,
        values: Mapping[str, SecretStr],
        owner: Mapping[str, str],
        found: StoredSecret | None,
    ) -> StoredSecret:
        before = dict(found.values) if found else {}
        if differing := sorted(key for key in {*before, *values} if before.get(key) != values.get(key)):
            action = Action.CHANGE if found else Action.CREATE
            self.recorder.record(action, _subject(namespace, name), [f"keys: {', '.join(differing)}"])
        written = StoredSecret(name, values, owner, {}, found.resource_version if found else "")
        self._secrets[namespace, name] = written
        return written

    async def _list(self, path: str, **query: str) -> list[Manifest]:
        found = await self.get(path, **query)
        return list(found["items"]) if found else []


def _subject(namespace: str, name: str) -> str:
    return f"Secret '{namespace}/{name}'"
