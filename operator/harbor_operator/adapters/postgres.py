"""The Postgres port on psycopg: short connections, every call with a deadline.

No setting outlives a transaction and no session-level lock is taken: a pooler in transaction mode (PgBouncer) hands the
server connection to the next client as it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace

import psycopg
from psycopg import errors, sql
from pydantic import SecretStr
from typing_extensions import override

from harbor_operator.adapters.postgres_connection import Connection, Connector
from harbor_operator.adapters.postgres_errors import statement_error
from harbor_operator.adapters.postgres_pooling import is_pooled, read_pooling
from harbor_operator.adapters.postgres_queries import (
    HAS_HARBOR_TABLES,
    read_admin,
    read_databases,
    read_login,
    read_other_sessions,
    read_role,
)
from harbor_operator.adapters.postgres_statements import (
    create_database,
    database_statements,
    drop_database,
    owner_statements,
    role_statements,
)
from harbor_operator.checks.database_failures import (
    explain_connect_failure,
    explain_database_in_use,
    explain_refused_drop,
)
from harbor_operator.model.database import (
    ConnectFailure,
    LoginResult,
    ObservedLogin,
    ObservedServer,
    Pooling,
    PostgresLogin,
    PostgresServer,
)
from harbor_operator.model.database_changes import (
    Change,
    CreateDatabase,
    DropDatabase,
    FinishDatabase,
    MarkDatabase,
    OwnPublicSchema,
    RevokePublicConnect,
)
from harbor_operator.model.egress import UNRESTRICTED, Egress
from harbor_operator.ports import Refused, Unavailable, as_error
from harbor_operator.ports.postgres import Postgres, PostgresSession
from harbor_operator.reasons import Reason

# The same for every operator that uses one server; any other constant would do: 'harbor' in ASCII.
_LOCK_KEY = int.from_bytes(b"harbor", "big")
_TIMEOUTS = (
    "SELECT set_config('statement_timeout', '30s', true), set_config('lock_timeout', '5s', true), "
    "set_config('idle_in_transaction_session_timeout', '60s', true)"
)
_POOL_TIMEOUT_SECONDS = 10.0
"""For a connection of the pooler to the server; a new login takes less than a second."""

_TRANSACTION_MODES = frozenset({Pooling.TRANSACTION, Pooling.TRANSACTION_WITHOUT_PREPARED})
_METHODS = "scram-sha-256,none"
_METHODS_WITH_MD5 = "scram-sha-256,md5,none"


class PsycopgPostgres(Postgres):
    """PostgreSQL through psycopg.

    The spec names the host, so verified TLS does not show that the server may learn the password. SCRAM does not show
    it. The answer of MD5 lets the server guess a weak password, so it needs the administrator's permission. A server
    that requests no password learns nothing.
    """

    def __init__(self, egress: Egress = UNRESTRICTED, *, permits_md5: bool = False) -> None:
        self._connector = Connector(egress.hosts, _METHODS_WITH_MD5 if permits_md5 else _METHODS)

    @override
    def session(self, server: PostgresServer, admin: PostgresLogin) -> AbstractAsyncContextManager[PostgresSession]:
        return self._session(server, admin)

    @asynccontextmanager
    async def _session(self, server: PostgresServer, admin: PostgresLogin) -> AsyncIterator[PostgresSession]:
        async with (
            self._connector.connected(server, admin, server.maintenance_database) as connection,
            AsyncExitStack() as locks,
        ):
            yield _PsycopgSession(self._connector, connection, locks, server, admin)

    @override
    async def try_login(self, server: PostgresServer, login: PostgresLogin, database: str) -> ObservedLogin:
        try:
            async with self._connector.connected(server, login, database) as connection:
                with _map_errors(server, login):
                    async with _transaction(connection):
                        found = await read_login(connection)
                    second = self._connector.connected(server, login, database)
                    return replace(found, pooling=await read_pooling(connection, second))
        except Refused as refusal:
            match refusal.reason:
                case Reason.DATABASE_CREDENTIALS_REJECTED:
                    return ObservedLogin(LoginResult.WRONG_PASSWORD, error_message=str(refusal))
                case Reason.DATABASE_NOT_FOUND:
                    return ObservedLogin(LoginResult.NO_DATABASE, error_message=str(refusal))
                case Reason.DATABASE_LOGIN_FAILED:
                    return ObservedLogin(LoginResult.REFUSED, error_message=str(refusal))
                case _:
                    raise

    @override
    async def has_harbor_tables(self, server: PostgresServer, login: PostgresLogin, database: str) -> bool:
        async with self._connector.connected(server, login, database) as connection:
            with _map_errors(server, login):
                async with _transaction(connection):
                    row = await (await connection.execute(HAS_HARBOR_TABLES)).fetchone()
        return bool(row and row[0])


class _PsycopgSession(PostgresSession):
    """A connection of the admin; `locks` ends before it does."""

    def __init__(
        self,
        connector: Connector,
        connection: Connection,
        locks: AsyncExitStack,
        server: PostgresServer,
        admin: PostgresLogin,
    ) -> None:
        self._connector = connector
        self._connection = connection
        self._locks = locks
        self._is_locked = False
        self._server = server
        self._admin = admin
        self._version = connection.info.server_version // 10000

    @override
    async def read(self, role: str, databases: Sequence[str]) -> ObservedServer:
        with _map_errors(self._server, self._admin):
            async with _transaction(self._connection):
                admin, max_connections = await read_admin(self._connection)
                return ObservedServer(
                    version=self._version,
                    max_connections=max_connections,
                    admin=admin,
                    role=await read_role(self._connection, role, self._version),
                    databases=await read_databases(self._connection, role, databases),
                )

    @override
    async def lock(self) -> bool:
        # The lock belongs to an open transaction of its own connection: CREATE DATABASE must run outside of one.
        if self._is_locked:
            return True
        with _map_errors(self._server, self._admin):
            pooled = await is_pooled(self._connection)
            try:
                async with AsyncExitStack() as attempt:
                    connected = self._connector.connected(self._server, self._admin, self._server.maintenance_database)
                    async with self._pool_deadline(pooled=pooled):
                        connection = await attempt.enter_async_context(connected)
                        await attempt.enter_async_context(_transaction(connection))
                    await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK_KEY,))
                    async with self._pool_deadline(pooled=pooled):
                        await self._connection.execute("SELECT 1")
                    self._locks.push_async_exit(attempt.pop_all())
            except errors.LockNotAvailable:
                return False
        self._is_locked = True
        return True

    @asynccontextmanager
    async def _pool_deadline(self, *, pooled: bool) -> AsyncIterator[None]:
        """Explains the wait for a second connection of a pool that has only one, which would last minutes."""
        try:
            async with asyncio.timeout(_POOL_TIMEOUT_SECONDS if pooled else None):
                yield
        except TimeoutError:
            pass
        except Unavailable as error:
            # Before PostgreSQL 14, libpq asks during the login whether the server accepts writes.
            if not pooled or error.reason is not Reason.DATABASE_UNREACHABLE:
                raise
        else:
            return
        text = f"no second connection within {_POOL_TIMEOUT_SECONDS:g} s"
        finding = explain_connect_failure(ConnectFailure.POOL_EXHAUSTED, text, self._server, self._admin)
        raise as_error(finding)

    @override
    async def apply(self, changes: Sequence[Change]) -> None:
        with _map_errors(self._server, self._admin):
            for change in changes:
                await self._apply(change)

    async def _apply(self, change: Change) -> None:
        match change:
            case CreateDatabase():
                await self._connection.execute(create_database(change))
                finish = FinishDatabase(change.database, change.role, change.marker)
                await _execute_all(self._connection, owner_statements(finish))
            case DropDatabase():
                await self._drop(change)
            case RevokePublicConnect() | MarkDatabase() | FinishDatabase():
                await _execute_all(self._connection, owner_statements(change))
            case OwnPublicSchema():
                async with self._connector.connected(self._server, self._admin, change.database) as connection:
                    await _execute_all(connection, database_statements(change))
            case _:
                await _execute_all(self._connection, role_statements(change, self._version, self._verifier))

    async def _drop(self, change: DropDatabase) -> None:
        # DROP DATABASE cannot run in a transaction, so the owner is set for the session: with it, PostgreSQL itself
        # checks that Harbor's role owns what is dropped. In transaction mode the next client would get the session.
        second = self._connector.connected(self._server, self._admin, self._server.maintenance_database)
        if await read_pooling(self._connection, second) in _TRANSACTION_MODES:
            raise as_error(explain_refused_drop(change.database, self._server))
        try:
            await self._connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(change.role)))
            try:
                await self._connection.execute(drop_database(change, self._version))
            finally:
                await self._connection.execute("RESET ROLE")
        except (errors.InsufficientPrivilege, errors.ObjectInUse):
            if not (roles := await read_other_sessions(self._connection, change.database, change.role)):
                raise
            raise as_error(explain_database_in_use(change.database, change.role, roles, self._server)) from None

    def _verifier(self, role: str, password: SecretStr) -> str:
        clear_text = password.get_secret_value().encode()
        return self._connection.pgconn.encrypt_password(clear_text, role.encode(), b"scram-sha-256").decode()


@asynccontextmanager
async def _transaction(connection: Connection) -> AsyncIterator[None]:
    async with connection.transaction():
        # Not start-up options: poolers refuse those.
        await connection.execute(_TIMEOUTS)
        yield


async def _execute_all(connection: Connection, statements: Sequence[sql.Composed]) -> None:
    async with _transaction(connection):
        for statement in statements:
            await connection.execute(statement)


@contextmanager
def _map_errors(server: PostgresServer, login: PostgresLogin) -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise statement_error(error, server, login) from None
