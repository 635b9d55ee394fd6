"""Queries of PostgreSQL's catalogue; none changes anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import AsyncConnection

from harbor_operator.model.database import Attribute, ObservedAdmin, ObservedDatabase, ObservedRole

Connection = AsyncConnection[tuple[Any, ...]]

MAY_CREATE = (
    "SELECT coalesce((SELECT has_schema_privilege(n.oid, 'CREATE') AND has_schema_privilege(n.oid, 'USAGE') "
    "FROM pg_namespace n WHERE n.nspname = 'public'), false)"
)

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
       (SELECT count(*) FROM pg_stat_activity a WHERE a.usesysid = r.oid),
       r.rolcanlogin, NOT r.rolsuper, NOT r.rolcreatedb, NOT r.rolcreaterole, NOT r.rolreplication, NOT r.rolbypassrls,
       coalesce(r.rolvaliduntil, 'infinity') = 'infinity'
FROM pg_roles r WHERE r.rolname = %s
"""
_ATTRIBUTES = tuple(Attribute)  # in the order of the last seven columns

_DATABASES = """
SELECT d.datname, pg_get_userbyid(d.datdba), coalesce(shobj_description(d.oid, 'pg_database'), ''),
       EXISTS (SELECT FROM aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
               WHERE a.grantee = 0 AND a.privilege_type IN ('CONNECT', 'TEMPORARY'))
FROM pg_database d WHERE d.datname = ANY(%s) OR pg_get_userbyid(d.datdba) = %s ORDER BY d.datname
"""

# Since 16 a membership can lack the right to act as the role; MEMBER does not show that, SET does.
_MIN_VERSION_SET_OPTION = 16


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
    comment, limit, is_member, sessions, *holds = row
    missing = tuple(attribute for attribute, is_held in zip(_ATTRIBUTES, holds, strict=True) if not is_held)
    return ObservedRole(comment, limit, missing, is_member, sessions)


async def read_databases(connection: Connection, role: str, names: Sequence[str]) -> tuple[ObservedDatabase, ...]:
    """Returns the databases of these names, and those that the role owns."""
    rows = await (await connection.execute(_DATABASES, (list(names), role))).fetchall()
    return tuple(ObservedDatabase(*row) for row in rows)
