"""Every derived name, label and field manager.

They depend on the registry alone, so a step derives the names of another step's objects itself.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from harbor_operator.api.base import OWN_PREFIX
from harbor_operator.api.kind import GROUP
from harbor_operator.api.v1alpha1 import HarborRegistry

FIELD_MANAGER = "harbor-operator"
MANAGED_BY = "app.kubernetes.io/managed-by"
REGISTRY_UID = f"{GROUP}/registry-uid"
REGISTRY_NAME = f"{GROUP}/registry-name"
REGISTRY_NAMESPACE = f"{GROUP}/registry-namespace"
REGISTRY_KEY = f"{GROUP}/registry"
ADOPTED = f"{GROUP}/adopted"
ATTACHED = f"{GROUP}/attached"
ROBOT = f"{GROUP}/robot"
"""Label of the Secrets of one robot of a project: `project_robot_digest`."""

COMPONENT = "app.kubernetes.io/component"
ROBOT_LOGIN, ROBOT_STATE = "robot-login", "robot-state"
"""Values of COMPONENT: the Secret that a pipeline reads, and the one in which the operator keeps a robot's passwords.
"""

PROJECTS = f"{GROUP}/projects"
INJECT = f"{GROUP}/inject"
"""The annotation with which a Namespace or a ServiceAccount chooses: INJECT_ENABLED, INJECT_DISABLED."""

INJECT_ENABLED = "enabled"
INJECT_DISABLED = "disabled"
VALUES_DIGEST = f"{GROUP}/values"
SECRETS_DIGEST = f"{GROUP}/secrets"
CERTIFICATE_DIGEST = f"{GROUP}/certificate"
ISSUED_BY = f"{GROUP}/issued-by"
"""Label of a Secret whose certificate the operator did not issue: ISSUED_BY_CERT_MANAGER."""

ISSUED_BY_CERT_MANAGER = "cert-manager"
ADOPTED_REVISION = f"{GROUP}/adopted-revision"
"""Label of a release Secret: the revision that was adopted. Helm copies labels, so it may name an earlier one."""


_MAX_POSTGRES_NAME = 63
_SECOND_ROLE = "_b"
_MAX_LABEL_VALUE = 63
_MAX_OBJECT_NAME = 253
_MAX_ROBOT_STEM = 150
_DIGEST_CHARACTERS = 8
_ROBOT_DIGEST_CHARACTERS = 16
_ACCESS_KEY_LENGTH = 20


def _secret_name(registry: HarborRegistry, suffix: str) -> str:
    # Never `<release>-harbor-*`: the chart creates objects of such names, and Helm refuses to adopt existing ones.
    return f"{OWN_PREFIX}{registry.metadata.name}-{suffix}"


def owner_labels(registry: HarborRegistry) -> dict[str, str]:
    """Labels that mark an object in the registry's namespace as created for the registry of this name.

    They contain the name and not the uid, so that a registry that is created again owns what `deletionPolicy` retained.
    """
    return {MANAGED_BY: FIELD_MANAGER, REGISTRY_NAME: label_value(registry.metadata.name)}


def own_secret_prefix(registry: HarborRegistry) -> str:
    """What the names of the Secrets that hold the registry's own state begin with."""
    return _secret_name(registry, "")


def own_secrets_selector(registry: HarborRegistry) -> str:
    """Label selector of the Secrets that hold the registry's own state, without the release and project robots."""
    owner = label_selector(owner_labels(registry))
    return f"{owner},owner!=helm,{COMPONENT}!={ROBOT_LOGIN},{COMPONENT}!={ROBOT_STATE}"


def cluster_labels(registry: HarborRegistry) -> dict[str, str]:
    """Labels that mark a cluster-scoped object as created for this registry."""
    return {**owner_labels(registry), REGISTRY_NAMESPACE: registry.metadata.namespace}


def label_selector(labels: Mapping[str, str]) -> str:
    """Returns the label selector of the objects that have all these labels."""
    return ",".join(f"{key}={value}" for key, value in labels.items())


def label_value(name: str) -> str:
    """Returns an object name as a label value: the name, or its digest if it is too long for a label."""
    return name if len(name) <= _MAX_LABEL_VALUE else hashlib.sha256(name.encode()).hexdigest()[:_MAX_LABEL_VALUE]


