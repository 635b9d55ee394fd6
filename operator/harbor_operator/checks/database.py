"""Checks of a PostgreSQL server: compares the observed with the desired state and explains failures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import assert_never

from pydantic import SecretStr

from harbor_operator.model.database import (
    ConnectFailure,
    DesiredDatabases,
    LoginResult,
    Marker,
    ObservedLogin,
    ObservedServer,
    PostgresLogin,
    PostgresServer,
    StatementFailure,
)
from harbor_operator.model.outcomes import Blocked, StatusWarning, Unknown
from harbor_operator.reasons import Reason

# Harbor's core writes the password unquoted into a DSN and unescaped into a URL.
_SAFE_PASSWORD = re.compile(r"[A-Za-z0-9]+")
_MIN_VERSION_ADMIN_OPTION = 16


def check_server(desired: DesiredDatabases, observed: ObservedServer, *, login_proven: bool = False) -> Blocked | None:
    """Returns what a person must change before any write; `login_proven`: a login with the registry's Secret worked."""
    return (
        _check_version(desired, observed)
        or _check_names(desired)
        or _check_role(desired, observed, login_proven)
        or _check_databases(desired, observed)
        or _check_admin(desired, observed)
    )


def is_recreated_while_in_use(desired: DesiredDatabases, observed: ObservedServer) -> bool:
    """Returns whether the role was created for an earlier registry of this name and has open sessions."""
    marker = Marker.parse(observed.role.comment) if observed.role else None
    return bool(observed.role and marker and marker.uid != desired.marker.uid and observed.role.sessions)


def server_warnings(desired: DesiredDatabases, observed: ObservedServer) -> tuple[StatusWarning, ...]:
    """Returns warnings about limits that Harbor reaches under load."""
    if observed.max_connections >= desired.connection_limit:
        return ()
    return (
        StatusWarning(
            Reason.DATABASE_CONNECTIONS_LOW,
            f"PostgreSQL accepts {observed.max_connections} connections (`max_connections`), "
            f"`spec.database.connectionLimit` permits Harbor {desired.connection_limit}: "
            "raise the first or lower the second, otherwise logins fail under load with 'too many clients already'",
        ),
    )


def check_login(desired: DesiredDatabases, database: str, login: ObservedLogin, origin: str) -> Blocked | None:
    """Returns why Harbor cannot use the database with its login Secret, or None."""
    if login.result is not LoginResult.ACCEPTED:
        return Blocked(
            Reason.DATABASE_LOGIN_FAILED,
            f"role '{desired.role}' cannot log in to database '{database}' with {origin}: {login.error_message}; "
            "pg_hba.conf must permit it with scram-sha-256, and a pooler must not keep an older password",
        )
    if not login.may_create:
        return Blocked(
            Reason.DATABASE_RIGHTS_MISSING,
            f"role '{desired.role}' cannot create tables in schema 'public' of database '{database}'; "
            f"run there: ALTER SCHEMA public OWNER TO {quoted(desired.role)};",
        )
    return None


def check_login_secret(desired: DesiredDatabases, username: str, password: SecretStr, secret: str) -> Blocked | None:
    """Returns why Harbor cannot use the login Secret as edited, or None."""
    if username != desired.role:
        return Blocked(
            Reason.SECRET_INVALID,
            f"key 'username' of Secret '{secret}' is not '{desired.role}', the role that owns the databases: "
            "correct it, or delete the Secret and the operator creates it again",
        )
    if not _SAFE_PASSWORD.fullmatch(password.get_secret_value()):
        return Blocked(
            Reason.SECRET_INVALID,
            f"key 'password' of Secret '{secret}' must contain only letters and digits, because Harbor cannot use "
            "others: correct it, or delete the Secret and the operator creates it again",
        )
    return None


