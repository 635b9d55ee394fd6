"""The desired role and databases in PostgreSQL, and the smallest set of changes that creates them."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import SecretStr

from harbor_operator.api.charts import DatabaseKind, find_chart
from harbor_operator.api.schema_versions import max_schema
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.model.database import (
    DesiredDatabases,
    Marker,
    MarkerMatch,
    ObservedDatabase,
    ObservedRole,
    ObservedServer,
    WantedDatabase,
)
from harbor_operator.model.database_changes import (
    AlterRole,
    Change,
    CommentRole,
    CreateDatabase,
    CreateRole,
    DatabaseChange,
    DropDatabase,
    DropRole,
    EnsureLogin,
    FinishDatabase,
    GrantRoleToAdmin,
    MarkDatabase,
    OwnPublicSchema,
    RevokePublicConnect,
    RoleChange,
)
from harbor_operator.plan import names

_MIN_VERSION_FOR_UNKNOWN_CHART = 12
_MIN_VERSION_WITH_CLOSED_SCHEMA = 15


def plan_database(registry: HarborRegistry) -> DesiredDatabases:
    """Returns the desired role and databases; raises ValueError if the spec has no `database` section."""
    database = registry.spec.database
    if database is None:
        raise ValueError("the registry has no `spec.database`")
    release = registry.spec.release
    chart = find_chart(release.version) if release else None
    newest = max_schema(chart) if chart else None
    configured = database.names.model_dump(by_alias=True)
    # Without a release the version of Harbor is unknown: the operator creates what every version needs.
    # The release step refuses an unknown chart version with the reason.
    kinds = chart.databases if chart else (DatabaseKind.CORE,)
    return DesiredDatabases(
        role=names.database_role(registry),
        databases=tuple(
            WantedDatabase(
                configured[kind],
                f"spec.database.names.{kind}",
                newest if kind is DatabaseKind.CORE else None,
                needs_session_pool=kind is not DatabaseKind.CORE or (chart is not None and chart.core_uses_lib_pq),
            )
            for kind in kinds
        ),
        marker=Marker(registry.key, registry.metadata.uid, registry.metadata.cluster),
        connection_limit=database.connection_limit,
        min_version=chart.min_postgres if chart else _MIN_VERSION_FOR_UNKNOWN_CHART,
    )


def choose_role(registry: HarborRegistry, username: str, earlier: ObservedServer | None) -> str:
    """Returns the role of the registry: that of its login Secret, one that an earlier version created, or a new one.

    `username` is the one in the Secret, empty without a Secret; `earlier` has the role of the earlier name.
    """
    if names.is_database_role(registry, username):
        return username
    name, marker = names.earlier_database_role(registry), plan_database(registry).marker
    if earlier and earlier.role and marker.match(earlier.role.comment) not in {None, MarkerMatch.OTHER}:
        return name
    return name if earlier and earlier.admin.name == name else names.database_role(registry)


def plan_changes(desired: DesiredDatabases, observed: ObservedServer, password: SecretStr) -> tuple[Change, ...]:
    """Returns the ordered changes for a server that passed its checks; empty if it is in the desired state."""
    changes: list[Change] = [*_role_changes(desired, observed.role, password)]
    is_member = observed.role.admin_is_member if observed.role else observed.admin.is_superuser
    if not is_member:
        changes.append(GrantRoleToAdmin(desired.role))
    changes += _second_changes(desired, observed.second)
    for wanted in desired.databases:
        changes += _database_changes(desired, observed, wanted.name)
    return tuple(changes)


def plan_removal(desired: DesiredDatabases, observed: ObservedServer) -> tuple[Change, ...]:
    """Returns the changes that drop what this registry's marker owns; the role stays while it owns another database."""
    # An unfinished database has no marker of its own; that of the role shows for which registry it was created.
    is_our_role = bool(observed.role and desired.marker.match(observed.role.comment) is MarkerMatch.OURS)
    removable = [database for database in observed.databases if _is_removable(desired, database, is_our_role)]
    owned = [database for database in observed.databases if database.owner == desired.role]
    changes: list[Change] = [DropDatabase(database.name, desired.role) for database in removable]
    if changes and observed.role and not observed.role.admin_is_member:
        changes.insert(0, GrantRoleToAdmin(desired.role))
    if is_our_role and len(removable) == len(owned):
        changes.append(DropRole(desired.role))
    return tuple(changes)


def _is_removable(desired: DesiredDatabases, database: ObservedDatabase, is_our_role: bool) -> bool:
    is_marked = desired.marker.match(database.comment) is MarkerMatch.OURS
    return database.owner == desired.role and (is_marked or (is_our_role and database.is_unfinished))


def _role_changes(desired: DesiredDatabases, role: ObservedRole | None, password: SecretStr) -> Iterator[RoleChange]:
    if role is None:
        yield CreateRole(desired.role, desired.connection_limit, desired.marker, password)
        return
    yield from _alterations(desired, desired.role, role)


def _second_changes(desired: DesiredDatabases, role: ObservedRole | None) -> Iterator[RoleChange]:
    login = desired.second
    if login and role:
        yield from _alterations(desired, login.username, role)
    elif login:  # a restored server can lack it: a dump of the databases has no roles
        limit = desired.connection_limit
        yield EnsureLogin(login.username, desired.role, limit, desired.marker, login.password, exists=False)


def _alterations(desired: DesiredDatabases, name: str, role: ObservedRole) -> Iterator[RoleChange]:
    if role.missing_attributes or role.connection_limit != desired.connection_limit:
        yield AlterRole(name, desired.connection_limit, role.missing_attributes)
    if role.comment != desired.marker.comment:
        yield CommentRole(name, desired.marker)


def _database_changes(desired: DesiredDatabases, observed: ObservedServer, name: str) -> Iterator[DatabaseChange]:
    found = observed.database(name)
    if found is None:
        yield CreateDatabase(name, desired.role, desired.marker)
        yield RevokePublicConnect(name, desired.role)
        # The bootstrap superuser owns the schema, so only a superuser can alter it; from 15 on its owner is the
        # owner of the database.
        if observed.version < _MIN_VERSION_WITH_CLOSED_SCHEMA and observed.admin.is_superuser:
            yield OwnPublicSchema(name, desired.role)
        return
    if found.is_unfinished:
        yield FinishDatabase(name, desired.role, desired.marker)
    if found.is_open_to_public:
        yield RevokePublicConnect(name, desired.role)
    # A database without a marker was created by another client for Harbor's role. It stays unmarked: the operator
    # drops only marked databases.
    if found.comment != desired.marker.comment and Marker.parse(found.comment):
        yield MarkDatabase(name, desired.role, desired.marker)
