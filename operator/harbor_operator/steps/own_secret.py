"""A Secret in which the operator remembers something of one registry, beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.plan import names
from harbor_operator.ports import Unavailable
from harbor_operator.ports.namespace_resources import NamespaceResources


class OwnSecret:
    """The Secret with the name that `name` returns; one of another owner counts as absent and is never changed."""

    def __init__(self, kube: NamespaceResources, name: Callable[[HarborRegistry], str]) -> None:
        self._kube = kube
        self._name = name

    async def read(self, registry: HarborRegistry) -> Mapping[str, SecretStr]:
        """Returns the values by key; empty if there is no such Secret."""
        stored = await self._kube.read_secret(registry.metadata.namespace, self._name(registry))
        return stored.values if stored and stored.belongs_to(names.owner_labels(registry)) else {}

    async def write(self, registry: HarborRegistry, values: Mapping[str, SecretStr]) -> None:
        """Stores exactly these values; writes only a difference. Raises Refused(SECRET_INVALID) for another owner's."""
        owner = names.owner_labels(registry)
        await self._kube.apply_secret(registry.metadata.namespace, self._name(registry), values, owner)

    async def update(self, registry: HarborRegistry, changes: Mapping[str, SecretStr | None]) -> None:
        """Changes these keys, where None removes one, and leaves all others; writes only a difference.

        Raises Unavailable if the Secret does not exist, or was changed since this pass read it.
        """
        namespace, name = registry.metadata.namespace, self._name(registry)
        stored = await self._kube.read_secret(namespace, name)
        if stored is None or not stored.belongs_to(names.owner_labels(registry)):
            raise Unavailable(f"Secret '{namespace}/{name}' of the operator does not exist")
        if all(stored.values.get(key) == value for key, value in changes.items()):
            return
        patch = {
            "data": {key: None for key, value in changes.items() if value is None},
            "stringData": {key: value.get_secret_value() for key, value in changes.items() if value is not None},
        }
        await self._kube.patch_secret(namespace, name, patch, stored.resource_version)

    async def remove(self, registry: HarborRegistry) -> None:
        """Deletes the Secret."""
        owner = names.owner_labels(registry)
        await self._kube.remove_secret(registry.metadata.namespace, self._name(registry), owner)