def explain_connect_failure(
    failure: ConnectFailure, detail: str, server: PostgresServer, login: PostgresLogin
) -> Blocked | Unknown:
    """Returns what a failed connection means; `detail` is the error text of the server or of libpq."""
    where = f"PostgreSQL at '{server.host}:{server.port}'"
    role = f"role '{login.username}' of {login.origin}"
    match failure:
        case ConnectFailure.TLS_UNSUPPORTED:
            reason = Reason.DATABASE_TLS_UNSUPPORTED
            message = (
                f"{where} does not offer TLS, but `spec.database.sslMode` is '{server.ssl_mode}': "
                "set `ssl = on` in the server, or set 'disable' if the network is trusted"
            )
        case ConnectFailure.UNTRUSTED:
            reason = Reason.CERTIFICATE_UNTRUSTED
            message = (
                f"the certificate of {where} is not trusted: {detail}; put its CA into the Secret of "
                "`spec.database.caSecretRef`, and issue a certificate for the host name if it does not match"
            )
        case ConnectFailure.NOT_PERMITTED:
            reason = Reason.DATABASE_LOGIN_FAILED
            message = (
                f"{where} does not permit {role} to log in: {detail}; correct pg_hba.conf, or `spec.database.sslMode`"
            )
        case ConnectFailure.CLEAR_TEXT_PASSWORD:
            reason = Reason.DATABASE_LOGIN_FAILED
            message = (
                f"{where} requests the password of {role} in clear text, which the operator never sends: "
                "use the method scram-sha-256 in pg_hba.conf or in the pooler"
            )
        case ConnectFailure.WRONG_PASSWORD:
            reason = Reason.DATABASE_CREDENTIALS_REJECTED
            message = f"{where} rejected role '{login.username}': {detail}; correct {login.origin}"
        case ConnectFailure.NO_CONNECTION_LEFT:
            message = (
                f"{where} has no connection left for role '{login.username}': {detail}; "
                "raise `max_connections`, or `spec.database.connectionLimit` if it is Harbor's role"
            )
            return Unknown(Reason.DATABASE_CONNECTIONS_LOW, message)
        case ConnectFailure.UNREACHABLE:
            return Unknown(Reason.DATABASE_UNREACHABLE, f"{where} (`spec.database.host`) does not answer: {detail}")
        case _:
            assert_never(failure)
    return Blocked(reason, message)


def explain_statement_failure(
    failure: StatementFailure, detail: str, server: PostgresServer, admin: PostgresLogin
) -> Blocked | Unknown:
    """Returns what a failed statement of the admin means; `detail` is the error text of the server."""
    match failure:
        case StatementFailure.INSUFFICIENT_PRIVILEGE:
            return Blocked(
                Reason.DATABASE_RIGHTS_MISSING,
                f"role '{admin.username}' of {admin.origin} lacks a right: {detail}; a superuser must run: "
                f"ALTER ROLE {quoted(admin.username)} CREATEROLE CREATEDB; and, if another role created Harbor's role, "
                f"GRANT that role TO {quoted(admin.username)} WITH ADMIN OPTION;",
            )
        case StatementFailure.CONNECTION_LOST:
            return explain_connect_failure(ConnectFailure.UNREACHABLE, detail, server, admin)
        case StatementFailure.OTHER:
            message = f"PostgreSQL at '{server.host}:{server.port}' refused a statement: {detail}; the operator retries"
            return Unknown(Reason.UNAVAILABLE, message)
    assert_never(failure)


def describe_retained(desired: DesiredDatabases, observed: ObservedServer) -> str:
    """Returns what a removal retained in the server, and why."""
    retained = [f"database '{database.name}' of role '{database.owner}'" for database in observed.databases]
    if observed.role is not None:
        retained.append(f"role '{desired.role}'")
    if not retained:
        return f"databases and role '{desired.role}' are removed"
    return f"retained, because not marked as created by this registry or still in use: {', '.join(retained)}"


def quoted(identifier: str) -> str:
    """Returns the identifier quoted for a statement that a person copies from a message."""
    return '"' + identifier.replace('"', '""') + '"'


