"""A PostgreSQL server in memory: roles, databases, and the list of applied changes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace

from harbor_operator.model.database import (
    Attribute,
    LoginResult,
    Marker,
    ObservedAdmin,
    ObservedDatabase,
    ObservedLogin,
    ObservedRole,
    ObservedServer,
    PostgresLogin,
    PostgresServer,
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
    RevokePassword,
    RevokePublicConnect,
    SetPassword,
)
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.postgres import PostgresSession
from harbor_operator.reasons import Reason


@dataclass
class FakeRole:
    password: str = ""
    comment: str = ""
    limit: int = -1
    missing_attributes: tuple[Attribute, ...] = ()
    members: set[str] = field(default_factory=set)
    acts_as: str = ""


def admin(rights: str = "CREATEROLE CREATEDB") -> ObservedAdmin:
    """Returns an admin with these rights."""
    return ObservedAdmin(
        "admin",
        is_superuser="SUPERUSER" in rights,
        may_create_roles="CREATEROLE" in rights,
        may_create_databases="CREATEDB" in rights,
    )


@dataclass
class FakePostgres:
    """A server in attributes that a test sets.

    `down`, `dies_after` (so many changes), `dies_in_creation` (before the new database is marked), `locked`,
    `rejected` (roles that cannot log in) and `exhausted` (roles without a connection) make its calls fail. A pooler has
    another password for roles in `outdated`. `contents` has what a login finds in a database.
    """

    admin: ObservedAdmin = field(default_factory=admin)
    admin_password: str = "admin-password"
    version: int = 15
    max_connections: int = 500
    roles: dict[str, FakeRole] = field(default_factory=dict)
    databases: dict[str, ObservedDatabase] = field(default_factory=dict)
    closed_schemas: set[str] = field(default_factory=set)
    harbor_databases: set[str] = field(default_factory=set)
    rejected: set[str] = field(default_factory=set)
    outdated: set[str] = field(default_factory=set)
    exhausted: set[str] = field(default_factory=set)
    down: bool = False
    locked: bool = False
    dies_after: int | None = None
    dies_in_creation: bool = False
    maintenance_database: str = "postgres"
    contents: dict[str, ObservedLogin] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    """The username and the origin of each login that looked for tables of Harbor."""

    def session(self, server: PostgresServer, admin: PostgresLogin) -> AbstractAsyncContextManager[PostgresSession]:
        return self._session(server, admin)

    @asynccontextmanager
    async def _session(self, server: PostgresServer, admin: PostgresLogin) -> AsyncIterator[PostgresSession]:
        self._answer()
        if (admin.username, admin.password.get_secret_value()) != (self.admin.name, self.admin_password):
            raise Refused(Reason.DATABASE_CREDENTIALS_REJECTED, f"rejected role '{admin.username}'; {admin.origin}")
        if server.maintenance_database != self.maintenance_database:
            raise Refused(Reason.DATABASE_NOT_FOUND, f"no database '{server.maintenance_database}'")
        yield FakeSession(self)

    async def try_login(self, server: PostgresServer, login: PostgresLogin, database: str) -> ObservedLogin:
        self._answer()
        if login.username in self.exhausted:
            raise Unavailable(f"no connection left for role '{login.username}'", Reason.DATABASE_CONNECTIONS_LOW)
        role = self.roles.get(login.username)
        is_right = role is not None and role.password and role.password == login.password.get_secret_value()
        if role is None or not is_right or login.username in self.outdated:
            return ObservedLogin(LoginResult.WRONG_PASSWORD, error_message="password authentication failed")
        if login.username in self.rejected or Attribute.LOGIN in role.missing_attributes:
            return ObservedLogin(LoginResult.REFUSED, error_message="no pg_hba.conf entry")
        if database not in {*self.databases, self.maintenance_database}:
            return ObservedLogin(LoginResult.NO_DATABASE, error_message="no such database")
        found = self.databases.get(database)
        acting = role.acts_as or login.username
        may_create = found is not None and found.owner == acting and database not in self.closed_schemas
        content = self.contents.get(database, ObservedLogin(LoginResult.ACCEPTED))
        return replace(content, may_create=may_create, server_version=self.version)

    async def has_harbor_tables(self, server: PostgresServer, login: PostgresLogin, database: str) -> bool:
        self._answer()
        self.logins.append((login.username, login.origin))
        return database in self.harbor_databases

    def _answer(self) -> None:
        if self.down:
            raise Unavailable("PostgreSQL does not answer", Reason.DATABASE_UNREACHABLE)


class FakeSession:
    def __init__(self, server: FakePostgres) -> None:
        self._server = server

    async def read(self, role: str, databases: Sequence[str]) -> ObservedServer:
        server = self._server
        server._answer()
        found = server.roles.get(role)
        return ObservedServer(
            version=server.version,
            max_connections=server.max_connections,
            admin=server.admin,
            role=self._observed_role(found) if found else None,
            databases=tuple(d for d in server.databases.values() if d.name in databases or d.owner == role),
        )

    async def lock(self) -> bool:
        self._server._answer()
        return not self._server.locked

    async def apply(self, changes: Sequence[Change]) -> None:
        for change in changes:
            self._server.down |= self._server.dies_after == len(self._server.changes)
            self._server._answer()
            self._apply(change)
            self._server.changes.append(change)

    def _observed_role(self, role: FakeRole) -> ObservedRole:
        is_member = self._server.admin.is_superuser or self._server.admin.name in role.members
        return ObservedRole(role.comment, role.limit, role.missing_attributes, is_member)

    def _apply(self, change: Change) -> None:
        match change:
            case CreateRole():
                self._may(self._server.admin.may_create_roles)
                password = change.password.get_secret_value()
                self._server.roles[change.role] = FakeRole(password, change.marker.comment, change.connection_limit)
            case EnsureLogin():
                self._may(self._server.admin.may_create_roles)
                password = change.password.get_secret_value()
                self._server.roles[change.role] = FakeRole(
                    password, change.marker.comment, change.connection_limit, acts_as=change.owner
                )
            case RevokePassword():
                self._server.roles[change.role].password = ""
            case DropRole():
                del self._server.roles[change.role]
            case AlterRole() | SetPassword() | CommentRole() | GrantRoleToAdmin():
                self._apply_to_role(change, self._server.roles[change.role])
            case _:
                self._apply_to_database(change)

    def _apply_to_role(self, change: AlterRole | SetPassword | CommentRole | GrantRoleToAdmin, role: FakeRole) -> None:
        match change:
            case AlterRole():
                role.limit, role.missing_attributes = change.connection_limit, ()
            case SetPassword():
                role.password = change.password.get_secret_value()
            case CommentRole():
                role.comment = change.marker.comment
            case GrantRoleToAdmin():
                role.members.add(self._server.admin.name)

    def _apply_to_database(self, change: DatabaseChange) -> None:
        role = self._server.roles[change.role]
        self._may(self._server.admin.is_superuser or self._server.admin.name in role.members)
        databases, name = self._server.databases, change.database
        match change:
            case CreateDatabase():
                self._may(self._server.admin.may_create_databases)
                databases[name] = ObservedDatabase(name, change.role, "", is_open_to_public=True, is_unfinished=True)
                self._server.down |= self._server.dies_in_creation
                self._server._answer()
                databases[name] = replace(databases[name], comment=change.marker.comment, is_unfinished=False)
            case FinishDatabase():
                databases[name] = replace(databases[name], comment=change.marker.comment, is_unfinished=False)
            case RevokePublicConnect():
                databases[name] = replace(databases[name], is_open_to_public=False)
            case MarkDatabase():
                databases[name] = replace(databases[name], comment=change.marker.comment)
            case OwnPublicSchema():
                self.closed_schemas.discard(name)
            case DropDatabase():
                del databases[name]

    @property
    def closed_schemas(self) -> set[str]:
        return self._server.closed_schemas

    def _may(self, allowed: bool) -> None:
        if not (allowed or self._server.admin.is_superuser):
            raise Refused(Reason.DATABASE_RIGHTS_MISSING, "lacks a right")


def marked(database: str, owner: str, marker: Marker) -> ObservedDatabase:
    """Returns a database as this operator leaves it."""
    return ObservedDatabase(database, owner, marker.comment, is_open_to_public=False)