def cluster_digest(registry: HarborRegistry) -> str:
    """Digits for names outside the cluster: they differ for equal registries of two clusters."""
    return hashlib.sha256(f"{registry.metadata.cluster}/{registry.key}".encode()).hexdigest()[:_DIGEST_CHARACTERS]


def access_key(registry: HarborRegistry, uid: str) -> str:
    """S3 access key that the operator creates for RGW user `uid`; equal registries of two clusters differ.

    No two users of a gateway can have one access key.
    """
    digest = hashlib.sha256(f"{registry.metadata.cluster}/{registry.key}/{uid}".encode()).hexdigest()
    return f"HARBOR{digest[: _ACCESS_KEY_LENGTH - len('HARBOR')].upper()}"


def release(registry: HarborRegistry) -> str:
    """Name of the Helm release."""
    name = registry.spec.release.name if registry.spec.release else ""
    return name or registry.metadata.name


def admin_secret(registry: HarborRegistry) -> str:
    """Secret with Harbor's admin password: the referenced one, or else the generated one."""
    reference = registry.spec.admin_password_secret_ref
    return reference.name if reference else _secret_name(registry, "admin-password")


def admin_secret_key(registry: HarborRegistry) -> str:
    """Key of the admin password in `admin_secret`."""
    reference = registry.spec.admin_password_secret_ref
    return reference.key if reference else "password"


def endpoint_secret(registry: HarborRegistry) -> str:
    """Secret with the digests of the logins of `spec.registries` that were last written to Harbor."""
    return _secret_name(registry, "endpoint-logins")


def accepted_admin_secret(registry: HarborRegistry) -> str:
    """Secret with the admin password that Harbor accepted last; with it a changed password is set in Harbor."""
    return _secret_name(registry, "admin-accepted")


def database_secret(registry: HarborRegistry) -> str:
    """Secret with `username` and `password` of Harbor's database role: the referenced or the generated one."""
    database = registry.spec.database
    if database and database.credentials_secret_ref:
        return database.credentials_secret_ref.name
    return _secret_name(registry, "database-login")


def second_database_secret(registry: HarborRegistry) -> str:
    """Secret with `username` and `password` of the second role that logs in to the databases."""
    return _secret_name(registry, "database-login-b")


def second_database_role(role: str) -> str:
    """The second role that logs in to the databases of this role, and acts as it."""
    return f"{role[: _MAX_POSTGRES_NAME - len(_SECOND_ROLE)]}{_SECOND_ROLE}"


def generated_secrets(registry: HarborRegistry) -> str:
    """Secret with the values that the chart otherwise generates again at every upgrade."""
    return _secret_name(registry, "pins")


def data_secrets(registry: HarborRegistry) -> list[str]:
    """The generated Secrets without which the data in Harbor's database cannot be used."""
    generated = [generated_secrets(registry)]
    return generated if registry.spec.admin_password_secret_ref else [*generated, admin_secret(registry)]


def cache_secret(registry: HarborRegistry) -> str:
    """Secret with the complete Redis URLs, so that no ConfigMap contains the password."""
    return _secret_name(registry, "redis-urls")


def storage_secret(registry: HarborRegistry) -> str:
    """Secret with the storage credential under the keys that the chart reads."""
    return _secret_name(registry, "storage-login")


def ca_secret(registry: HarborRegistry) -> str:
    """Secret with every CA that the pods of Harbor must trust, under the key `ca.crt`."""
    return _secret_name(registry, "ca-bundle")


def internal_tls_authority(registry: HarborRegistry) -> str:
    """Secret with the certificate authority of `spec.internalTLS`; no pod reads it."""
    return _secret_name(registry, "internal-tls-ca")


def backend_tls_policy(registry: HarborRegistry, component: str) -> str:
    """BackendTLSPolicy for the Service of one process of Harbor."""
    return _secret_name(registry, f"backend-tls-{component}")


def backend_tls_authority(registry: HarborRegistry) -> str:
    """ConfigMap with the CA of `spec.internalTLS`, for Gateways."""
    return _secret_name(registry, "backend-tls-ca")


def internal_tls_secret(registry: HarborRegistry, component: str) -> str:
    """Secret with the certificate of one process of Harbor, by its section in the chart values."""
    return _secret_name(registry, f"internal-tls-{component}")


def robot_secret(registry: HarborRegistry) -> str:
    """Secret with `username` and `password` of the pull-only robot; written before the robot gets the password."""
    return _secret_name(registry, "pull-robot")


