"""Classifies the errors of psycopg and of the server; `checks.database` explains them."""

from __future__ import annotations

import re

import psycopg
from psycopg import errors

from harbor_operator.adapters.postgres_relay import MAX_ANSWER_BYTES, Relay
from harbor_operator.checks.database_failures import explain_connect_failure, explain_statement_failure
from harbor_operator.model.database import ConnectFailure, PostgresLogin, PostgresServer, StatementFailure
from harbor_operator.ports import Refused, Unavailable, as_error

MAX_DETAIL_CHARACTERS = 500
"""The server chooses the text, and it ends in a status."""

# libpq gives no code for a failed connection, only text. The first row that matches wins: with several addresses the
# text contains the failure of each, and the most specific one comes first here.
_CONNECT_FAILURES = (
    (re.compile(r"server does not support SSL"), ConnectFailure.TLS_UNSUPPORTED),
    (
        re.compile(
            r"certificate verify failed|does not match host name|certificate authenticat|root certificate"
            r"|system certificates"
        ),
        ConnectFailure.UNTRUSTED,
    ),
    (
        re.compile(r"authentication method requirement .*server requested a hashed password"),
        ConnectFailure.MD5_PASSWORD,
    ),
    (re.compile(r"authentication method requirement"), ConnectFailure.CLEAR_TEXT_PASSWORD),
    (re.compile(r"permission denied for database"), ConnectFailure.NO_CONNECT_RIGHT),
    (re.compile(r"pg_hba\.conf|not permitted to log in"), ConnectFailure.NOT_PERMITTED),
    (re.compile(r"database \"[^\"]*\" does not exist|no such database"), ConnectFailure.NO_DATABASE),
    (
        re.compile(r"too many connections|too many clients|connection slots are reserved"),
        ConnectFailure.NO_CONNECTION_LEFT,
    ),
    (re.compile(r"query_wait_timeout"), ConnectFailure.POOL_EXHAUSTED),
    (re.compile(r"statement pooling mode"), ConnectFailure.STATEMENT_POOL),
    # PgBouncer's text; PostgreSQL itself says 'password authentication failed'.
    (re.compile(r"SASL authentication failed"), ConnectFailure.POOLER_REJECTED),
    (
        re.compile(
            r"password authentication failed|authentication failed for user|no password supplied"
            r"|role \"[^\"]*\" does not exist"
        ),
        ConnectFailure.WRONG_PASSWORD,
    ),
)
_UNREACHABLE = re.compile(
    r"refused|timeout|timed out|closed the connection|starting up|shutting down|recovery mode|terminating|read-only"
    r"|not translate|not known|No route|unreachable|reset by peer|resolve",
    re.IGNORECASE,
)


def connection_error(error: psycopg.Error, server: PostgresServer, login: PostgresLogin) -> Unavailable | Refused:
    """Returns the exception for a failed connection."""
    text = str(error)
    return as_error(explain_connect_failure(_connect_failure(error, text), _last_error_line(text), server, login))


def deadline_error(seconds: float, server: PostgresServer, login: PostgresLogin) -> Unavailable | Refused:
    """Returns the exception for a session that exceeded its deadline."""
    return as_error(explain_connect_failure(ConnectFailure.UNREACHABLE, f"not done in {seconds:g} s", server, login))


def relay_error(relay: Relay) -> str:
    """Returns why the relay closed a connection, or an empty text if the cause is not its own."""
    if relay.is_exceeded:
        return f"no end of the answer within {MAX_ANSWER_BYTES >> 10} KiB, so it is hardly a PostgreSQL server"
    return relay.failures[-1] if len(relay.failures) == len(relay.ports) else ""


def statement_error(error: psycopg.Error, server: PostgresServer, admin: PostgresLogin) -> Unavailable | Refused:
    """Returns the exception for a failed statement of the admin."""
    detail = ". ".join(part.rstrip(".") for part in (error.diag.message_primary, error.diag.message_detail) if part)
    failure = StatementFailure.OTHER
    if isinstance(error, errors.InsufficientPrivilege):
        failure = StatementFailure.INSUFFICIENT_PRIVILEGE
    elif isinstance(error, psycopg.OperationalError | errors.ProtocolViolation):
        # A pooler ends the connection with a text of its own.
        text = str(error)
        cause = _connect_failure(error, text)
        if cause in {ConnectFailure.POOL_EXHAUSTED, ConnectFailure.STATEMENT_POOL}:
            return as_error(explain_connect_failure(cause, _last_error_line(text), server, admin))
        failure = StatementFailure.CONNECTION_LOST
        detail = detail or _last_error_line(text)
    return as_error(explain_statement_failure(failure, detail[:MAX_DETAIL_CHARACTERS], server, admin))


def _connect_failure(error: psycopg.Error, text: str) -> ConnectFailure:
    for pattern, failure in _CONNECT_FAILURES:
        if pattern.search(text):
            return failure
    # A server with other `lc_messages` uses another language. What remains is that it requested the password and closed
    # the connection.
    if error.pgconn and error.pgconn.used_password and not _UNREACHABLE.search(text):
        return ConnectFailure.WRONG_PASSWORD
    return ConnectFailure.UNREACHABLE


def _last_error_line(text: str) -> str:
    # The last failure, without libpq's indented hints, the addresses in front, and the path of the temporary CA file:
    # the text must be the same at every reconciliation, or each would write the status.
    last = [line for line in text.splitlines() if line.strip() and not line[0].isspace()][-1:]
    detail = re.split(r"FATAL:\s+|\bfailed: |error: ", last[0])[-1].strip() if last else "no answer"
    return re.sub(r' "/[^"]*"', "", detail)[:MAX_DETAIL_CHARACTERS]
