"""The last pull credential that Harbor accepted, known by its digest: only this one is injected while Harbor is down.

The digest is in a Secret and not in the status: the password of an existing account can be weak, and many can read a
status.
"""

from __future__ import annotations

import hashlib

from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.harbor import Login
from harbor_operator.plan import names
from harbor_operator.plan.pull_secrets import docker_config, image_host
from harbor_operator.ports.namespace_resources import NamespaceResources

HOST, DIGEST = "host", "digest"


class AcceptedLogin:
    """Reads and writes the Secret of one registry."""

    def __init__(self, kube: NamespaceResources) -> None:
        self._kube = kube

    async def record(self, registry: HarborRegistry, login: Login) -> None:
        """Stores the digest of a login that Harbor has accepted; writes only a difference."""
        values = {HOST: SecretStr(image_host(registry)), DIGEST: SecretStr(_digest(registry, login))}
        name, owner = names.accepted_login_secret(registry), names.owner_labels(registry)
        await self._kube.apply_secret(registry.metadata.namespace, name, values, owner)

    async def is_recorded(self, registry: HarborRegistry, login: Login) -> bool:
        """Whether this is the login that Harbor accepted last, at the present `spec.externalURL`."""
        return await self._read(registry, DIGEST) == _digest(registry, login)

    async def has_worked(self, registry: HarborRegistry) -> bool:
        """Whether Harbor has accepted any login at the present `spec.externalURL`."""
        return await self._read(registry, HOST) == image_host(registry)

    async def remove(self, registry: HarborRegistry) -> None:
        """Deletes the Secret."""
        name, owner = names.accepted_login_secret(registry), names.owner_labels(registry)
        await self._kube.remove_secret(registry.metadata.namespace, name, owner)

    async def _read(self, registry: HarborRegistry, key: str) -> str | None:
        stored = await self._kube.read_secret(registry.metadata.namespace, names.accepted_login_secret(registry))
        if stored is None or not stored.belongs_to(names.owner_labels(registry)) or key not in stored.values:
            return None
        return stored.values[key].get_secret_value()


def _digest(registry: HarborRegistry, login: Login) -> str:
    config = docker_config(registry, login.username, login.password).get_secret_value()
    return hashlib.sha256(config.encode()).hexdigest()