def robot_key_secret(registry: HarborRegistry) -> str:
    """Secret with the key from which the passwords of the robots of namespaces are derived."""
    return _secret_name(registry, "robot-key")


def accepted_login_secret(registry: HarborRegistry) -> str:
    """Secret with the digest of the last pull credential that the registry accepted."""
    return _secret_name(registry, "pull-accepted")


def authentication_secret(registry: HarborRegistry) -> str:
    """Secret with the digest of the client secret or LDAP password that was last written to Harbor."""
    return _secret_name(registry, "authentication")


def project_robot_secret(registry: HarborRegistry, project: str, robot: str) -> str:
    """Secret with the passwords of a robot of a project; written before the robot gets one."""
    return _secret_name(registry, f"robot-{project_robot_digest(project, robot)}")


def project_robot_digest(project: str, robot: str) -> str:
    """Digits that identify a robot of a project in names and labels of its Secrets."""
    return hashlib.sha256(f"{project}/{robot}".encode()).hexdigest()[:_ROBOT_DIGEST_CHARACTERS]


def robot(registry: HarborRegistry, generation: int = 1) -> str:
    """Name of a robot account, without the prefix that Harbor adds; equal registries of two clusters differ.

    Harbor allows one separator between letters and digits, and at most 255 characters. The digest is that of the whole
    key, so what is left out does not matter. Each rotation creates a robot of the next generation.
    """
    readable = re.sub(r"([.-])[.-]+", r"\1", f"{registry.metadata.namespace}-{registry.metadata.name}")
    stem = f"{readable[:_MAX_ROBOT_STEM].rstrip('.-')}-pull-{cluster_digest(registry)}"
    return stem if generation == 1 else f"{stem}-{generation}"


def robot_generation(registry: HarborRegistry, login: str) -> int | None:
    """Returns the generation of the robot with this login name, whatever Harbor's prefix is; None for another robot."""
    if match := re.search(rf"{re.escape(robot(registry))}(?:-([1-9][0-9]*))?$", login):
        return int(match[1] or 1)
    return 1 if login.endswith(earlier_robot(registry)) else None


def earlier_robot(registry: HarborRegistry) -> str:
    """Name that earlier versions gave to the robot account."""
    return f"{registry.metadata.namespace}-{registry.metadata.name}-pull"


def proof_project(registry: HarborRegistry) -> str:
    """Project in Harbor that exists only while the storage is proved; equal registries of two clusters differ."""
    return f"harbor-operator-proof-{cluster_digest(registry)}"


def admission_policy(registry: HarborRegistry) -> str:
    """Name of the MutatingAdmissionPolicy and of its binding.

    It is unique, because the name of a namespace contains no dot.
    """
    prefix = f"{FIELD_MANAGER}.{registry.metadata.namespace}."
    readable = f"{prefix}{registry.metadata.name}"
    if len(readable) <= _MAX_OBJECT_NAME:
        return readable
    return prefix + hashlib.sha256(registry.metadata.name.encode()).hexdigest()


def database_role(registry: HarborRegistry) -> str:
    """PostgreSQL role that owns the databases, at most 63 bytes long; equal registries of two clusters differ."""
    return f"{_database_role_prefix(registry)}{cluster_digest(registry)}"


def earlier_database_role(registry: HarborRegistry) -> str:
    """Name that earlier versions gave to the role: equal registries of two clusters had the same one."""
    readable = _readable_role(registry)
    if len(readable) <= _MAX_POSTGRES_NAME and "-" not in registry.key and "." not in registry.key:
        return readable
    return f"{_database_role_prefix(registry)}{hashlib.sha256(registry.key.encode()).hexdigest()[:_DIGEST_CHARACTERS]}"


def is_database_role(registry: HarborRegistry, role: str) -> bool:
    """Whether the operator can have given this name to the registry's role: an earlier version, or another cluster."""
    generated = rf"{re.escape(_database_role_prefix(registry))}[0-9a-f]{{{_DIGEST_CHARACTERS}}}"
    return role == earlier_database_role(registry) or re.fullmatch(generated, role) is not None


def _database_role_prefix(registry: HarborRegistry) -> str:
    return f"{_readable_role(registry)[: _MAX_POSTGRES_NAME - _DIGEST_CHARACTERS - 1]}_"


def _readable_role(registry: HarborRegistry) -> str:
    return re.sub(r"[^a-z0-9]+", "_", f"harbor_{registry.metadata.namespace}_{registry.metadata.name}".lower())
