"""Registries, Secrets and a deterministic generator for the tests of the release."""

from __future__ import annotations

import itertools
from typing import Any

from pydantic import SecretStr

from harbor_operator.adapters.certificates import CERTIFICATE_TOOLS
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.certificates import KeyPair
from harbor_operator.model.release import ReleaseLogin, ReleaseSecrets, SecretGenerator, Tree, UserValues
from harbor_operator.plan.generated_secrets import generate_secrets

NAMESPACE = "intra"
UID = "5f0c7a52-8a55-4c39-9a5b-2d5a5f7d8f01"
CACHE_PASSWORD = "redis-Passw0rd/with?signs"
STORAGE_PASSWORD = "swift-Secret-Key-1"
ADMIN_PASSWORD = "admin-Passw0rd-1"
DATABASE_PASSWORD = "databasePassw0rd1"

EXTERNAL: dict[str, Any] = {
    "database": {"host": "pg.example.com", "adminSecretRef": {"name": "pg-admin"}},
    "cache": {"addresses": ["redis.example.com:6379"], "passwordSecretRef": {"name": "redis"}},
    "storage": {
        "swift": {
            "authURL": "https://s3.example.com/auth/v1.0",
            "container": "harbor",
            "credentialsSecretRef": {"name": "swift"},
            "caSecretRef": {"name": "s3-ca"},
        }
    },
    "expose": {"type": "ingress", "ingressClassName": "nginx", "tlsSecretName": "cr-tls"},
    "caSecretRef": {"name": "cr-ca"},
}


def registry(version: str = "1.19.1", **spec: Any) -> HarborRegistry:
    """A registry 'intra/cr' on servers of its own; keyword arguments replace parts of the spec, None removes one."""
    parts = {"externalURL": "https://cr.example.com", "release": {"version": version}, **EXTERNAL, **spec}
    body = {
        "metadata": {"name": "cr", "namespace": NAMESPACE, "uid": UID},
        "spec": {key: value for key, value in parts.items() if value is not None},
    }
    return HarborRegistry.parse(body)


def generator() -> SecretGenerator:
    """Counts up: every password is different, and the same in every test."""
    counter = itertools.count(1)

    def password(length: int) -> SecretStr:
        return SecretStr(f"Pw{next(counter):0{length - 2}d}")

    def key_pair() -> KeyPair:
        number = next(counter)
        return KeyPair(SecretStr(f"-----KEY {number}-----\n"), SecretStr(f"-----CERTIFICATE {number}-----\n"))

    def htpasswd(user: str, word: SecretStr) -> SecretStr:
        return SecretStr(f"{user}:hash-of-{word.get_secret_value()}")

    return SecretGenerator(password, key_pair, htpasswd, CERTIFICATE_TOOLS)


def release_secrets(*user: Tree | UserValues, **changes: Any) -> ReleaseSecrets:
    """What the Secrets of such a registry hold; positional arguments are the user's values."""
    sources = tuple(u if isinstance(u, UserValues) else UserValues("`spec.release.values`", u) for u in user)
    parts: dict[str, Any] = {
        "generated": generate_secrets(generator(), {}),
        "admin_password": SecretStr(ADMIN_PASSWORD),
        "database_login": ReleaseLogin("harbor_intra_cr", SecretStr(DATABASE_PASSWORD)),
        "cache_password": SecretStr(CACHE_PASSWORD),
        "storage_login": ReleaseLogin("harbor:registry", SecretStr(STORAGE_PASSWORD)),
        "ca_bundle": "-----CA-----\n",
        "user_values": sources,
    }
    return ReleaseSecrets(**{**parts, **changes})
