"""Detects a connection pooler in front of PostgreSQL, and whether Harbor's driver can work through it.

A pooler tells its client another process number than the server has (both are part of the key of a cancel request). In
transaction mode, the server's connection belongs to a client until the end of its transaction only: then two clients
are served by one process, or one client by two.

Harbor's driver pgx prepares statements under names, and uses them in later transactions. PgBouncer follows them from
1.21 on, with `max_prepared_statements` above 0. Two clients that prepare a statement of one name show whether it does.
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, suppress

import psycopg
from psycopg import errors

from harbor_operator.adapters.postgres_connection import Connection
from harbor_operator.adapters.postgres_queries import read_backend
from harbor_operator.model.database import Pooling
from harbor_operator.ports import Refused, Unavailable

# The name that psycopg gives to the first statement that a connection prepares.
_DEALLOCATE = "DEALLOCATE _pg3_0"
_PROBE = "SELECT 1"
_PROBE_TIMEOUT_SECONDS = 5.0


async def is_pooled(connection: Connection) -> bool:
    """Returns whether a pooler is between the operator and the server."""
    return await read_backend(connection) != connection.info.backend_pid


async def read_pooling(connection: Connection, second: AbstractAsyncContextManager[Connection]) -> Pooling:
    """Returns the mode of the pooler; `second` connects with the same login, and only if there is a pooler.

    A mode that does not show counts as session mode: with other clients at work, the probe can miss it, but it never
    takes session mode for transaction mode.
    """
    if not await is_pooled(connection):
        return Pooling.NONE
    try:
        async with second as other, asyncio.timeout(_PROBE_TIMEOUT_SECONDS):
            # Twice: a pooler that uses its connections in turn changes that of one client.
            served = [await read_backend(connection), await read_backend(connection)]
            if served[0] == served[1] and await read_backend(other) not in served:
                return Pooling.SESSION
            follows = await _follows_prepared(connection, other)
    except (TimeoutError, Refused, Unavailable):
        # A pool of one connection, which this session has.
        return Pooling.SESSION
    return Pooling.TRANSACTION if follows else Pooling.TRANSACTION_WITHOUT_PREPARED


async def _follows_prepared(connection: Connection, other: Connection) -> bool:
    try:
        for client in (connection, other):
            client.prepare_threshold = 0
            await client.execute(_PROBE, prepare=True)
    except (errors.DuplicatePreparedStatement, errors.InvalidSqlStatementName):
        # The statement stays in the server's connection, where it would reach the next client.
        with suppress(psycopg.Error):
            await other.execute(_DEALLOCATE, prepare=False)
        return False
    return True
