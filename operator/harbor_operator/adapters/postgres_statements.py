"""The SQL statements of each change to PostgreSQL; psycopg quotes names and literals."""

from __future__ import annotations

from collections.abc import Callable
from typing import LiteralString, assert_never

from psycopg import sql
from pydantic import SecretStr

from harbor_operator.model.database import Attribute
from harbor_operator.model.database_changes import (
    AlterRole,
    Change,
    CommentRole,
    CreateDatabase,
    CreateRole,
    DropDatabase,
    DropRole,
    EnsureLogin,
    FinishDatabase,
    GrantRoleToAdmin,
    MarkDatabase,
    OwnPublicSchema,
    RevokePassword,
    RevokePublicConnect,
    RoleChange,
    SetPassword,
)

Verifier = Callable[[str, SecretStr], str]
"""Returns the SCRAM verifier of a role's password; the clear text never reaches the server or its log."""

_CLAUSES = {
    Attribute.LOGIN: sql.SQL("LOGIN"),
    Attribute.NO_SUPERUSER: sql.SQL("NOSUPERUSER"),
    Attribute.NO_CREATEDB: sql.SQL("NOCREATEDB"),
    Attribute.NO_CREATEROLE: sql.SQL("NOCREATEROLE"),
    Attribute.NO_REPLICATION: sql.SQL("NOREPLICATION"),
    Attribute.NO_BYPASSRLS: sql.SQL("NOBYPASSRLS"),
    Attribute.NO_EXPIRY: sql.SQL("VALID UNTIL 'infinity'"),
}
_MIN_VERSION_SET_OPTION = 16
_MIN_VERSION_DROP_FORCE = 13


def role_statements(change: RoleChange, version: int, verifier: Verifier) -> list[sql.Composed]:
    """Returns the statements for a change to a role, to be run in one transaction."""
    match change:
        case CreateRole():
            return [
                _composed(
                    "CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE CONNECTION LIMIT {} PASSWORD {}",
                    sql.Identifier(change.role),
                    sql.Literal(change.connection_limit),
                    sql.Literal(verifier(change.role, change.password)),
                ),
                _comment("ROLE", change.role, change.marker.comment),
            ]
        case EnsureLogin():
            return _login_statements(change, version, verifier)
        case RevokePassword():
            return [_composed("ALTER ROLE {} PASSWORD NULL", sql.Identifier(change.role))]
        case SetPassword():
            verified = sql.Literal(verifier(change.role, change.password))
            return [_composed("ALTER ROLE {} PASSWORD {}", sql.Identifier(change.role), verified)]
        case _:
            return [_role_statement(change, version)]


def _login_statements(change: EnsureLogin, version: int, verifier: Verifier) -> list[sql.Composed]:
    role, owner = sql.Identifier(change.role), sql.Identifier(change.owner)
    limit, password = sql.Literal(change.connection_limit), sql.Literal(verifier(change.role, change.password))
    option = sql.SQL(" WITH SET TRUE, INHERIT TRUE" if version >= _MIN_VERSION_SET_OPTION else "")
    verb = sql.SQL("ALTER" if change.exists else "CREATE")
    return [
        _composed("{} ROLE {} LOGIN INHERIT CONNECTION LIMIT {} PASSWORD {}", verb, role, limit, password),
        _comment("ROLE", change.role, change.marker.comment),
        _composed("GRANT {} TO {}{}", owner, role, option),
        _composed("ALTER ROLE {} SET role = {}", role, sql.Literal(change.owner)),
    ]


