"""The endpoint of Harbor for the steps: with the CA of the spec, and with the administrator's login."""

from __future__ import annotations

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.references import check_line_ends, describe_secret
from harbor_operator.model.harbor import HarborEndpoint, Login
from harbor_operator.model.outcomes import Blocked
from harbor_operator.plan import names
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.reasons import Reason
from harbor_operator.steps.outcomes import BlockedError, raise_if_blocked
from harbor_operator.steps.references import read_bundle

ADMIN = "admin"


async def read_access(kube: NamespaceResources, registry: HarborRegistry) -> HarborEndpoint:
    """Returns the anonymous endpoint at `spec.externalURL`; BlockedError if its CA Secret cannot be used."""
    ca = await read_bundle(kube, registry, registry.spec.ca_secret_ref, "spec.caSecretRef")
    return HarborEndpoint(registry.spec.external_url, ca or "")


async def read_admin(kube: NamespaceResources, registry: HarborRegistry) -> Login | None:
    """Returns the administrator's login, or None while there is no such Secret or key.

    BlockedError if the password ends with a line break.
    """
    stored = await kube.read_secret(registry.metadata.namespace, names.admin_secret(registry))
    password = stored.values.get(names.admin_secret_key(registry)) if stored else None
    if not password:
        return None
    where = describe_secret(registry.metadata.namespace, names.admin_secret(registry))
    values = {names.admin_secret_key(registry): password}
    raise_if_blocked(check_line_ends(where, "spec.adminPasswordSecretRef", values))
    return Login(ADMIN, password)


async def require_admin(kube: NamespaceResources, registry: HarborRegistry) -> Login:
    """Returns the administrator's login; BlockedError if there is none."""
    login = await read_admin(kube, registry)
    if login is not None:
        return login
    name, key = names.admin_secret(registry), names.admin_secret_key(registry)
    message = (
        f"{describe_secret(registry.metadata.namespace, name)} has no key '{key}' with the password of user 'admin', "
        "who alone can configure Harbor: create it, or name another Secret in `spec.adminPasswordSecretRef`"
    )
    raise BlockedError(Blocked(Reason.SECRET_MISSING, message))
