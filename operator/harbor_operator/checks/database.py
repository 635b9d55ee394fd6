"""Judges a PostgreSQL server: what was seen is held against the wish, and what stands in the way gets a name."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydantic import SecretStr

from harbor_operator.model.database import DesiredDatabases, LoginResult, Marker, ObservedLogin, ObservedServer
from harbor_operator.model.outcomes import Blocked, StatusWarning
from harbor_operator.reasons import Reason

# Harbor's core writes the password unquoted into a DSN and unescaped into a URL.
_SAFE_PASSWORD = re.compile(r"[A-Za-z0-9]+")
_ADMIN_OPTION_COUNTS = 16


def check_server(desired: DesiredDatabases, observed: ObservedServer, *, login_proven: bool = False) -> Blocked | None:
    """Returns what somebody must change before anything may be written; `login_proven` = our Secret logs in already."""
    return (
        _old_server(desired, observed)
        or _one_name_twice(desired)
        or _foreign_role(desired, observed, login_proven)
        or _foreign_database(desired, observed)
        or _weak_admin(desired, observed)
    )


def is_recreated_while_in_use(desired: DesiredDatabases, observed: ObservedServer) -> bool:
    """Returns whether the role was made for an earlier registry of this name and somebody is logged in with it."""
    marker = Marker.parse(observed.role.comment) if observed.role else None
    return bool(observed.role and marker and marker.uid != desired.marker.uid and observed.role.sessions)


def server_warnings(desired: DesiredDatabases, observed: ObservedServer) -> tuple[StatusWarning, ...]:
    """Returns what works today and will hurt under load."""
    if observed.max_connections >= desired.connection_limit:
        return ()
    return (
        StatusWarning(
            Reason.DATABASE_CONNECTIONS_LOW,
            f"PostgreSQL accepts {observed.max_connections} connections (`max_connections`), "
            f"`spec.database.connectionLimit` lets Harbor take {desired.connection_limit}: "
            "raise the one or lower the other, else busy hours end in 'too many clients already'",
        ),
    )


def check_login(desired: DesiredDatabases, database: str, login: ObservedLogin, origin: str) -> Blocked | None:
    """Returns why Harbor could not work in the database with the Secret it is handed, or None."""
    if login.answer is not LoginResult.ACCEPTED:
        return Blocked(
            Reason.DATABASE_LOGIN_FAILED,
            f"role '{desired.role}' cannot log in to database '{database}' with {origin}: {login.error_message}; "
            f"pg_hba.conf must let it in with scram-sha-256, and no pooler may keep an older password",
        )
    if not login.may_create:
        return Blocked(
            Reason.DATABASE_RIGHTS_MISSING,
            f"role '{desired.role}' may not create tables in schema 'public' of database '{database}'; "
            f"run there: ALTER SCHEMA public OWNER TO {quoted(desired.role)};",
        )
    return None


def check_login_secret(desired: DesiredDatabases, username: str, password: SecretStr, secret: str) -> Blocked | None:
    """Returns why the login Secret, as somebody has edited it, cannot be handed to Harbor, or None."""
    if username != desired.role:
        return Blocked(
            Reason.SECRET_INVALID,
            f"key 'username' of Secret '{secret}' is not '{desired.role}', the role that owns the databases: "
            "correct it, "
            "or delete the Secret and it is made anew",
        )
    if not _SAFE_PASSWORD.fullmatch(password.get_secret_value()):
        return Blocked(
            Reason.SECRET_INVALID,
            f"key 'password' of Secret '{secret}' may hold only letters and digits, Harbor cannot log in with anything "
            "else: correct it, or delete the Secret and it is made anew",
        )
    return None


def describe_retained(desired: DesiredDatabases, observed: ObservedServer) -> str:
    """Returns what a removal left in the server, and why."""
    left = [f"database '{database.name}' of role '{database.owner}'" for database in observed.databases]
    if observed.role is not None:
        left.append(f"role '{desired.role}'")
    if not left:
        return f"databases and role '{desired.role}' are removed"
    return f"kept, for want of this registry's marker or because something else needs it: {', '.join(left)}"


def quoted(identifier: str) -> str:
    """Returns the identifier as it must stand in a statement that somebody copies from a message."""
    return '"' + identifier.replace('"', '""') + '"'


def _old_server(desired: DesiredDatabases, observed: ObservedServer) -> Blocked | None:
    if observed.version >= desired.min_version:
        return None
    return Blocked(
        Reason.DATABASE_VERSION_UNSUPPORTED,
        f"PostgreSQL {observed.version} at `spec.database.host` is too old: this chart's Harbor needs "
        f"{desired.min_version} "
        "or newer; upgrade the server, or choose an older `spec.release.version`",
    )


def _one_name_twice(desired: DesiredDatabases) -> Blocked | None:
    names = [database.name for database in desired.databases]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is None:
        return None
    paths = " and ".join(f"`{database.path}`" for database in desired.databases if database.name == twice)
    return Blocked(Reason.INVALID_SPEC, f"{paths} are both '{twice}': each needs a database of its own")


def _foreign_role(desired: DesiredDatabases, observed: ObservedServer, login_proven: bool) -> Blocked | None:
    if observed.role is None:
        return None
    marker = Marker.parse(observed.role.comment)
    adopt = " ".join(_adoption(desired, observed))
    remedy = f"if it may be used here, run: {adopt} Otherwise rename it, or drop it with what it owns"
    if marker is None or marker.key != desired.marker.key:
        whose = f"was made for registry '{marker.key}'" if marker else "was not made by this operator"
        return Blocked(Reason.DATABASE_ROLE_TAKEN, f"role '{desired.role}' exists and {whose}; {remedy}")
    if is_recreated_while_in_use(desired, observed) and not login_proven:
        return Blocked(
            Reason.DATABASE_ROLE_TAKEN,
            f"role '{desired.role}' was made for an earlier registry '{marker.key}' (uid {marker.uid}) and somebody is "
            "logged in with it, perhaps a Harbor of another cluster that a new password would cut off: "
            f"stop it, or bring back its login Secret; {remedy}",
        )
    return None


def _foreign_database(desired: DesiredDatabases, observed: ObservedServer) -> Blocked | None:
    return next(_foreign_databases(desired, observed), None)


def _foreign_databases(desired: DesiredDatabases, observed: ObservedServer) -> Iterator[Blocked]:
    for wanted in desired.databases:
        found = observed.database(wanted.name)
        if found is None:
            continue
        marker = Marker.parse(found.comment)
        if found.owner != desired.role:
            whose = f"belongs to role '{found.owner}'"
        elif marker and marker.key != desired.marker.key:
            whose = f"belongs to role '{found.owner}', yet is marked as made for registry '{marker.key}'"
        else:
            continue
        yield Blocked(
            Reason.DATABASE_OWNED_BY_OTHER,
            f"database '{wanted.name}' {whose}; either give it to Harbor's role '{desired.role}' "
            f"({_handover(desired, wanted.name, observed)}), or choose another name in `{wanted.path}`",
        )


def _handover(desired: DesiredDatabases, database: str, observed: ObservedServer) -> str:
    # The operator makes the role only once nothing is in its way, so that a refusal leaves the server untouched.
    statements = [] if observed.role else [f"CREATE ROLE {quoted(desired.role)};", *_adoption(desired, observed)]
    statements.append(f"ALTER DATABASE {quoted(database)} OWNER TO {quoted(desired.role)};")
    if (found := observed.database(database)) and found.comment:
        statements.append(f"COMMENT ON DATABASE {quoted(database)} IS NULL;")
    return " ".join(statements)


def _adoption(desired: DesiredDatabases, observed: ObservedServer) -> Iterator[str]:
    yield f"COMMENT ON ROLE {quoted(desired.role)} IS '{desired.marker.comment}';"
    # Since 16 CREATEROLE alone does not let the admin manage a role that somebody else has made.
    if observed.version >= _ADMIN_OPTION_COUNTS and not observed.admin.is_superuser:
        yield f"GRANT {quoted(desired.role)} TO {quoted(observed.admin.name)} WITH ADMIN OPTION;"


def _weak_admin(desired: DesiredDatabases, observed: ObservedServer) -> Blocked | None:
    admin = observed.admin
    if admin.is_superuser:
        return None
    lacks_database = any(observed.database(wanted.name) is None for wanted in desired.databases)
    missing = []
    if observed.role is None and not admin.may_create_roles:
        missing.append("CREATEROLE")
    if lacks_database and not admin.may_create_databases:
        missing.append("CREATEDB")
    if not missing:
        return None
    return Blocked(
        Reason.DATABASE_RIGHTS_MISSING,
        f"role '{admin.name}' of `spec.database.adminSecretRef` lacks {' and '.join(missing)}; a superuser must run: "
        f"ALTER ROLE {quoted(admin.name)} {' '.join(missing)};",
    )
