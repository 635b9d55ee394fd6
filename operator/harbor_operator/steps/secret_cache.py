"""Reads each Secret once per pass, however many steps refer to it, and those of the operator in one request.

A pass opens a cache with `one_pass`; it belongs to the asyncio task of that pass, so that passes of other registries,
which run at the same time, have their own. What a step writes replaces the cached Secret. Outside a pass nothing is
cached.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Self

from pydantic import SecretStr
from typing_extensions import override

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.kubernetes import OPAQUE, Manifest, StoredSecret, Workload, WorkloadPod
from harbor_operator.plan import names
from harbor_operator.ports.namespace_resources import NamespaceResources

Key = tuple[str, str]
"""Namespace and name."""


@dataclass(frozen=True, slots=True)
class OwnSecrets:
    """Which Secrets of a namespace the operator has created for one registry: their prefix and their labels."""

    namespace: str
    prefix: str
    label_selector: str

    @classmethod
    def of(cls, registry: HarborRegistry) -> Self:
        """Returns those of a registry."""
        selector = names.own_secrets_selector(registry)
        return cls(registry.metadata.namespace, names.own_secret_prefix(registry), selector)

    def contain(self, namespace: str, name: str) -> bool:
        """Whether this is the name of such a Secret; another owner can have one of the same name."""
        return namespace == self.namespace and name.startswith(self.prefix)


class SecretCache:
    """The Secrets of one pass by namespace and name; None is a Secret that does not exist."""

    def __init__(self, own: OwnSecrets | None = None) -> None:
        self.secrets: dict[Key, StoredSecret | None] = {}
        self.own = own
        self.is_open = True
        self._listed: dict[Key, StoredSecret] | None = None
        self._listing = asyncio.Lock()
        self._forgotten: set[Key] = set()
        self._versions: dict[Key, str] = {}

    async def read(self, kube: NamespaceResources, namespace: str, name: str) -> StoredSecret | None:
        """Returns a Secret; the first of the operator's own is read together with all others."""
        if self.own and self.own.contain(namespace, name):
            await self._list_own(kube, self.own)
        key = (namespace, name)
        if self.known(namespace, name) is None and key not in self.secrets:
            self.secrets[key] = await kube.read_secret(namespace, name)
        return self.secrets[key]

    def known(self, namespace: str, name: str) -> StoredSecret | None:
        """Returns a Secret that was read, alone or with the operator's own; None for any other."""
        key = (namespace, name)
        if key not in self.secrets and key not in self._forgotten and self._listed and key in self._listed:
            self.secrets[key] = self._listed[key]
        return self.secrets.get(key)

    def forget(self, namespace: str, name: str) -> None:
        """Makes the next read of a Secret a request."""
        self.secrets.pop((namespace, name), None)
        self._forgotten.add((namespace, name))

    def close(self) -> None:
        """Ends the pass: a task that it started and that still runs reads and writes without the cache."""
        self._versions = self.versions()
        self.is_open = False
        self.secrets = dict.fromkeys(self.secrets)  # the task would keep their content in memory
        self._listed = None

    async def _list_own(self, kube: NamespaceResources, own: OwnSecrets) -> None:
        async with self._listing:
            if self._listed is None:
                listed = await kube.read_secrets(own.namespace, own.label_selector)
                self._listed = {(own.namespace, secret.name): secret for secret in listed}

    def versions(self) -> dict[Key, str]:
        """Returns the resource version of every Secret that the pass used; empty for one that does not exist."""
        if not self.is_open:
            return self._versions
        return {key: secret.resource_version if secret else "" for key, secret in self.secrets.items()}


_current: ContextVar[SecretCache | None] = ContextVar("secret_cache", default=None)


@contextmanager
def one_pass(own: OwnSecrets | None = None) -> Iterator[SecretCache]:
    """Yields the cache that every `CachedNamespaceResources` uses in this task until the pass ends.

    The Secrets of `own` are read in one request.
    """
    cache = SecretCache(own)
    token = _current.set(cache)
    try:
        yield cache
    finally:
        _current.reset(token)
        cache.close()


def _open_cache() -> SecretCache | None:
    cache = _current.get()
    return cache if cache and cache.is_open else None


class CachedNamespaceResources(NamespaceResources):
    """Answers reads of Secrets from the pass's cache and keeps the cache equal to what is written."""

    def __init__(self, kube: NamespaceResources) -> None:
        self._kube = kube

    @override
    async def read_secret(self, namespace: str, name: str) -> StoredSecret | None:
        cache = _open_cache()
        if cache is None:
            return await self._kube.read_secret(namespace, name)
        return await cache.read(self._kube, namespace, name)

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
        try:
            await self._kube.patch_secret(namespace, name, patch, resource_version)
        finally:
            _forget(namespace, name)

    @override
    async def remove_secret(self, namespace: str, name: str, owner: Mapping[str, str]) -> None:
        cache = _open_cache()
        if cache and cache.secrets.get((namespace, name), cache) is None:
            return  # the pass has already seen that it does not exist
        try:
            await self._kube.remove_secret(namespace, name, owner)
        finally:
            _forget(namespace, name)

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
    cache = _open_cache()
    return cache.known(namespace, name) if cache else None


def _remember(namespace: str, secret: StoredSecret) -> StoredSecret:
    if cache := _open_cache():
        cache.secrets[namespace, secret.name] = secret
    return secret


def _forget(namespace: str, name: str) -> None:
    if cache := _open_cache():
        cache.forget(namespace, name)
