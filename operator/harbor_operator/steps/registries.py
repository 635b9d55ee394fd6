"""The part of Configured that keeps the endpoints of other registries."""

from __future__ import annotations

import hashlib

from pydantic import SecretStr

from harbor_operator.api.projects import Registry
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.projects import check_type
from harbor_operator.model.harbor import HarborEndpoint, Login
from harbor_operator.model.outcomes import Blocked, Done
from harbor_operator.model.projects import DesiredRegistry, ObservedRegistry
from harbor_operator.plan import names
from harbor_operator.plan.projects import plan_registry
from harbor_operator.ports import Refused
from harbor_operator.ports.harbor_projects import HarborRegistries
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.steps.outcomes import raise_if_blocked
from harbor_operator.steps.own_secret import OwnSecret
from harbor_operator.steps.references import read_login


class RegistrySection:
    """Creates endpoints and corrects them; never deletes one.

    Harbor does not return a password. The digest of each login that was written last is in a Secret of the operator's
    own, and an endpoint is written again when the login in the spec has another digest.
    """

    def __init__(self, kube: NamespaceResources, harbor: HarborRegistries) -> None:
        self._kube = kube
        self._harbor = harbor
        self._digests = OwnSecret(kube, names.endpoint_secret)

    def is_requested(self, registry: HarborRegistry) -> bool:
        """Whether the spec names a registry."""
        return bool(registry.spec.registries)

    async def reconcile(self, registry: HarborRegistry, admin: HarborEndpoint) -> Done | Blocked:
        """Compares each endpoint with the spec and writes the difference; one that is refused stops no other."""
        observed = await self._harbor.read_registries(admin)
        stored = await self._digests.read(registry)
        digests = {name: value.get_secret_value() for name, value in stored.items()}
        changes: list[str] = []
        refused: list[Refused] = []
        for number, endpoint in enumerate(registry.spec.registries):
            current = observed.get(endpoint.name)
            try:
                desired = await self._plan(registry, number, endpoint)
                raise_if_blocked(check_type(endpoint, current))
                if changed := await self._write(admin, desired, current, digests.get(endpoint.name, "")):
                    changes.append(changed)
            except Refused as error:
                refused.append(error)
                continue
            digests[endpoint.name] = _digest(desired)
        listed = {endpoint.name for endpoint in registry.spec.registries}
        await self._digests.write(
            registry, {name: SecretStr(digest) for name, digest in digests.items() if name in listed}
        )
        if refused:
            message = "; ".join(map(str, refused))
            return Blocked(refused[0].reason, message, changes=tuple(changes))
        count = len(registry.spec.registries)
        message = f"{count} {'registry is' if count == 1 else 'registries are'} as the spec says"
        return Done(message, changes=tuple(changes))

    async def remove(self, registry: HarborRegistry) -> None:
        """Deletes the Secret with the digests; the endpoints stay in Harbor."""
        await self._digests.remove(registry)

    async def _plan(self, registry: HarborRegistry, number: int, endpoint: Registry) -> DesiredRegistry:
        ref = endpoint.credentials_secret_ref
        if ref is None:
            return plan_registry(endpoint, None)
        field = f"spec.registries[{number}].credentialsSecretRef"
        return plan_registry(endpoint, Login(*await read_login(self._kube, registry, ref, field)))

    async def _write(
        self, admin: HarborEndpoint, desired: DesiredRegistry, current: ObservedRegistry | None, written: str
    ) -> str:
        """Returns what was changed, or an empty text."""
        if current is None:
            await self._harbor.create_registry(admin, desired)
            return f"created registry '{desired.name}'"
        if desired.is_met_by(current) and written == _digest(desired):
            return ""
        await self._harbor.update_registry(admin, current, desired)
        return f"set registry '{desired.name}' as in `spec.registries`"


def _digest(desired: DesiredRegistry) -> str:
    # With the URL and the name: a digest of a weak password alone could be found by trying.
    login = f"{desired.name}\n{desired.url}\n{desired.access_key}\n{desired.access_secret.get_secret_value()}"
    return hashlib.sha256(login.encode()).hexdigest()
