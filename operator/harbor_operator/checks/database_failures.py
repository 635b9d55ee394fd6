"""What a failed connection or statement of PostgreSQL means, and what a person must change."""

from __future__ import annotations

from typing import assert_never

from harbor_operator.model.database import ConnectFailure, PostgresLogin, PostgresServer, StatementFailure
from harbor_operator.model.outcomes import Blocked, Unknown
from harbor_operator.reasons import Reason

MD5_SETTING = "HARBOR_OPERATOR_POSTGRES_MD5"


def explain_connect_failure(
    failure: ConnectFailure, detail: str, server: PostgresServer, login: PostgresLogin
) -> Blocked | Unknown:
    """Returns what a failed connection means; `detail` is the error text of the server or of libpq."""
    where = f"PostgreSQL at '{server.address}'"
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
        case ConnectFailure.NO_DATABASE:
            reason = Reason.DATABASE_NOT_FOUND
            message = (
                f"{where} has no database '{server.maintenance_database}', to which {role} connects: {detail}; "
                "set `spec.database.maintenanceDatabase` to a database that exists"
            )
        case (
            ConnectFailure.NOT_PERMITTED
            | ConnectFailure.NO_CONNECT_RIGHT
            | ConnectFailure.POOLER_REJECTED
            | ConnectFailure.CLEAR_TEXT_PASSWORD
            | ConnectFailure.MD5_PASSWORD
        ):
            reason = Reason.DATABASE_LOGIN_FAILED
            message = _explain_login(failure, detail, server, login)
        case ConnectFailure.WRONG_PASSWORD:
            reason = Reason.DATABASE_CREDENTIALS_REJECTED
            message = f"{where} rejected role '{login.username}': {detail}; correct {login.origin}"
        case (
            ConnectFailure.NO_CONNECTION_LEFT
            | ConnectFailure.POOL_EXHAUSTED
            | ConnectFailure.STATEMENT_POOL
            | ConnectFailure.STANDBY
            | ConnectFailure.READ_ONLY
        ):
            return _explain_session(failure, detail, server, login)
        case ConnectFailure.UNREACHABLE:
            return Unknown(Reason.DATABASE_UNREACHABLE, f"{where} (`spec.database.host`) does not answer: {detail}")
        case _:
            assert_never(failure)
    return Blocked(reason, message)


def _explain_login(failure: ConnectFailure, detail: str, server: PostgresServer, login: PostgresLogin) -> str:
    """Returns why a role does not log in although its password may be right."""
    where, role = f"PostgreSQL at '{server.address}'", f"role '{login.username}' of {login.origin}"
    if failure is ConnectFailure.NOT_PERMITTED:
        return f"{where} does not permit {role} to log in: {detail}; correct pg_hba.conf, or `spec.database.sslMode`"
    if failure is ConnectFailure.POOLER_REJECTED:
        return (
            f"the pooler at '{server.address}' rejected {role}: {detail}; it does not know the role, or has another "
            f"password for it: add the role to its list of users (`auth_file` of PgBouncer), or let it ask the server "
            "(`auth_user` and `auth_query`); or correct the Secret"
        )
    if failure is ConnectFailure.NO_CONNECT_RIGHT:
        return (
            f"{where} does not let {role} connect to a database: {detail}; run: GRANT CONNECT ON DATABASE … TO "
            f"{quoted(login.username)}; or, for the admin login, name another one in "
            "`spec.database.maintenanceDatabase`"
        )
    return f"{where} requests the password of {role} {_refused_method(failure, login)}"


