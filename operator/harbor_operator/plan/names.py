"""Every derived name, label and field manager, so that steps need not hand them to each other."""

from __future__ import annotations

import hashlib
import re

from harbor_operator.api.v1alpha1 import GROUP, HarborRegistry

FIELD_MANAGER = "harbor-operator"
MANAGED_BY = "app.kubernetes.io/managed-by"
REGISTRY_UID = f"{GROUP}/registry-uid"
REGISTRY_NAME = f"{GROUP}/registry-name"
REGISTRY_NAMESPACE = f"{GROUP}/registry-namespace"
REGISTRY_KEY = f"{GROUP}/registry"
ADOPTED = f"{GROUP}/adopted"
ATTACHED = f"{GROUP}/attached"
VALUES_DIGEST = f"{GROUP}/values"
SECRETS_DIGEST = f"{GROUP}/secrets"

_POSTGRES_LIMIT = 63
_LABEL_LIMIT = 63
_NAME_LIMIT = 253


def _own(registry: HarborRegistry, what: str) -> str:
    # Never `<release>-harbor-*`: those names are the chart's, and Helm refuses to import them.
    return f"hreg-{registry.metadata.name}-{what}"


def owner_labels(registry: HarborRegistry) -> dict[str, str]:
    """Labels that prove an object in the registry's namespace was made for the registry of this name.

    The name and not the uid: what `deletionPolicy` retained belongs to a registry that is made again.
    """
    return {MANAGED_BY: FIELD_MANAGER, REGISTRY_NAME: label_value(registry.metadata.name)}


def cluster_labels(registry: HarborRegistry) -> dict[str, str]:
    """Labels that prove the same of an object that lies in no namespace."""
    return {**owner_labels(registry), REGISTRY_NAMESPACE: registry.metadata.namespace}


def label_value(name: str) -> str:
    """Returns an object name as a label value: itself, or a digest where it is longer than a label may be."""
    return name if len(name) <= _LABEL_LIMIT else hashlib.sha256(name.encode()).hexdigest()[:_LABEL_LIMIT]


def release(registry: HarborRegistry) -> str:
    """Name of the Helm release."""
    wanted = registry.spec.release.name if registry.spec.release else ""
    return wanted or registry.metadata.name


def admin_secret(registry: HarborRegistry) -> str:
    """Secret with Harbor's admin password: the user's if referenced, else ours (key `password`)."""
    given = registry.spec.admin_password_secret_ref
    return given.name if given else _own(registry, "admin-password")


def admin_secret_key(registry: HarborRegistry) -> str:
    """Key of the admin password in `admin_secret`."""
    given = registry.spec.admin_password_secret_ref
    return given.key if given else "password"


def database_secret(registry: HarborRegistry) -> str:
    """Secret with `username` and `password` of Harbor's database role."""
    return _own(registry, "database-login")


def generated_secrets(registry: HarborRegistry) -> str:
    """Secret with everything the chart would otherwise generate anew."""
    return _own(registry, "pins")


def cache_secret(registry: HarborRegistry) -> str:
    """Secret with the complete Redis URLs, so that no ConfigMap holds the password."""
    return _own(registry, "redis-urls")


def storage_secret(registry: HarborRegistry) -> str:
    """Secret with the storage credential under the keys the chart reads."""
    return _own(registry, "storage-login")


def ca_secret(registry: HarborRegistry) -> str:
    """Secret with every CA the pods of Harbor must trust, in `ca.crt`."""
    return _own(registry, "ca-bundle")


def robot_secret(registry: HarborRegistry) -> str:
    """Secret with `username` and `password` of the pull-only robot, chosen before it is set in Harbor."""
    return _own(registry, "pull-robot")


def robot(registry: HarborRegistry) -> str:
    """Name of the robot without Harbor's prefix."""
    return f"{registry.metadata.namespace}-{registry.metadata.name}-pull"


def admission_policy(registry: HarborRegistry) -> str:
    """MutatingAdmissionPolicy and its binding; a namespace has no dot, so no two registries share a name."""
    prefix = f"{FIELD_MANAGER}.{registry.metadata.namespace}."
    readable = f"{prefix}{registry.metadata.name}"
    if len(readable) <= _NAME_LIMIT:
        return readable
    return prefix + hashlib.sha256(registry.metadata.name.encode()).hexdigest()


def database_role(registry: HarborRegistry) -> str:
    """PostgreSQL role that owns the databases; readable, and unique within 63 bytes."""
    readable = re.sub(r"[^a-z0-9]+", "_", f"harbor_{registry.metadata.namespace}_{registry.metadata.name}".lower())
    if len(readable) <= _POSTGRES_LIMIT and "-" not in registry.key and "." not in registry.key:
        return readable
    digest = hashlib.sha256(registry.key.encode()).hexdigest()[:8]
    return f"{readable[: _POSTGRES_LIMIT - 9]}_{digest}"
