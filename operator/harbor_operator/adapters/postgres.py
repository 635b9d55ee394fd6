"""The Postgres port on psycopg: one short connection per pass, every call with a deadline."""

from __future__ import annotations

import asyncio
import ssl
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import AsyncConnection, errors, sql
from pydantic import SecretStr

from harbor_operator.adapters.postgres_errors import connection_error, statement_error, unreachable
from harbor_operator.adapters.postgres_queries import MAY_CREATE, read_admin, read_databases, read_role
from harbor_operator.adapters.postgres_statements import (
    create_database,
    database_statements,
    drop_database,
    role_statements,
)
from harbor_operator.api.backends import SslMode
from harbor_operator.model.database import (
    Change,
    CreateDatabase,
    DropDatabase,
    LoginResult,
    MarkDatabase,
    ObservedLogin,
    ObservedServer,
    OwnPublicSchema,
    PostgresLogin,
    PostgresServer,
    RevokePublicConnect,
)
from harbor_operator.ports import Refused
from harbor_operator.ports.postgres import PostgresSession
from harbor_operator.reasons import Reason

Connection = AsyncConnection[tuple[Any, ...]]

_MAINTENANCE = "postgres"
_CONNECT_SECONDS = 5
_SESSION_SECONDS = 60
_APPLICATION = "harbor-operator"
_STATEMENT = "30s"
_LOCK_WAIT = "5s"
# Any constant does, as long as every operator that may meet on one server uses the same: 'harbor' in ASCII.
_LOCK_KEY = int.from_bytes(b"harbor", "big")


class PsycopgPostgres:
    """PostgreSQL as the operator reaches it."""

    def session(self, server: PostgresServer, admin: PostgresLogin) -> AbstractAsyncContextManager[PostgresSession]:
        """Opens a connection of the admin to the maintenance database."""
        return self._session(server, admin)

    @asynccontextmanager
    async def _session(self, server: PostgresServer, admin: PostgresLogin) -> AsyncIterator[PostgresSession]:
        async with _connected(server, admin, _MAINTENANCE) as connection:
            yield _Session(connection, server, admin)

    async def try_login(self, server: PostgresServer, login: PostgresLogin, database: str) -> ObservedLogin:
        """Logs in and asks whether tables could be made; a rejection is an answer, not an error."""
        try:
            async with _connected(server, login, database) as connection:
                with _map_errors(server, login):
                    row = await (await connection.execute(MAY_CREATE)).fetchone()
        except Refused as refusal:
            match refusal.reason:
                case Reason.DATABASE_CREDENTIALS_REJECTED:
                    return ObservedLogin(LoginResult.WRONG_PASSWORD, error_message=str(refusal))
                case Reason.DATABASE_LOGIN_FAILED:
                    return ObservedLogin(LoginResult.REFUSED, error_message=str(refusal))
                case _:
                    raise
        return ObservedLogin(LoginResult.ACCEPTED, may_create=bool(row and row[0]))


