"""Turns what psycopg and the server say into the two exceptions of the house, with the remedy in the message."""

from __future__ import annotations

import re

import psycopg
from psycopg import errors

from harbor_operator.model.database import PostgresLogin, PostgresServer
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason

# libpq gives no code for a failed connection, only text. The first row that matches wins: with several addresses the
# text holds the failure of each, and the one that says most comes first here.
_WRONG_PASSWORD = re.compile(
    r"password authentication failed|authentication failed for user|no password supplied|role \"[^\"]*\" does not exist"
)
_NOT_LET_IN = re.compile(
    r"pg_hba\.conf|not permitted to log in|permission denied for database|database \"[^\"]*\" does not exist"
)
_NO_TLS = re.compile(r"server does not support SSL")
_UNTRUSTED = re.compile(
    r"certificate verify failed|does not match host name|certificate authenticat|root certificate|system certificates"
)
_FULL = re.compile(r"too many connections|too many clients|connection slots are reserved")
_DOWN = re.compile(
    r"refused|timeout|timed out|closed the connection|starting up|shutting down|recovery mode|terminating|read-only"
    r"|not translate|not known|No route|unreachable|reset by peer|resolve",
    re.IGNORECASE,
)


def connection_error(
    error: psycopg.OperationalError, server: PostgresServer, login: PostgresLogin
) -> Unavailable | Refused:
    """Returns what a failed connection means."""
    text = str(error)
    where = f"PostgreSQL at '{server.host}:{server.port}'"
    said = _last_error_line(text)
    if trouble := _tls_trouble(text, where, server):
        return trouble
    if _NOT_LET_IN.search(text):
        return Refused(
            Reason.DATABASE_LOGIN_FAILED,
            f"{where} does not let role '{login.username}' of {login.origin} in: {said}; "
            "correct pg_hba.conf, or `spec.database.sslMode`",
        )
    if _FULL.search(text):
        return Unavailable(
            f"{where} has no connection left for role '{login.username}': {said}; "
            "raise `max_connections`, or `spec.database.connectionLimit` if it is Harbor's role",
            Reason.DATABASE_CONNECTIONS_LOW,
        )
    if _WRONG_PASSWORD.search(text) or _was_rejected_in_another_language(error, text):
        return Refused(
            Reason.DATABASE_CREDENTIALS_REJECTED,
            f"{where} rejected role '{login.username}': {said}; correct {login.origin}",
        )
    return unreachable(server, said)


def unreachable(server: PostgresServer, said: str) -> Unavailable:
    """Returns that the server of `spec.database.host` does not answer."""
    return Unavailable(
        f"PostgreSQL at '{server.host}:{server.port}' (`spec.database.host`) does not answer: {said}",
        Reason.DATABASE_UNREACHABLE,
    )


def statement_error(error: psycopg.Error, server: PostgresServer, admin: PostgresLogin) -> Unavailable | Refused:
    """Returns what a failed statement of the admin means."""
    said = ". ".join(part.rstrip(".") for part in (error.diag.message_primary, error.diag.message_detail) if part)
    if isinstance(error, errors.InsufficientPrivilege):
        return Refused(
            Reason.DATABASE_RIGHTS_MISSING,
            f"role '{admin.username}' of {admin.origin} lacks a right: {said}; a superuser must run: "
            f'ALTER ROLE "{admin.username}" CREATEROLE CREATEDB; and, if Harbor\'s role was made by somebody else, '
            f'GRANT that role TO "{admin.username}" WITH ADMIN OPTION;',
        )
    if isinstance(error, psycopg.OperationalError):
        return unreachable(server, said or _last_error_line(str(error)))
    return Unavailable(f"PostgreSQL at '{server.host}:{server.port}' refused a statement, looking again: {said}")


def _last_error_line(text: str) -> str:
    # The last failure, without libpq's indented hints, the addresses in front, and the path of our temporary CA file:
    # what is said must be the same in every pass, or the status would be written in every pass.
    last = [line for line in text.splitlines() if line.strip() and not line[0].isspace()][-1:]
    said = re.split(r"FATAL:\s+|\bfailed: |error: ", last[0])[-1].strip() if last else "no answer"
    return re.sub(r' "/[^"]*"', "", said)


def _tls_trouble(text: str, where: str, server: PostgresServer) -> Refused | None:
    if _NO_TLS.search(text):
        return Refused(
            Reason.DATABASE_TLS_UNSUPPORTED,
            f"{where} does not offer TLS, `spec.database.sslMode` is '{server.ssl_mode}': "
            "switch `ssl` on in the server, or set 'disable' if the network is trusted",
        )
    if _UNTRUSTED.search(text):
        return Refused(
            Reason.CERTIFICATE_UNTRUSTED,
            f"the certificate of {where} is not trusted: {_last_error_line(text)}; put its CA into the Secret of "
            "`spec.database.caSecretRef`, and the host name into the certificate if it does not match",
        )
    return None


def _was_rejected_in_another_language(error: psycopg.OperationalError, text: str) -> bool:
    # A server with other `lc_messages` uses its own words; what is left is that it asked for the password and closed.
    return bool(error.pgconn and error.pgconn.used_password) and not _DOWN.search(text)
