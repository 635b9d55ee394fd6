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
        case ConnectFailure.NOT_PERMITTED:
            reason = Reason.DATABASE_LOGIN_FAILED
            message = (
                f"{where} does not permit {role} to log in: {detail}; correct pg_hba.conf, or `spec.database.sslMode`"
            )
        case ConnectFailure.NO_DATABASE:
            reason = Reason.DATABASE_NOT_FOUND
            message = (
                f"{where} has no database '{server.maintenance_database}', to which {role} connects: {detail}; "
                "set `spec.database.maintenanceDatabase` to a database that exists"
            )
        case ConnectFailure.CLEAR_TEXT_PASSWORD | ConnectFailure.MD5_PASSWORD:
            reason = Reason.DATABASE_LOGIN_FAILED
            message = f"{where} requests the password of {role} {_refused_method(failure, login)}"
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


def quoted(identifier: str) -> str:
    """Returns the identifier quoted for a statement that a person copies from a message."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Returns the text as a literal for a statement that a person copies from a message."""
    return "'" + text.replace("'", "''") + "'"