def _explain_session(
    failure: ConnectFailure, detail: str, server: PostgresServer, login: PostgresLogin
) -> Blocked | Unknown:
    """Returns why an accepted login has no session, or none in which it can change something."""
    where, pooler = f"PostgreSQL at '{server.address}'", f"the pooler at '{server.address}'"
    if failure is ConnectFailure.NO_CONNECTION_LEFT:
        message = (
            f"{where} has no connection left for role '{login.username}': {detail}; "
            "raise `max_connections`, or `spec.database.connectionLimit` if it is Harbor's role"
        )
        return Unknown(Reason.DATABASE_CONNECTIONS_LOW, message)
    if failure is ConnectFailure.POOL_EXHAUSTED:
        message = (
            f"{pooler} has no server connection left for role '{login.username}': {detail}; raise `default_pool_size`, "
            "or `pool_size` of the database (the admin login needs 2 connections at once)"
        )
        return Unknown(Reason.DATABASE_CONNECTIONS_LOW, message)
    if failure is ConnectFailure.STATEMENT_POOL:
        message = (
            f"{pooler} is in statement mode, in which neither the operator nor Harbor works: {detail}; set `pool_mode "
            "= session` in it, or set `spec.database.host` and `spec.database.port` to the server behind it"
        )
        return Blocked(Reason.DATABASE_POOLER_UNSUITABLE, message)
    if failure is ConnectFailure.STANDBY:
        message = (
            f"{where} is a standby, which refuses every change: set `spec.database.host` to the primary, or to the "
            "one name that follows it, such as the Service of a cluster for writing"
        )
    else:
        message = f"{where} refuses changes in the sessions of role '{login.username}': {detail}"
    return Blocked(Reason.DATABASE_READ_ONLY, message)


def _refused_method(failure: ConnectFailure, login: PostgresLogin) -> str:
    """Returns why the operator does not send the password, and what to do."""
    if failure is ConnectFailure.CLEAR_TEXT_PASSWORD:
        return (
            "in clear text, which the operator never sends: use the method scram-sha-256 in pg_hba.conf or in the "
            "pooler"
        )
    return (
        "with the method md5, which does not protect it from a hostile server; as a superuser in psql, run "
        f"SET password_encryption = 'scram-sha-256'; and set the same password again with \\password "
        f"{quoted(login.username)}, then use scram-sha-256 in pg_hba.conf or in the pooler; or the administrator of "
        f"the operator sets `{MD5_SETTING}` to true"
    )


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
            message = f"PostgreSQL at '{server.address}' refused a statement: {detail}; the operator retries"
            return Unknown(Reason.UNAVAILABLE, message)
    assert_never(failure)


def explain_database_in_use(database: str, role: str, roles: str, server: PostgresServer) -> Blocked:
    """Returns why a database is not dropped; `roles` are those whose sessions Harbor's role must not end."""
    statement = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {literal(database)};"  # noqa: S608 - a message
    return Blocked(
        Reason.DATABASE_IN_USE,
        f"PostgreSQL at '{server.address}' does not drop database '{database}': other roles have sessions in it, which "
        f"its owner '{role}' must not end: {roles}; stop these clients, for example a pooler, or a superuser must run: "
        f"{statement}",
    )


def explain_refused_drop(database: str, server: PostgresServer) -> Blocked:
    """Returns why the operator does not drop a database through a pooler in transaction mode."""
    return Blocked(
        Reason.DATABASE_POOLER_UNSUITABLE,
        f"database '{database}' is not dropped, because the pooler at '{server.address}' is in transaction mode, which "
        "does not keep the role that proves the owner; set `pool_mode = session` for database "
        f"'{server.maintenance_database}' in it, or set `spec.database.host` and `spec.database.port` to the server "
        "behind it",
    )


def explain_read_only(source: str, database: str, role: str) -> str:
    """Returns why a primary refuses changes, and what to do; `source` is that of the setting in `pg_settings`."""
    match source:
        case "database":
            reset = f"ALTER DATABASE {quoted(database)} RESET default_transaction_read_only;"
        case "user":
            reset = f"ALTER ROLE {quoted(role)} RESET default_transaction_read_only;"
        case "database user":
            reset = f"ALTER ROLE {quoted(role)} IN DATABASE {quoted(database)} RESET default_transaction_read_only;"
        case _:
            reset = "ALTER SYSTEM SET default_transaction_read_only = off; SELECT pg_reload_conf();"
    return (
        "`default_transaction_read_only` is on. Some servers turn it on when their disk is nearly full: "
        f"add space then. Otherwise a superuser must run: {reset}"
    )


def quoted(identifier: str) -> str:
    """Returns the identifier quoted for a statement that a person copies from a message."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Returns the text as a literal for a statement that a person copies from a message."""
    return "'" + text.replace("'", "''") + "'"