class _Session:
    """The admin's connection."""

    def __init__(self, connection: Connection, server: PostgresServer, admin: PostgresLogin) -> None:
        self._connection = connection
        self._server = server
        self._admin = admin
        self._version = connection.info.server_version // 10000

    async def read(self, role: str, databases: Sequence[str]) -> ObservedServer:
        with _map_errors(self._server, self._admin):
            admin, max_connections = await read_admin(self._connection)
            return ObservedServer(
                version=self._version,
                max_connections=max_connections,
                admin=admin,
                role=await read_role(self._connection, role, self._version),
                databases=await read_databases(self._connection, role, databases),
            )

    async def lock(self) -> bool:
        with _map_errors(self._server, self._admin):
            try:
                await self._connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK_KEY,))
            except errors.LockNotAvailable:
                return False
        return True

    async def apply(self, changes: Sequence[Change]) -> None:
        with _map_errors(self._server, self._admin):
            for change in changes:
                await self._apply(change)

    async def _apply(self, change: Change) -> None:
        match change:
            case CreateDatabase():
                await self._connection.execute(create_database(change))
                await self._as_owner(change.role, MarkDatabase(change.database, change.role, change.marker))
            case DropDatabase():
                await self._drop(change)
            case RevokePublicConnect() | MarkDatabase():
                await self._as_owner(change.role, change)
            case OwnPublicSchema():
                async with _connected(self._server, self._admin, change.database) as inside:
                    await _in_transaction(inside, database_statements(change))
            case _:
                await _in_transaction(self._connection, role_statements(change, self._version, self._verifier))

    async def _as_owner(self, role: str, change: RevokePublicConnect | MarkDatabase) -> None:
        # As the owner, because an admin who is a member does not always inherit the owner's rights (NOINHERIT; 16).
        acting = sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role))
        await _in_transaction(self._connection, [acting, *database_statements(change)])

    async def _drop(self, change: DropDatabase) -> None:
        await self._connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(change.role)))
        try:
            await self._connection.execute(drop_database(change, self._version))
        finally:
            await self._connection.execute("RESET ROLE")

    def _verifier(self, role: str, password: SecretStr) -> str:
        clear = password.get_secret_value().encode()
        return self._connection.pgconn.encrypt_password(clear, role.encode(), b"scram-sha-256").decode()


async def _in_transaction(connection: Connection, statements: Sequence[sql.Composed]) -> None:
    async with connection.transaction():
        for statement in statements:
            await connection.execute(statement)


@asynccontextmanager
async def _connected(server: PostgresServer, login: PostgresLogin, database: str) -> AsyncIterator[Connection]:
    connection = await _connect(server, login, database)
    try:
        async with asyncio.timeout(_SESSION_SECONDS):
            # Statements, not start-up options: poolers refuse those.
            with _map_errors(server, login):
                await connection.execute(
                    "SELECT set_config('statement_timeout', %s, false), set_config('lock_timeout', %s, false), "
                    "set_config('idle_in_transaction_session_timeout', %s, false)",
                    (_STATEMENT, _LOCK_WAIT, _STATEMENT),
                )
            yield connection
    except TimeoutError as error:
        raise unreachable(server, f"not done within {_SESSION_SECONDS} s") from error
    finally:
        await connection.close()


async def _connect(server: PostgresServer, login: PostgresLogin, database: str) -> Connection:
    with _authorities(server) as authorities:
        try:
            return await AsyncConnection.connect(
                host=server.host,
                port=server.port,
                user=login.username,
                password=login.password.get_secret_value(),
                dbname=database,
                sslmode=server.ssl_mode.value,
                sslrootcert=authorities,
                gssencmode="disable",
                connect_timeout=_CONNECT_SECONDS,
                target_session_attrs="read-write",
                application_name=_APPLICATION,
                autocommit=True,
                prepare_threshold=None,
            )
        except psycopg.OperationalError as error:
            # Without the chain: psycopg's exception refers to the connection, and that to the password.
            raise connection_error(error, server, login) from None


@contextmanager
def _map_errors(server: PostgresServer, login: PostgresLogin) -> Iterator[None]:
    """Turns what the server says to a statement into the exceptions of the house."""
    try:
        yield
    except psycopg.Error as error:
        raise statement_error(error, server, login) from None


@contextmanager
def _authorities(server: PostgresServer) -> Iterator[str | None]:
    """Yields the file with the CAs: libpq wants a file, and the PEM lies in a Secret."""
    if server.ssl_mode not in {SslMode.VERIFY_CA, SslMode.VERIFY_FULL}:
        yield None
    elif server.ca is None:
        system = ssl.get_default_verify_paths()
        yield system.cafile or system.openssl_cafile
    else:
        with tempfile.TemporaryDirectory(prefix="postgres-ca-") as directory:
            path = Path(directory) / "ca.crt"
            path.write_text(server.ca)
            yield str(path)
