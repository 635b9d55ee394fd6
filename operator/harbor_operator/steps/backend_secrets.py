"""Reads what the spec's references to Secrets point at, and says by name what is missing."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import SecretStr

from harbor_operator.api.base import CaRef, SecretRef
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.outcomes import Blocked
from harbor_operator.ports.kube import Kube
from harbor_operator.reasons import Reason


async def read_keys(
    kube: Kube, registry: HarborRegistry, ref: SecretRef, path: str, keys: Sequence[str]
) -> list[SecretStr] | Blocked:
    """Returns the values of the keys; `path` is the field of the spec that holds the reference."""
    namespace = registry.metadata.namespace
    secret = await kube.read_secret(namespace, ref.name)
    if secret is None:
        message = f"Secret '{ref.name}' of `{path}` does not exist in namespace '{namespace}': create it"
        return Blocked(Reason.SECRET_MISSING, message)
    values = [secret.values.get(key, SecretStr("")) for key in keys]
    missing = [key for key, value in zip(keys, values, strict=True) if not value.get_secret_value()]
    if missing:
        wanted = " and ".join(f"'{key}'" for key in missing)
        message = f"Secret '{ref.name}' of `{path}` in namespace '{namespace}' holds nothing under {wanted}: add it"
        return Blocked(Reason.SECRET_KEY_MISSING, message)
    return values


async def read_bundle(kube: Kube, registry: HarborRegistry, ref: CaRef | None, path: str) -> str | Blocked | None:
    """Returns the PEM bundle of certificate authorities, or None if the spec names none."""
    if ref is None:
        return None
    found = await read_keys(kube, registry, ref, path, [ref.key])
    if isinstance(found, Blocked):
        return found
    bundle = found[0].get_secret_value()
    if "-----BEGIN CERTIFICATE-----" not in bundle:
        message = f"key '{ref.key}' of Secret '{ref.name}' (`{path}`) is no PEM bundle: it holds no certificate"
        return Blocked(Reason.SECRET_INVALID, message)
    return bundle
