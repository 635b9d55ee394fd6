"""Temporary databases in which a backup is loaded and examined; each is dropped by the block that created it.

The connection is the person's own: libpq reads `~/.pgpass`, `PGPASSWORD` and services as for psql.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from harbor_operator.adapters.harbor_secrets import HEADER
from harbor_operator.model.backup import BlobEntry, MissingBlob
from harbor_operator.model.database import ObservedSchema
from harbor_operator.ports import Unavailable

PREFIX = "harbor_rehearsal_"
COMMENT = "created by `kubectl harbor restore --rehearse`; it can be dropped when no rehearsal runs"
CONNECT_TIMEOUT_SECONDS = 10
MAX_VALUES = 100
"""Of each column with encrypted values."""
ENCRYPTED_COLUMNS = (
    ("registry", "access_secret"),
    ("replication_target", "password"),
    ("properties", "v"),
    ("oidc_user", "secret"),
    ("oidc_user", "token"),
    ("p2p_preheat_instance", "auth_data"),
)
"""Where the versions of Harbor store values with HEADER; not every version has each table."""

_SCHEMA = "SELECT version, dirty FROM public.schema_migrations LIMIT 1"
_HAS_COLUMN = "SELECT FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attname = %s AND NOT attisdropped"
_INVENTORY = "CREATE TEMPORARY TABLE inventory (digest text NOT NULL, size bigint NOT NULL)"
# Nodes fetch foreign layers from elsewhere, so the registry does not store them.
_MISSING = """
SELECT used.artifact, used.blob, blob.size, inventory.size
FROM (SELECT a.digest AS artifact, a.digest AS blob FROM public.artifact a
      UNION SELECT a.digest, l.digest_blob FROM public.artifact a
            JOIN public.artifact_blob l ON l.digest_af = a.digest) used
LEFT JOIN public.blob ON blob.digest = used.blob
LEFT JOIN inventory ON inventory.digest = used.blob
WHERE coalesce(blob.content_type, '') !~ 'foreign|nondistributable'
      AND (inventory.digest IS NULL OR (%s AND inventory.size <> blob.size))
ORDER BY used.artifact, used.blob LIMIT %s
"""

Connection = psycopg.Connection[tuple[Any, ...]]


class ScratchServer:
    """A server on which the person may create databases."""

    def __init__(self, conninfo: str) -> None:
        """Takes a URL or a connection string of libpq. Raises ValueError if it is none, or has a password."""
        try:
            parameters = conninfo_to_dict(conninfo)
        except psycopg.ProgrammingError:
            # libpq quotes the text, in which a misspelt part hides the password from the check below.
            raise ValueError(
                "it is neither a URL such as 'postgresql://USER@HOST/postgres' nor a connection string of libpq"
            ) from None
        if "password" in parameters:
            raise ValueError("every user of this computer can read a password there: put it into `~/.pgpass`")
        self._conninfo = make_conninfo(conninfo, connect_timeout=CONNECT_TIMEOUT_SECONDS)

    def leftovers(self) -> list[str]:
        """Returns the databases of rehearsals that did not drop them, or still run. Raises Unavailable."""
        query = "SELECT datname FROM pg_database WHERE shobj_description(oid, 'pg_database') = %s ORDER BY datname"
        with _connected(self._conninfo) as connection:
            return [str(row[0]) for row in connection.execute(query, (COMMENT,))]

    @contextmanager
    def database(self) -> Iterator[ScratchDatabase]:
        """Yields a new, empty database, and drops it. Raises Unavailable."""
        name = f"{PREFIX}{secrets.token_hex(8)}"
        identifier = sql.Identifier(name)
        try:
            with _connected(self._conninfo) as connection:
                connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(identifier))
                connection.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(identifier, sql.Literal(COMMENT)))
            yield ScratchDatabase(make_conninfo(self._conninfo, dbname=name))
        finally:
            with _connected(self._conninfo) as connection:
                connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(identifier))


class ScratchDatabase:
    """A loaded database; `conninfo` has no password. Every call raises Unavailable if the server does not answer."""

    def __init__(self, conninfo: str) -> None:
        self.conninfo = conninfo

    def read_schema(self) -> ObservedSchema | None:
        """Returns the state of Harbor's migrations, or None in a database without them."""
        with _connected(self.conninfo) as connection:
            if not _has_column(connection, "schema_migrations", "dirty"):
                return None
            row = connection.execute(_SCHEMA).fetchone()
        return ObservedSchema(*row) if row else None

    def read_encrypted(self) -> list[tuple[str, str]]:
        """Returns encrypted values, each with its table and column ('registry.access_secret')."""
        found: list[tuple[str, str]] = []
        with _connected(self.conninfo) as connection:
            for table, column in ENCRYPTED_COLUMNS:
                if not _has_column(connection, table, column):
                    continue
                query = sql.SQL("SELECT {column} FROM public.{table} WHERE starts_with({column}, %s) LIMIT %s")
                statement = query.format(column=sql.Identifier(column), table=sql.Identifier(table))
                rows = connection.execute(statement, (HEADER, MAX_VALUES))
                found += [(f"{table}.{column}", str(row[0])) for row in rows]
        return found

    def find_missing(self, inventory: Iterable[BlobEntry], limit: int, *, has_sizes: bool) -> Sequence[MissingBlob]:
        """Returns up to `limit` blobs that a manifest needs and the inventory lacks, or has with another size.

        `has_sizes` is whether the inventory has the sizes of blobs. Empty for a database without artifacts.
        """
        with _connected(self.conninfo) as connection:
            if not _has_column(connection, "artifact_blob", "digest_af"):
                return []
            connection.execute(_INVENTORY)
            with connection.cursor() as cursor, cursor.copy("COPY inventory FROM STDIN") as rows:
                for blob in inventory:
                    rows.write_row((blob.digest, blob.size))
            found = connection.execute(_MISSING, (has_sizes, limit))
            return [MissingBlob(*row) for row in found]


def _has_column(connection: Connection, table: str, column: str) -> bool:
    return connection.execute(_HAS_COLUMN, (f"public.{table}", column)).fetchone() is not None


@contextmanager
def _connected(conninfo: str) -> Iterator[Connection]:
    try:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            yield connection
    except psycopg.Error as error:
        raise Unavailable(f"the scratch server answers: {str(error).strip()}") from None