def database_statements(
    change: RevokePublicConnect | MarkDatabase | FinishDatabase | OwnPublicSchema,
) -> list[sql.Composed]:
    """Returns the statements for a change to an existing database, to be run in one transaction."""
    match change:
        case RevokePublicConnect():
            return [_composed("REVOKE CONNECT, TEMPORARY ON DATABASE {} FROM PUBLIC", sql.Identifier(change.database))]
        case MarkDatabase():
            return [_comment("DATABASE", change.database, change.marker.comment)]
        case FinishDatabase():
            return [
                _comment("DATABASE", change.database, change.marker.comment),
                _composed("ALTER DATABASE {} CONNECTION LIMIT -1", sql.Identifier(change.database)),
            ]
        case OwnPublicSchema():
            return [
                _composed("ALTER SCHEMA public OWNER TO {}", sql.Identifier(change.role)),
                sql.SQL("REVOKE CREATE ON SCHEMA public FROM PUBLIC").format(),
            ]
    assert_never(change)


def create_database(change: CreateDatabase) -> sql.Composed:
    """Returns the statement that creates the database; it must run outside a transaction, so it cannot add a comment.

    The limit of 0 connections shows, until `FinishDatabase`, that the operator created it and nothing used it yet.
    """
    return _composed(
        "CREATE DATABASE {} OWNER {} ENCODING 'UTF8' TEMPLATE template0 CONNECTION LIMIT 0",
        sql.Identifier(change.database),
        sql.Identifier(change.role),
    )


def owner_statements(change: RevokePublicConnect | MarkDatabase | FinishDatabase) -> list[sql.Composed]:
    """Returns the statements for a change to a database that its owner makes, to be run in one transaction."""
    # As the owner, because an admin that is a member does not always inherit the owner's rights (NOINHERIT; 16).
    return [_composed("SET LOCAL ROLE {}", sql.Identifier(change.role)), *database_statements(change)]


def masked_statements(change: Change, version: int) -> list[str]:
    """Returns the statements of a change as text, in the order in which they run; a password is '***'."""
    match change:
        case CreateDatabase():
            finish = FinishDatabase(change.database, change.role, change.marker)
            statements = [create_database(change), *owner_statements(finish)]
        case DropDatabase():
            statements = [drop_database(change, version)]
        case RevokePublicConnect() | MarkDatabase() | FinishDatabase():
            statements = owner_statements(change)
        case OwnPublicSchema():
            statements = database_statements(change)
        case _:
            statements = role_statements(change, version, lambda _role, _password: "***")
    return [statement.as_string() for statement in statements]


def drop_database(change: DropDatabase, version: int) -> sql.Composed:
    """Returns the statement that drops the database; it must run outside a transaction."""
    force = sql.SQL(" WITH (FORCE)" if version >= _MIN_VERSION_DROP_FORCE else "")
    return _composed("DROP DATABASE IF EXISTS {}{}", sql.Identifier(change.database), force)


def _role_statement(change: AlterRole | CommentRole | GrantRoleToAdmin | DropRole, version: int) -> sql.Composed:
    role = sql.Identifier(change.role)
    match change:
        case AlterRole():
            attributes = sql.SQL(" ").join(_CLAUSES[attribute] for attribute in change.attributes)
            limit = sql.Literal(change.connection_limit)
            return _composed("ALTER ROLE {} CONNECTION LIMIT {} {}", role, limit, attributes)
        case CommentRole():
            return _comment("ROLE", change.role, change.marker.comment)
        case GrantRoleToAdmin():
            # Since 16 the creator of a role is a member with ADMIN, not with SET; CREATE DATABASE ... OWNER needs SET.
            option = sql.SQL(" WITH SET TRUE" if version >= _MIN_VERSION_SET_OPTION else "")
            return _composed("GRANT {} TO CURRENT_USER{}", role, option)
        case DropRole():
            return _composed("DROP ROLE IF EXISTS {}", role)
    assert_never(change)


def _comment(what: LiteralString, name: str, text: str) -> sql.Composed:
    return _composed("COMMENT ON {} {} IS {}", sql.SQL(what), sql.Identifier(name), sql.Literal(text))


def _composed(text: LiteralString, *parts: sql.Composable) -> sql.Composed:
    return sql.SQL(text).format(*parts)