def _check_version(desired: DesiredDatabases, observed: ObservedServer) -> Blocked | None:
    if observed.version >= desired.min_version:
        return None
    return Blocked(
        Reason.DATABASE_VERSION_UNSUPPORTED,
        f"PostgreSQL {observed.version} at `spec.database.host` is too old: this chart's Harbor needs "
        f"{desired.min_version} or newer; upgrade the server, or choose an older `spec.release.version`",
    )


def _check_names(desired: DesiredDatabases) -> Blocked | None:
    names = [database.name for database in desired.databases]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is None:
        return None
    paths = " and ".join(f"`{database.path}`" for database in desired.databases if database.name == twice)
    return Blocked(Reason.INVALID_SPEC, f"{paths} are both '{twice}': give each its own database")


def _check_role(desired: DesiredDatabases, observed: ObservedServer, login_proven: bool) -> Blocked | None:
    if observed.role is None:
        return None
    marker = Marker.parse(observed.role.comment)
    adopt = " ".join(_adoption_statements(desired, observed))
    remedy = f"if this registry may use it, run: {adopt} Otherwise, if nothing uses it, rename it or drop it"
    if marker is None or marker.key != desired.marker.key:
        whose = f"was created for registry '{marker.key}'" if marker else "was not created by this operator"
        return Blocked(Reason.DATABASE_ROLE_TAKEN, f"role '{desired.role}' exists and {whose}; {remedy}")
    if is_recreated_while_in_use(desired, observed) and not login_proven:
        return Blocked(
            Reason.DATABASE_ROLE_TAKEN,
            f"role '{desired.role}' was created for an earlier registry '{marker.key}' (uid {marker.uid}) and has open "
            "sessions, possibly of a Harbor in another cluster that would fail with a new password: "
            f"stop that Harbor, or restore its login Secret; {remedy}",
        )
    return None


def _check_databases(desired: DesiredDatabases, observed: ObservedServer) -> Blocked | None:
    return next(_database_findings(desired, observed), None)


def _database_findings(desired: DesiredDatabases, observed: ObservedServer) -> Iterator[Blocked]:
    for wanted in desired.databases:
        found = observed.database(wanted.name)
        if found is None:
            continue
        marker = Marker.parse(found.comment)
        if found.owner != desired.role:
            whose = f"belongs to role '{found.owner}'"
        elif marker and marker.key != desired.marker.key:
            whose = f"belongs to role '{found.owner}', but is marked as created for registry '{marker.key}'"
        else:
            continue
        yield Blocked(
            Reason.DATABASE_OWNED_BY_OTHER,
            f"database '{wanted.name}' {whose}; either transfer it to Harbor's role '{desired.role}' "
            f"({_transfer_statements(desired, wanted.name, observed)}), or choose another name in `{wanted.path}`",
        )


def _transfer_statements(desired: DesiredDatabases, database: str, observed: ObservedServer) -> str:
    # The operator creates the role only after all checks pass, so that a finding leaves the server unchanged.
    statements = (
        [] if observed.role else [f"CREATE ROLE {quoted(desired.role)};", *_adoption_statements(desired, observed)]
    )
    statements.append(f"ALTER DATABASE {quoted(database)} OWNER TO {quoted(desired.role)};")
    if (found := observed.database(database)) and found.comment:
        statements.append(f"COMMENT ON DATABASE {quoted(database)} IS NULL;")
    return " ".join(statements)


def _adoption_statements(desired: DesiredDatabases, observed: ObservedServer) -> Iterator[str]:
    yield f"COMMENT ON ROLE {quoted(desired.role)} IS '{desired.marker.comment}';"
    # Since 16 CREATEROLE alone does not permit the admin to manage a role that another role created.
    if observed.version >= _MIN_VERSION_ADMIN_OPTION and not observed.admin.is_superuser:
        yield f"GRANT {quoted(desired.role)} TO {quoted(observed.admin.name)} WITH ADMIN OPTION;"


def _check_admin(desired: DesiredDatabases, observed: ObservedServer) -> Blocked | None:
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
