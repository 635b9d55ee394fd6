"""Reads each Secret once per pass, however many steps refer to it.

A pass opens a cache with `one_pass`; it belongs to the asyncio task of that pass, so that passes of other registries,
which run at the same time, have their own. What a step writes replaces the cached Secret. Outside a pass nothing is
cached.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from pydantic import SecretStr
from typing_extensions import override

from harbor_operator.model.kubernetes import OPAQUE, Manifest, StoredSecret, Workload, WorkloadPod
from harbor_operator.ports.namespace_resources import NamespaceResources

Key = tuple[str, str]
"""Namespace and name."""


class SecretCache:
    """The Secrets of one pass by namespace and name; None is a Secret that does not exist."""

    def __init__(self) -> None:
        self.secrets: dict[Key, StoredSecret | None] = {}

    def versions(self) -> dict[Key, str]:
        """Returns the resource version of every Secret that the pass used; empty for one that does not exist."""
        return {key: secret.resource_version if secret else "" for key, secret in self.secrets.items()}


_current: ContextVar[SecretCache | None] = ContextVar("secret_cache", default=None)


@contextmanager
def one_pass() -> Iterator[SecretCache]:
    """Yields the cache that every `CachedNamespaceResources` uses in this task until the pass ends."""
    cache = SecretCache()
    token = _current.set(cache)
    try:
        yield cache
    finally:
        _current.reset(token)


class CachedNamespaceResources(NamespaceResources):
    """Answers reads of Secrets from the pass's cache and keeps the cache equal to what is written."""

    def __init__(self, kube: NamespaceResources) -> None:
        self._kube = kube

    @override
    async def read_secret(self, namespace: str, name: str) -> StoredSecret | None:
        cache = _current.get()
        if cache is None:
            return await self._kube.read_secret(namespace, name)
        if (namespace, name) not in cache.secrets:
            cache.secrets[namespace, name] = await self._kube.read_secret(namespace, name)
        return cache.secrets[namespace, name]

    @override
    async def read_secrets(self, namespace: str, label_selector: str) -> list[StoredSecret]:
        return await self._kube.read_secrets(namespace, label_selector)

    @override
    async def read_config_map(self, namespace: str, name: str) -> Mapping[str, str] | None:
        return await self._kube.read_config_map(namespace, name)

    @override
    async def ensure_secret(
        self, namespace: str, name: str, make: Callable[[], Mapping[str, SecretStr]], owner: Mapping[str, str]
    ) -> StoredSecret:
        found = _cached(namespace, name)
        if found is not None and found.belongs_to(owner) and make().keys() <= found.values.keys():
            return found
        return _remember(namespace, await self._kube.ensure_secret(namespace, name, make, owner))

    @override
    async def apply_secret(
        self,
        namespace: str,
        name: str,
        values: Mapping[str, SecretStr],
        owner: Mapping[str, str],
        secret_type: str = OPAQUE,
    ) -> StoredSecret:
        found = _cached(namespace, name)
        is_same = found is not None and dict(found.values) == dict(values) and found.type == secret_type
        if found is not None and is_same and found.belongs_to(owner):
            return found
        return _remember(namespace, await self._kube.apply_secret(namespace, name, values, owner, secret_type))

    @override
    async def patch_secret(self, namespace: str, name: str, patch: Manifest, resource_version: str) -> None:
        _forget(namespace, name)
        await self._kube.patch_secret(namespace, name, patch, resource_version)

    @override
    async def remove_secret(self, namespace: str, name: str, owner: Mapping[str, str]) -> None:
        cache = _current.get()
        if cache and cache.secrets.get((namespace, name), cache) is None:
            return  # the pass has already seen that it does not exist
        _forget(namespace, name)
        await self._kube.remove_secret(namespace, name, owner)

    @override
    async def read_workloads(self, namespace: str, label_selector: str) -> list[Workload]:
        return await self._kube.read_workloads(namespace, label_selector)

    @override
    async def read_late_pods(self, namespace: str, label_selector: str) -> list[WorkloadPod]:
        return await self._kube.read_late_pods(namespace, label_selector)

    @override
    async def read_registries(self) -> list[Manifest]:
        return await self._kube.read_registries()


def _cached(namespace: str, name: str) -> StoredSecret | None:
    cache = _current.get()
    return cache.secrets.get((namespace, name)) if cache else None


def _remember(namespace: str, secret: StoredSecret) -> StoredSecret:
    if cache := _current.get():
        cache.secrets[namespace, secret.name] = secret
    return secret


def _forget(namespace: str, name: str) -> None:
    if cache := _current.get():
        cache.secrets.pop((namespace, name), None)
