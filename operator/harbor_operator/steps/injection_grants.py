"""Which registries may inject: those that the administrator of the operator granted it, one for each Secret name.

An injected Secret and its references reach every selected namespace of the cluster. The right to create a
HarborRegistry in one namespace is therefore not enough.
"""

from __future__ import annotations

from collections.abc import Collection
from fnmatch import fnmatchcase

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.injection_grants import check_secret_name, find_successors, not_granted
from harbor_operator.model.kubernetes import Manifest
from harbor_operator.model.outcomes import Blocked
from harbor_operator.ports.namespace_resources import NamespaceResources


class InjectionGrants:
    """`namespaces` are the names and shell patterns of the namespaces whose registries may inject."""

    def __init__(self, kube: NamespaceResources, namespaces: tuple[str, ...]) -> None:
        self._kube = kube
        self._namespaces = namespaces

    def check_namespace(self, registry: HarborRegistry) -> Blocked | None:
        """Returns a block if the namespace of the registry has no grant."""
        return None if self._is_granted(registry.metadata.namespace) else not_granted(registry)

    async def check_name(self, registry: HarborRegistry, secret_name: str, holder: str | None) -> Blocked | None:
        """Returns a block if another granted registry holds the Secret name; `holder` is the uid that injects it."""
        return check_secret_name(registry, secret_name, await self._read_granted(), holder)

    async def find_successors(self, registry: HarborRegistry, secret_names: Collection[str]) -> tuple[str, ...]:
        """Returns the uids of the granted registries that can take over one of these Secrets from a deleted one."""
        return find_successors(registry, secret_names, await self._read_granted())

    async def _read_granted(self) -> list[Manifest]:
        registries = await self._kube.read_registries()
        return [manifest for manifest in registries if self._is_granted(manifest["metadata"]["namespace"])]

    def _is_granted(self, namespace: str) -> bool:
        return any(fnmatchcase(namespace, pattern) for pattern in self._namespaces)
