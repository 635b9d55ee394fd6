"""How the steps come to Harbor: with the CA of the spec, and as the administrator."""

from __future__ import annotations

from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.plan import names
from harbor_operator.ports import Refused
from harbor_operator.ports.harbor import Access, Login
from harbor_operator.ports.kube import Kube
from harbor_operator.reasons import Reason

ADMIN = "admin"


async def read_access(kube: Kube, registry: HarborRegistry) -> Access:
    """Returns the way to `spec.externalURL`, as nobody; Refused if the CA it names is not there."""
    given = registry.spec.ca_secret_ref
    if given is None:
        return Access(registry.spec.external_url)
    ca = await read_value(kube, registry, given.name, given.key, "spec.caSecretRef")
    return Access(registry.spec.external_url, ca.get_secret_value())


async def read_admin(kube: Kube, registry: HarborRegistry) -> Login | None:
    """Returns the administrator's login, or None while there is no such Secret or key."""
    stored = await kube.read_secret(registry.metadata.namespace, names.admin_secret(registry))
    password = stored.values.get(names.admin_secret_key(registry)) if stored else None
    return Login(ADMIN, password) if password else None


async def require_admin(kube: Kube, registry: HarborRegistry) -> Login:
    """Returns the administrator's login; Refused with what to do if there is none."""
    login = await read_admin(kube, registry)
    if login is not None:
        return login
    name, key = names.admin_secret(registry), names.admin_secret_key(registry)
    message = (
        f"Harbor can be set up by its administrator only, and Secret '{name}' in namespace "
        f"'{registry.metadata.namespace}' has no key '{key}' with the password of 'admin': make it, or name another "
        "one in `spec.adminPasswordSecretRef`"
    )
    raise Refused(Reason.SECRET_MISSING, message)


async def read_value(kube: Kube, registry: HarborRegistry, name: str, key: str, field: str) -> SecretStr:
    """Returns one value of a Secret that `field` of the spec names; Refused if it is not there."""
    namespace = registry.metadata.namespace
    stored = await kube.read_secret(namespace, name)
    if stored is None:
        message = f"Secret '{name}', named by `{field}`, is missing in namespace '{namespace}': make it"
        raise Refused(Reason.SECRET_MISSING, message)
    value = stored.values.get(key)
    if not value:
        message = f"Secret '{name}', named by `{field}`, has no key '{key}' in namespace '{namespace}': add it"
        raise Refused(Reason.SECRET_KEY_MISSING, message)
    return value
