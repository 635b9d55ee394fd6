"""The statements that a superuser runs to hand a role or a database over to a registry."""

from __future__ import annotations

from collections.abc import Iterator

from harbor_operator.checks.database_failures import literal, quoted
from harbor_operator.model.database import DesiredDatabases, ObservedDatabase, ObservedServer

_MIN_VERSION_ADMIN_OPTION = 16
_NOT_OF_AN_EXTENSION = (
    "NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = '{0}'::regclass AND d.objid = {1}.oid AND d.deptype = 'e')"
)


def adoption_statements(desired: DesiredDatabases, observed: ObservedServer) -> Iterator[str]:
    """Returns what marks the existing roles as this registry's and lets the admin manage them."""
    second = [desired.second.username] if desired.second and observed.second else []
    for role in [desired.role, *second]:
        yield f"COMMENT ON ROLE {quoted(role)} IS {literal(desired.marker.comment)};"
        # Since 16 CREATEROLE alone does not permit the admin to manage a role that another role created.
        if observed.version >= _MIN_VERSION_ADMIN_OPTION and not observed.admin.is_superuser:
            yield f"GRANT {quoted(role)} TO {quoted(observed.admin.name)} WITH ADMIN OPTION;"


def transfer_statements(desired: DesiredDatabases, database: ObservedDatabase, observed: ObservedServer) -> list[str]:
    """Returns what transfers a database with its objects to Harbor's role, to be run in that database."""
    # The operator creates the role only after all checks pass, so that a finding leaves the server unchanged.
    statements = (
        [] if observed.role else [f"CREATE ROLE {quoted(desired.role)};", *adoption_statements(desired, observed)]
    )
    statements.append(f"ALTER DATABASE {quoted(database.name)} OWNER TO {quoted(desired.role)};")
    if database.owner != desired.role:
        statements.append(reassign_statement(desired.role, database.owner, database.is_owner_shared))
    if database.comment:
        statements.append(f"COMMENT ON DATABASE {quoted(database.name)} IS NULL;")
    return statements


def reassign_statement(role: str, owner: str, is_owner_shared: bool) -> str:
    """Returns what transfers the owner's objects in the connected database to the role, and nothing else."""
    if not is_owner_shared:
        return f"REASSIGN OWNED BY {quoted(owner)} TO {quoted(role)};"
    # REASSIGN OWNED also transfers the owner's other databases, and the server refuses it for the first superuser.
    # A sequence of a column follows its table. A person runs the text, and `literal` quotes every name in it.
    tables = (
        f"SELECT format('ALTER TABLE %s OWNER TO %I', c.oid::regclass, {literal(role)}) FROM pg_class c "  # noqa: S608
        "WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') "
        f"AND pg_get_userbyid(c.relowner) = {literal(owner)} AND {_NOT_OF_AN_EXTENSION.format('pg_class', 'c')} "
        "AND NOT (c.relkind = 'S' AND EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass "
        "AND d.objid = c.oid AND d.deptype IN ('a', 'i')))"
    )
    functions = (
        f"SELECT format('ALTER FUNCTION %s OWNER TO %I', p.oid::regprocedure, {literal(role)}) FROM pg_proc p "  # noqa: S608
        "WHERE p.pronamespace = 'public'::regnamespace "
        f"AND pg_get_userbyid(p.proowner) = {literal(owner)} AND {_NOT_OF_AN_EXTENSION.format('pg_proc', 'p')}"
    )
    return (
        f"DO $transfer$ DECLARE statement text; BEGIN FOR statement IN {tables} UNION ALL {functions} "
        "LOOP EXECUTE statement; END LOOP; END $transfer$;"
    )
