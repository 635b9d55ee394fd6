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
from harbor_operator.plan.pull_secrets import docker_config, image_hosts
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.steps.own_secret import OwnSecret

HOST, DIGEST = "host", "digest"


class AcceptedLogin:
    """Reads and writes the Secret of one registry."""

    def __init__(self, kube: NamespaceResources) -> None:
        self._secret = OwnSecret(kube, names.accepted_login_secret)

    async def record(self, registry: HarborRegistry, login: Login) -> None:
        """Stores the digest of a login that Harbor has accepted; writes only a difference."""
        values = {HOST: SecretStr(image_hosts(registry)[0]), DIGEST: SecretStr(_digest(registry, login))}
        await self._secret.write(registry, values)

    async def is_recorded(self, registry: HarborRegistry, login: Login) -> bool:
        """Whether this is the login that Harbor accepted last, at the present `spec.externalURL`."""
        return await self._read(registry, DIGEST) == _digest(registry, login)

    async def has_worked(self, registry: HarborRegistry) -> bool:
        """Whether Harbor has accepted any login at the present `spec.externalURL`."""
        return await self._read(registry, HOST) == image_hosts(registry)[0]

    async def remove(self, registry: HarborRegistry) -> None:
        """Deletes the Secret."""
        await self._secret.remove(registry)

    async def _read(self, registry: HarborRegistry, key: str) -> str | None:
        value = (await self._secret.read(registry)).get(key)
        return value.get_secret_value() if value else None


def _digest(registry: HarborRegistry, login: Login) -> str:
    config = docker_config(registry, login).get_secret_value()
    return hashlib.sha256(config.encode()).hexdigest()
