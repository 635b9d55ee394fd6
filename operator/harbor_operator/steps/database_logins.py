"""The two logins of Harbor's databases: which one is in use, and what was rotated.

The first Secret has the role that owns the databases and, after the first rotation, which login is in use. The second
Secret has a role that acts as the first one. Harbor's pods read the Secret of the login that is in use.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.database import PostgresLogin
from harbor_operator.plan import names
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.steps.own_secret import OwnSecret

USERNAME, PASSWORD = "username", "password"
ACTIVE, ROTATION, ROTATED_AT, RETIRED = "active", "rotation", "rotatedAt", "retired"
"""Keys of the first Secret: FIRST or SECOND, the request that led to it, when, and the role without a password."""

PREPARED = "prepared"
"""Key of the first Secret: the role that gets its stored password for a rotation that has not happened yet."""

FIRST, SECOND = "first", "second"


@dataclass(frozen=True, slots=True)
class DatabaseLogins:
    """The values of both Secrets; empty for one that does not exist or that the operator did not create."""

    first: Mapping[str, SecretStr]
    second: Mapping[str, SecretStr]

    @property
    def is_rotated(self) -> bool:
        """Whether the login was ever rotated."""
        return ACTIVE in self.first

    @property
    def uses_second(self) -> bool:
        """Whether Harbor uses the second login."""
        return self.text(ACTIVE) == SECOND

    def text(self, key: str) -> str:
        """Returns what the first Secret records under the key, or an empty text."""
        return self.first[key].get_secret_value() if key in self.first else ""

    def active(self, registry: HarborRegistry) -> PostgresLogin | None:
        """Returns the login that Harbor uses, or None if its Secret is incomplete."""
        values = self.second if self.uses_second else self.first
        secret = names.second_database_secret(registry) if self.uses_second else names.database_secret(registry)
        if not {USERNAME, PASSWORD} <= values.keys():
            return None
        return PostgresLogin(values[USERNAME].get_secret_value(), values[PASSWORD], f"Secret '{secret}'")


async def read_logins(kube: NamespaceResources, registry: HarborRegistry) -> DatabaseLogins:
    """Returns both logins; the second Secret is read only after a rotation."""
    first = await OwnSecret(kube, names.database_secret).read(registry)
    second = await OwnSecret(kube, names.second_database_secret).read(registry) if ACTIVE in first else {}
    return DatabaseLogins(first, second)
