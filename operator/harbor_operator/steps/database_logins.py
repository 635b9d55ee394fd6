"""The two logins of Harbor's databases: which one is in use, and what was rotated.

The first Secret has the role that owns the databases and, after the first rotation, which login is in use. The second
Secret has a role that acts as the first one. Harbor's pods read the Secret of the login that is in use.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.database_login import check_login, check_login_secret, login_warnings
from harbor_operator.model.database import (
    DesiredDatabases,
    ObservedLogin,
    PostgresLogin,
    PostgresServer,
    WantedDatabase,
)
from harbor_operator.model.database_changes import EnsureLogin, RoleChange, SetPassword
from harbor_operator.model.outcomes import NOTHING, Blocked, Facts, StatusWarning
from harbor_operator.plan import names
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.ports.postgres import Postgres
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

    def active_secret(self, registry: HarborRegistry) -> str:
        """Returns the name of the Secret with the login that Harbor uses."""
        return names.second_database_secret(registry) if self.uses_second else names.database_secret(registry)

    def active(self, registry: HarborRegistry) -> PostgresLogin | None:
        """Returns the login that Harbor uses, or None if its Secret is incomplete."""
        values = self.second if self.uses_second else self.first
        if not {USERNAME, PASSWORD} <= values.keys():
            return None
        origin = f"Secret '{self.active_secret(registry)}'"
        return PostgresLogin(values[USERNAME].get_secret_value(), values[PASSWORD], origin)


@dataclass(frozen=True, slots=True)
class VerifiedLogins:
    """What the logins found: the facts are those of the database of core, the first of all."""

    facts: Facts = NOTHING
    warnings: tuple[StatusWarning, ...] = ()

    def with_login(self, database: WantedDatabase, tried: ObservedLogin) -> VerifiedLogins:
        """Returns the same with what a login in one more database found."""
        core = Facts(database_schema=tried.schema.version if tried.schema else None)
        return VerifiedLogins(
            core if self.facts is NOTHING else self.facts, (*self.warnings, *login_warnings(database, tried))
        )


async def try_logins(
    postgres: Postgres, server: PostgresServer, desired: DesiredDatabases, login: PostgresLogin
) -> Blocked | VerifiedLogins:
    """Logs in to every database, and returns what was found, or the first failure."""
    verified = VerifiedLogins()
    for database in desired.databases:
        tried = await postgres.try_login(server, login, database.name)
        if failure := check_login(desired, database, tried, login):
            return failure
        verified = verified.with_login(database, tried)
    return verified


async def read_logins(kube: NamespaceResources, registry: HarborRegistry) -> DatabaseLogins:
    """Returns both logins; the second Secret is read only after a rotation."""
    first = await OwnSecret(kube, names.database_secret).read(registry)
    second = await OwnSecret(kube, names.second_database_secret).read(registry) if ACTIVE in first else {}
    return DatabaseLogins(first, second)


def check_second_login(registry: HarborRegistry, desired: DesiredDatabases) -> Blocked | None:
    """Returns why the Secret of the second login cannot be used; None if it is not in use."""
    if desired.second is None:
        return None
    named = replace(desired, role=names.second_database_role(desired.role))
    secret = names.second_database_secret(registry)
    return check_login_secret(named, desired.second.username, desired.second.password, secret)


def set_password(desired: DesiredDatabases, login: PostgresLogin) -> RoleChange:
    """Returns the change that gives the role of a login its password."""
    if login.username == desired.role:
        return SetPassword(login.username, login.password)
    limit, marker = desired.connection_limit, desired.marker
    return EnsureLogin(login.username, desired.role, limit, marker, login.password, exists=True)
