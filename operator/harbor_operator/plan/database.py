"""The wish for PostgreSQL: which role and databases must exist, and the smallest set of changes that gets there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.diagnosis.database_seen import (
    Attribute,
    DatabaseSeen,
    DatabaseWish,
    Marker,
    RoleSeen,
    ServerSeen,
    WantedDatabase,
)
from harbor_operator.plan import names
from harbor_operator.plan.charts import DatabaseKind, chart_era

_OLDEST_FOR_UNKNOWN_CHART = 12
_PUBLIC_SCHEMA_IS_CLOSED = 15


@dataclass(frozen=True, slots=True)
class CreateRole:
    """Makes the role with its password and its marker: both or neither."""

    role: str
    connection_limit: int
    marker: Marker
    password: SecretStr


@dataclass(frozen=True, slots=True)
class ReshapeRole:
    """Brings the role back to a plain login with the wanted limit."""

    role: str
    connection_limit: int
    # Only what differs: before 16 the mere word NOSUPERUSER is refused to an admin who is no superuser.
    attributes: tuple[Attribute, ...]


@dataclass(frozen=True, slots=True)
class SetPassword:
    """Makes the password of the role the one in its Secret."""

    role: str
    password: SecretStr


@dataclass(frozen=True, slots=True)
class MarkRole:
    """Writes the marker on the role."""

    role: str
    marker: Marker


@dataclass(frozen=True, slots=True)
class JoinRole:
    """Lets the admin act for the role."""

    role: str


@dataclass(frozen=True, slots=True)
class CreateDatabase:
    """Makes the database, owned by the role and marked."""

    database: str
    role: str
    marker: Marker


@dataclass(frozen=True, slots=True)
class CloseDatabase:
    """Takes from PUBLIC the right to connect."""

    database: str
    role: str


@dataclass(frozen=True, slots=True)
class TakeSchema:
    """Gives schema public to the role and takes from PUBLIC the right to create in it (before PostgreSQL 15)."""

    database: str
    role: str


@dataclass(frozen=True, slots=True)
class MarkDatabase:
    """Writes the marker on the database."""

    database: str
    role: str
    marker: Marker


@dataclass(frozen=True, slots=True)
class DropDatabase:
    """Removes the database and all that is in it."""

    database: str
    role: str


@dataclass(frozen=True, slots=True)
class DropRole:
    """Removes the role."""

    role: str


RoleChange = CreateRole | ReshapeRole | SetPassword | MarkRole | JoinRole | DropRole
DatabaseChange = CreateDatabase | CloseDatabase | TakeSchema | MarkDatabase | DropDatabase
Change = RoleChange | DatabaseChange


def plan_database(registry: HarborRegistry) -> DatabaseWish:
    """Returns what the server is held against; the spec must have a `database` section."""
    database = registry.spec.database
    if database is None:
        raise ValueError("a registry without `spec.database` wishes for no database")
    release = registry.spec.release
    era = chart_era(release.version) if release else None
    chosen = database.names.model_dump(by_alias=True)
    # Without a release somebody else runs Harbor, in a version we do not know: what every version needs is made.
    # An unknown chart is refused by the release step, which is the one that can say why.
    kinds = era.databases if era else (DatabaseKind.CORE,)
    return DatabaseWish(
        role=names.database_role(registry),
        databases=tuple(WantedDatabase(chosen[kind], f"spec.database.names.{kind}") for kind in kinds),
        marker=Marker(registry.key, registry.metadata.uid),
        connection_limit=database.connection_limit,
        min_version=era.min_postgres if era else _OLDEST_FOR_UNKNOWN_CHART,
    )


def plan_changes(wish: DatabaseWish, seen: ServerSeen, password: SecretStr) -> tuple[Change, ...]:
    """Returns what to do, in order, on a server where nothing stands in the way; empty when all is as wished."""
    changes: list[Change] = [*_role_changes(wish, seen.role, password)]
    is_member = seen.role.admin_is_member if seen.role else seen.admin.is_superuser
    if not is_member:
        changes.append(JoinRole(wish.role))
    for wanted in wish.databases:
        changes += _database_changes(wish, seen, wanted.name)
    return tuple(changes)


def plan_removal(wish: DatabaseWish, seen: ServerSeen) -> tuple[Change, ...]:
    """Returns how to remove what carries this very registry's marker; a role goes only if nothing is left to it."""
    ours = [database for database in seen.databases if _is_removable(wish, database)]
    owned = [database for database in seen.databases if database.owner == wish.role]
    changes: list[Change] = [DropDatabase(database.name, wish.role) for database in ours]
    if changes and seen.role and not seen.role.admin_is_member:
        changes.insert(0, JoinRole(wish.role))
    if seen.role and Marker.parse(seen.role.comment) == wish.marker and len(ours) == len(owned):
        changes.append(DropRole(wish.role))
    return tuple(changes)


def _is_removable(wish: DatabaseWish, database: DatabaseSeen) -> bool:
    return database.owner == wish.role and Marker.parse(database.comment) == wish.marker


def _role_changes(wish: DatabaseWish, role: RoleSeen | None, password: SecretStr) -> Iterator[RoleChange]:
    if role is None:
        yield CreateRole(wish.role, wish.connection_limit, wish.marker, password)
        return
    if role.lacking or role.connection_limit != wish.connection_limit:
        yield ReshapeRole(wish.role, wish.connection_limit, role.lacking)
    if role.comment != wish.marker.comment:
        yield MarkRole(wish.role, wish.marker)


def _database_changes(wish: DatabaseWish, seen: ServerSeen, name: str) -> Iterator[DatabaseChange]:
    found = seen.database(name)
    if found is None:
        yield CreateDatabase(name, wish.role, wish.marker)
        yield CloseDatabase(name, wish.role)
        # Nobody but a superuser may touch a schema of the bootstrap superuser; since 15 it is the owner's anyway.
        if seen.version < _PUBLIC_SCHEMA_IS_CLOSED and seen.admin.is_superuser:
            yield TakeSchema(name, wish.role)
        return
    if found.is_open_to_public:
        yield CloseDatabase(name, wish.role)
    # A database without a marker was made by somebody who handed it over; unmarked it is never dropped.
    if found.comment != wish.marker.comment and Marker.parse(found.comment):
        yield MarkDatabase(name, wish.role, wish.marker)
