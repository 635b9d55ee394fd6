"""Queries of PostgreSQL's catalogue; none changes anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import AsyncConnection

from harbor_operator.model.database import (
    Attribute,
    CollationChange,
    ForeignTable,
    LoginResult,
    ObservedAdmin,
    ObservedDatabase,
    ObservedLogin,
    ObservedRole,
    ObservedSchema,
)

Connection = AsyncConnection[tuple[Any, ...]]

# What the login can do in its database: create tables, and use those that exist. Tables of an extension do not count.
_LOGIN = """
SELECT coalesce((SELECT has_schema_privilege(n.oid, 'CREATE') AND has_schema_privilege(n.oid, 'USAGE')
                 FROM pg_namespace n WHERE n.nspname = 'public'), false),
       (SELECT count(*) FROM pg_attribute a
        WHERE a.attrelid = to_regclass('public.schema_migrations') AND a.attname IN ('version', 'dirty')
        AND NOT a.attisdropped AND has_table_privilege(a.attrelid, 'SELECT')) = 2,
       f.relname, f.rolname, f.is_owner_shared
FROM (SELECT) one LEFT JOIN LATERAL (
    SELECT c.relname, o.rolname,
           o.rolsuper OR EXISTS (SELECT FROM pg_database d WHERE d.datdba = o.oid) AS is_owner_shared
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles o ON o.oid = c.relowner
    WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT pg_has_role(c.relowner, 'USAGE')
    AND NOT EXISTS (SELECT FROM pg_depend e
                    WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
    ORDER BY c.relname LIMIT 1) f ON true
"""

# A migration holds an advisory lock of its database while it runs, and is dirty until it is complete.
_SCHEMA = """
SELECT version, dirty, EXISTS (
    SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
    WHERE l.locktype = 'advisory' AND l.granted AND d.datname = current_database())
FROM public.schema_migrations LIMIT 1
"""

# Every version of Harbor since 1.5 creates both in its first start.
HAS_HARBOR_TABLES = (
    "SELECT to_regclass('public.harbor_user') IS NOT NULL OR to_regclass('public.schema_migrations') IS NOT NULL"
)

_ADMIN = """
SELECT rolname, rolsuper, rolcreaterole, rolcreatedb, current_setting('max_connections')::int
FROM pg_roles WHERE rolname = current_user
"""

_ROLE = """
SELECT coalesce(shobj_description(r.oid, 'pg_authid'), ''), r.rolconnlimit, pg_has_role(current_user, r.oid, %s),
       r.rolcanlogin, NOT r.rolsuper, NOT r.rolcreatedb, NOT r.rolcreaterole, NOT r.rolreplication, NOT r.rolbypassrls,
       coalesce(r.rolvaliduntil, 'infinity') = 'infinity'
FROM pg_roles r WHERE r.rolname = %s
"""
_ATTRIBUTES = tuple(Attribute)  # in the order of the last seven columns

_DATABASES = """
SELECT d.datname, pg_get_userbyid(d.datdba), coalesce(shobj_description(d.oid, 'pg_database'), ''),
       EXISTS (SELECT FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
               WHERE a.grantee = 0 AND a.privilege_type IN ('CONNECT', 'TEMPORARY')),
       pg_get_userbyid(d.datdba) <> %s AND (
           EXISTS (SELECT FROM pg_roles r WHERE r.oid = d.datdba AND r.rolsuper)
           OR EXISTS (SELECT FROM pg_database o WHERE o.datdba = d.datdba AND o.oid <> d.oid)),
       d.datconnlimit = 0 AND pg_get_userbyid(d.datdba) = %s AND shobj_description(d.oid, 'pg_database') IS NULL
FROM pg_database d WHERE d.datname = ANY(%s) OR pg_get_userbyid(d.datdba) = %s ORDER BY d.datname
"""

# Since 16 a membership can lack the right to act as the role; MEMBER does not show that, SET does.
_MIN_VERSION_SET_OPTION = 16


# The collation of libc or ICU with which the database was created, beside the one that the server's libraries have now.
_COLLATION = """
SELECT datcollversion, pg_database_collation_actual_version(oid) FROM pg_database
WHERE datname = current_database() AND datcollversion <> pg_database_collation_actual_version(oid)
"""
_MIN_VERSION_WITH_COLLATION = 15

_WRITE_STATE = (
    "SELECT pg_is_in_recovery(), (SELECT source FROM pg_settings WHERE name = 'default_transaction_read_only')"
)

_OTHER_SESSIONS = """
SELECT string_agg(DISTINCT quote_literal(usename), ', ') FROM pg_stat_activity
WHERE datname = %s AND pid <> pg_backend_pid() AND NOT pg_has_role(%s, usesysid, 'USAGE')
"""


async def read_write_state(connection: Connection) -> tuple[bool, str]:
    """Returns whether the server is a standby, and where `default_transaction_read_only` is set (as `pg_settings`)."""
    row = await (await connection.execute(_WRITE_STATE)).fetchone()
    return (bool(row[0]), str(row[1])) if row else (False, "")


async def read_backend(connection: Connection) -> int:
    """Returns the process that serves this connection now."""
    row = await (await connection.execute("SELECT pg_backend_pid()")).fetchone()
    return int(row[0]) if row else 0


async def read_other_sessions(connection: Connection, database: str, role: str) -> str:
    """Returns the roles, quoted, whose sessions in the database the role must not end; empty if there are none."""
    row = await (await connection.execute(_OTHER_SESSIONS, (database, role))).fetchone()
    return str(row[0] or "") if row else ""


async def read_admin(connection: Connection) -> tuple[ObservedAdmin, int]:
    """Returns the rights of the connected role, and the server's `max_connections`."""
    row = await (await connection.execute(_ADMIN)).fetchone()
    if row is None:
        raise LookupError("the connected role is not in pg_roles")
    name, is_superuser, may_create_roles, may_create_databases, max_connections = row
    return ObservedAdmin(name, is_superuser, may_create_roles, may_create_databases), max_connections


async def read_role(connection: Connection, role: str, version: int) -> ObservedRole | None:
    """Returns the role, or None if it does not exist; `version` is the server's major version."""
    privilege = "SET" if version >= _MIN_VERSION_SET_OPTION else "MEMBER"
    row = await (await connection.execute(_ROLE, (privilege, role))).fetchone()
    if row is None:
        return None
    comment, limit, is_member, *holds = row
    missing = tuple(attribute for attribute, is_held in zip(_ATTRIBUTES, holds, strict=True) if not is_held)
    return ObservedRole(comment, limit, missing, is_member)


async def read_databases(connection: Connection, role: str, names: Sequence[str]) -> tuple[ObservedDatabase, ...]:
    """Returns the databases of these names, and those that the role owns."""
    rows = await (await connection.execute(_DATABASES, (role, role, list(names), role))).fetchall()
    return tuple(ObservedDatabase(*row) for row in rows)


async def read_login(connection: Connection) -> ObservedLogin:
    """Returns what the connected role can do in the connected database, and the state of Harbor's schema in it."""
    row = await (await connection.execute(_LOGIN)).fetchone()
    if row is None:
        raise LookupError("a query without a table returned no row")
    may_create, has_schema, table, owner, is_owner_shared = row
    version = connection.info.server_version // 10000
    return ObservedLogin(
        LoginResult.ACCEPTED,
        may_create=may_create,
        server_version=version,
        foreign_table=ForeignTable(table, owner, is_owner_shared) if table else None,
        schema=await _read_schema(connection) if has_schema else None,
        collation=await _read_collation(connection) if version >= _MIN_VERSION_WITH_COLLATION else None,
    )


async def _read_collation(connection: Connection) -> CollationChange | None:
    row = await (await connection.execute(_COLLATION)).fetchone()
    return CollationChange(*row) if row else None


async def _read_schema(connection: Connection) -> ObservedSchema | None:
    row = await (await connection.execute(_SCHEMA)).fetchone()
    return ObservedSchema(*row) if row else None
