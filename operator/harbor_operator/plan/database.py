"""The wish for PostgreSQL: which role and databases must exist, and the smallest set of changes that gets there."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import SecretStr

from harbor_operator.api.charts import DatabaseKind, find_chart
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.database import (
    AlterRole,
    Change,
    CommentRole,
    CreateDatabase,
    CreateRole,
    DatabaseChange,
    DesiredDatabases,
    DropDatabase,
    DropRole,
    GrantRoleToAdmin,
    MarkDatabase,
    Marker,
    ObservedDatabase,
    ObservedRole,
    ObservedServer,
    OwnPublicSchema,
    RevokePublicConnect,
    RoleChange,
    WantedDatabase,
)
from harbor_operator.plan import names

_OLDEST_FOR_UNKNOWN_CHART = 12
_PUBLIC_SCHEMA_IS_CLOSED = 15


def plan_database(registry: HarborRegistry) -> DesiredDatabases:
    """Returns what the server is held against; the spec must have a `database` section."""
    database = registry.spec.database
    if database is None:
        raise ValueError("a registry without `spec.database` wishes for no database")
    release = registry.spec.release
    chart = find_chart(release.version) if release else None
    chosen = database.names.model_dump(by_alias=True)
    # Without a release somebody else runs Harbor, in a version we do not know: what every version needs is made.
    # An unknown chart is refused by the release step, which is the one that can say why.
    kinds = chart.databases if chart else (DatabaseKind.CORE,)
    return DesiredDatabases(
        role=names.database_role(registry),
        databases=tuple(WantedDatabase(chosen[kind], f"spec.database.names.{kind}") for kind in kinds),
        marker=Marker(registry.key, registry.metadata.uid),
        connection_limit=database.connection_limit,
        min_version=chart.min_postgres if chart else _OLDEST_FOR_UNKNOWN_CHART,
    )


def plan_changes(desired: DesiredDatabases, observed: ObservedServer, password: SecretStr) -> tuple[Change, ...]:
    """Returns what to do, in order, on a server where nothing stands in the way; empty when all is as wished."""
    changes: list[Change] = [*_role_changes(desired, observed.role, password)]
    is_member = observed.role.admin_is_member if observed.role else observed.admin.is_superuser
    if not is_member:
        changes.append(GrantRoleToAdmin(desired.role))
    for wanted in desired.databases:
        changes += _database_changes(desired, observed, wanted.name)
    return tuple(changes)


def plan_removal(desired: DesiredDatabases, observed: ObservedServer) -> tuple[Change, ...]:
    """Returns how to remove what carries this very registry's marker; a role goes only if nothing is left to it."""
    ours = [database for database in observed.databases if _is_removable(desired, database)]
    owned = [database for database in observed.databases if database.owner == desired.role]
    changes: list[Change] = [DropDatabase(database.name, desired.role) for database in ours]
    if changes and observed.role and not observed.role.admin_is_member:
        changes.insert(0, GrantRoleToAdmin(desired.role))
    if observed.role and Marker.parse(observed.role.comment) == desired.marker and len(ours) == len(owned):
        changes.append(DropRole(desired.role))
    return tuple(changes)


def _is_removable(desired: DesiredDatabases, database: ObservedDatabase) -> bool:
    return database.owner == desired.role and Marker.parse(database.comment) == desired.marker


def _role_changes(desired: DesiredDatabases, role: ObservedRole | None, password: SecretStr) -> Iterator[RoleChange]:
    if role is None:
        yield CreateRole(desired.role, desired.connection_limit, desired.marker, password)
        return
    if role.lacking or role.connection_limit != desired.connection_limit:
        yield AlterRole(desired.role, desired.connection_limit, role.lacking)
    if role.comment != desired.marker.comment:
        yield CommentRole(desired.role, desired.marker)


def _database_changes(desired: DesiredDatabases, observed: ObservedServer, name: str) -> Iterator[DatabaseChange]:
    found = observed.database(name)
    if found is None:
        yield CreateDatabase(name, desired.role, desired.marker)
        yield RevokePublicConnect(name, desired.role)
        # Nobody but a superuser may touch a schema of the bootstrap superuser; since 15 it is the owner's anyway.
        if observed.version < _PUBLIC_SCHEMA_IS_CLOSED and observed.admin.is_superuser:
            yield OwnPublicSchema(name, desired.role)
        return
    if found.is_open_to_public:
        yield RevokePublicConnect(name, desired.role)
    # A database without a marker was made by somebody who handed it over; unmarked it is never dropped.
    if found.comment != desired.marker.comment and Marker.parse(found.comment):
        yield MarkDatabase(name, desired.role, desired.marker)
