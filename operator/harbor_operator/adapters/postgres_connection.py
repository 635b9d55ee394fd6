"""One connection to a PostgreSQL server: allowed hosts, methods of login, deadlines, and the relay with its limit."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import AsyncConnection

from harbor_operator.adapters import tls
from harbor_operator.adapters.postgres_errors import connection_error, deadline_error, relay_error
from harbor_operator.adapters.postgres_queries import read_write_state
from harbor_operator.adapters.postgres_relay import Relay, relayed
from harbor_operator.api.backends import SslMode
from harbor_operator.checks.database_failures import explain_connect_failure, explain_read_only
from harbor_operator.checks.egress import check_host
from harbor_operator.model.database import ConnectFailure, PostgresLogin, PostgresServer
from harbor_operator.model.egress import AllowedHosts
from harbor_operator.ports import Refused, Unavailable, as_error

Connection = AsyncConnection[tuple[Any, ...]]

_CONNECT_TIMEOUT_SECONDS = 5
_SESSION_TIMEOUT_SECONDS = 60
"""From the first attempt to connect."""
_APPLICATION_NAME = "harbor-operator"
_READ_ONLY = "session is read-only"


@dataclass(frozen=True, slots=True)
class Connector:
    """Connects to allowed hosts only, and logs in with the methods of `methods` (libpq's `require_auth`) only."""

    hosts: AllowedHosts
    methods: str

    @asynccontextmanager
    async def connected(self, server: PostgresServer, login: PostgresLogin, database: str) -> AsyncIterator[Connection]:
        """Yields a connection and closes it; raises as the port `Postgres` does, also at the deadline."""
        if blocked := check_host(self.hosts, "`spec.database.host`", server.host, server.port):
            raise as_error(blocked)
        async with _relayed(server, login) as relay:
            try:
                async with asyncio.timeout(_SESSION_TIMEOUT_SECONDS):
                    connection = await self._connect_to_primary(server, login, database, relay)
                    try:
                        yield connection
                    finally:
                        await connection.close()
            except TimeoutError as error:
                raise deadline_error(_SESSION_TIMEOUT_SECONDS, server, login) from error

    async def _connect_to_primary(
        self, server: PostgresServer, login: PostgresLogin, database: str, relay: Relay
    ) -> Connection:
        try:
            return await self._connect(server, login, database, relay, "read-write")
        except psycopg.OperationalError as error:
            # Without the chain: psycopg's exception refers to the connection, and that to the password. If only some of
            # the addresses are read-only, another one is perhaps the primary and does not answer now.
            if str(error).count(_READ_ONLY) < len(relay.ports):
                raise connection_error(error, server, login) from None
        raise await self._explain_read_only(server, login, database, relay)

    async def _explain_read_only(
        self, server: PostgresServer, login: PostgresLogin, database: str, relay: Relay
    ) -> Refused | Unavailable:
        """Returns the exception for a server whose sessions are all read-only: libpq does not know why."""
        try:
            connection = await self._connect(server, login, database, relay, "any")
            try:
                is_standby, source = await read_write_state(connection)
            finally:
                await connection.close()
        except psycopg.Error as error:
            return connection_error(error, server, login)
        failure = ConnectFailure.STANDBY if is_standby else ConnectFailure.READ_ONLY
        detail = explain_read_only(source, database, login.username)
        return as_error(explain_connect_failure(failure, detail, server, login))

    async def _connect(
        self, server: PostgresServer, login: PostgresLogin, database: str, relay: Relay, target: str
    ) -> Connection:
        """Returns a connection to a server of this kind (libpq's `target_session_attrs`); raises psycopg's errors."""
        route = relay.parameters(server.host)
        verifies = server.ssl_mode in {SslMode.VERIFY_CA, SslMode.VERIFY_FULL}
        try:
            with tls.ca_file(server.ca or "") if verifies else nullcontext() as ca_file:
                return await AsyncConnection.connect(
                    host=route["host"],
                    hostaddr=route["hostaddr"],
                    port=route["port"],
                    user=login.username,
                    password=login.password.get_secret_value(),
                    dbname=database,
                    sslmode=server.ssl_mode.value,
                    sslrootcert=ca_file,
                    require_auth=self.methods,
                    gssencmode="disable",
                    connect_timeout=_CONNECT_TIMEOUT_SECONDS,
                    target_session_attrs=target,
                    application_name=_APPLICATION_NAME,
                    autocommit=True,
                    prepare_threshold=None,
                )
        except tls.InvalidCaBundle:
            finding = explain_connect_failure(ConnectFailure.UNTRUSTED, "the bundle has no certificate", server, login)
            raise as_error(finding) from None


@asynccontextmanager
async def _relayed(server: PostgresServer, login: PostgresLogin) -> AsyncIterator[Relay]:
    """Yields the relay to the server; an error inside gets the cause that only the relay knows."""
    try:
        async with relayed(server.host, server.port) as relay:
            try:
                yield relay
            except (Refused, Unavailable):
                if cause := relay_error(relay):
                    raise as_error(explain_connect_failure(ConnectFailure.UNREACHABLE, cause, server, login)) from None
                raise
    except socket.gaierror as error:
        text = f"failed to resolve host '{server.host}': {error}"
        raise as_error(explain_connect_failure(ConnectFailure.UNREACHABLE, text, server, login)) from None
