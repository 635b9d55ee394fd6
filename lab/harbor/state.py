"""The state of the stand-in: JSON documents in the PostgreSQL database of the release.

The tables are created at start with core's credentials, so a role that cannot log in, or does not own the database,
fails at once. golang-migrate records the last migration in `schema_migrations`; like the real core, the stand-in
migrates an older database, and does not start on a dirty one or on that of a newer Harbor.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.types.json import Jsonb

if TYPE_CHECKING:
    from collections.abc import Mapping

Document = dict[str, Any]

MAX_PATCH_MIGRATIONS = 9
WAIT_SECONDS, POLL_SECONDS = 60, 0.5
KINDS = (
    "project",
    "robot",
    "gc",
    "user",
    "usergroup",
    "member",
    "endpoint",
    "audit",
    "immutable_rule",
    "retention",
    "webhook",
    "replication",
)
TABLES = """
CREATE TABLE IF NOT EXISTS schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL);
CREATE TABLE IF NOT EXISTS documents (kind text, key text, body jsonb NOT NULL, PRIMARY KEY (kind, key));
CREATE SEQUENCE IF NOT EXISTS project_id;
CREATE SEQUENCE IF NOT EXISTS robot_id;
CREATE SEQUENCE IF NOT EXISTS gc_id;
CREATE SEQUENCE IF NOT EXISTS user_id START 3;
CREATE SEQUENCE IF NOT EXISTS usergroup_id;
CREATE SEQUENCE IF NOT EXISTS member_id;
CREATE SEQUENCE IF NOT EXISTS endpoint_id;
CREATE SEQUENCE IF NOT EXISTS audit_id;
CREATE SEQUENCE IF NOT EXISTS immutable_rule_id;
CREATE SEQUENCE IF NOT EXISTS retention_id;
CREATE SEQUENCE IF NOT EXISTS webhook_id;
CREATE SEQUENCE IF NOT EXISTS replication_id;
"""


class DirtyDatabase(Exception):  # noqa: N818 - describes the database
    """A migration is incomplete; a real core does not start either."""


class NewerDatabase(Exception):  # noqa: N818 - describes the database
    """A newer Harbor has migrated it; a real core does not start either."""


def first_migration(harbor_version: str) -> int:
    """Returns the number of the first migration of a Harbor 2.x, such as 180 for 'v2.15.1'; patches count up."""
    return 30 + 10 * int(harbor_version.split(".")[1])


class State:
    """The documents, by kind and key. Every call can raise psycopg.Error; the next call reconnects."""

    def __init__(self, postgresql: Mapping[str, Any]) -> None:
        self._arguments = postgresql
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._lock = asyncio.Lock()

    async def prepare(self, harbor_version: str) -> None:
        """Creates or migrates the tables. Raises DirtyDatabase if a migration is incomplete, and NewerDatabase.

        Like core, it waits for the server to listen: in a release with an internal database, both start together.
        """
        with suppress(TimeoutError):  # the next request reports the error
            await asyncio.wait_for(self._listening(), WAIT_SECONDS)
        await self._run(TABLES)
        if await self._run("SELECT version FROM schema_migrations WHERE dirty"):
            raise DirtyDatabase("Dirty database version: fix `schema_migrations` and force the version")
        schema = first_migration(harbor_version)
        if newer := await self._run(
            "SELECT version FROM schema_migrations WHERE version > %s", schema + MAX_PATCH_MIGRATIONS
        ):
            raise NewerDatabase(f"no migration found for version {newer[0][0]}")
        await self._run(
            "INSERT INTO schema_migrations SELECT %s, false WHERE NOT EXISTS (SELECT 1 FROM schema_migrations)", schema
        )
        await self._run("UPDATE schema_migrations SET version = %s WHERE version < %s", schema, schema)

    async def ping(self) -> None:
        """Raises psycopg.Error unless the database answers."""
        await self._run("SELECT 1")

    async def next_id(self, kind: str) -> int:
        """Returns a new number; an unused number is lost, as in Harbor."""
        if kind not in KINDS:
            raise KeyError(kind)
        rows = await self._run(f"SELECT nextval('{kind}_id')")
        return int(rows[0][0])

    async def get(self, kind: str, key: object) -> Document | None:
        """Returns the document, or None."""
        rows = await self._run("SELECT body FROM documents WHERE kind = %s AND key = %s", kind, str(key))
        return rows[0][0] if rows else None

    async def find(self, kind: str, field: str, value: str) -> Document | None:
        """Returns the document whose `field` has `value`, or None."""
        rows = await self._run("SELECT body FROM documents WHERE kind = %s AND body->>%s = %s", kind, field, value)
        return rows[0][0] if rows else None

    async def all(self, kind: str) -> list[Document]:
        """Returns all documents of a kind, sorted by key (numerically)."""
        rows = await self._run("SELECT body FROM documents WHERE kind = %s ORDER BY length(key), key", kind)
        return [row[0] for row in rows]

    async def put(self, kind: str, key: object, body: Document) -> None:
        """Creates or replaces a document."""
        await self._run(
            "INSERT INTO documents VALUES (%s, %s, %s) ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body",
            kind,
            str(key),
            Jsonb(body),
        )

    async def remove(self, kind: str, key: object) -> None:
        """Deletes a document; idempotent."""
        await self._run("DELETE FROM documents WHERE kind = %s AND key = %s", kind, str(key))

    async def close(self) -> None:
        """Closes the connection."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def _listening(self) -> None:
        while not await _listens(self._arguments["host"], self._arguments["port"]):  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(POLL_SECONDS)

    async def _run(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        async with self._lock:
            connection = await self._connected()
            try:
                # Several statements in one string are only possible without parameters.
                cursor = await connection.execute(statement.encode(), parameters or None)
            except psycopg.OperationalError:
                await self.close()
                raise
            return await cursor.fetchall() if cursor.description else []

    async def _connected(self) -> psycopg.AsyncConnection[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = await psycopg.AsyncConnection.connect(**self._arguments, autocommit=True)
        return self._connection


def timestamp(moment: datetime | None = None) -> str:
    """Returns a time in Harbor's format."""
    return (moment or datetime.now(UTC)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def _listens(host: str, port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    return True
