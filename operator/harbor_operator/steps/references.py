"""Reads the Secrets that the spec refers to; BlockedError, with field and Secret, if one cannot be used."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import SecretStr

from harbor_operator.api.base import CaRef, CredentialsRef, SecretRef
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.references import check_ca_bundle, check_keys, check_line_ends, describe_secret
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.steps.outcomes import raise_if_blocked


async def read_values(
    kube: NamespaceResources, registry: HarborRegistry, ref: SecretRef, field: str, keys: Sequence[str]
) -> list[SecretStr]:
    """Returns the values of the keys; `field` is the path in the spec that holds the reference."""
    namespace = registry.metadata.namespace
    found = await kube.read_secret(namespace, ref.name)
    values = found.values if found else {}
    raise_if_blocked(check_keys(describe_secret(namespace, ref.name), field, found.values if found else None, keys))
    return [values[key] for key in keys]


async def read_credentials(
    kube: NamespaceResources, registry: HarborRegistry, ref: SecretRef, field: str, keys: Sequence[str]
) -> list[SecretStr]:
    """Returns the values of the keys, each of them part of a login, so without a line break at the end."""
    values = await read_values(kube, registry, ref, field, keys)
    where = describe_secret(registry.metadata.namespace, ref.name)
    raise_if_blocked(check_line_ends(where, field, dict(zip(keys, values, strict=True))))
    return values


async def read_login(
    kube: NamespaceResources, registry: HarborRegistry, ref: CredentialsRef, field: str
) -> tuple[str, SecretStr]:
    """Returns username and password."""
    username, password = await read_credentials(kube, registry, ref, field, ref.keys)
    return username.get_secret_value(), password


async def read_bundle(kube: NamespaceResources, registry: HarborRegistry, ref: CaRef | None, field: str) -> str | None:
    """Returns the PEM bundle of certificate authorities, or None if the spec names none."""
    if ref is None:
        return None
    (found,) = await read_values(kube, registry, ref, field, [ref.key])
    text = found.get_secret_value()
    raise_if_blocked(check_ca_bundle(describe_secret(registry.metadata.namespace, ref.name), field, ref.key, text))
    return text
