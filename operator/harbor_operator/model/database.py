"""PostgreSQL: the desired databases, and the observed server."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto

from pydantic import SecretStr

from harbor_operator.api.addresses import join_host_port
from harbor_operator.api.backends import SslMode


class MarkerMatch(Enum):
    """Whose marker was found, compared with that of the registry."""

    OURS = auto()
    EARLIER = auto()
    """Of a registry of this name in this cluster that was deleted and created again."""
    NO_CLUSTER = auto()
    """Of another registry of this name, in a cluster that the marker does not name (operator 0.1.0)."""
    OTHER = auto()


@dataclass(frozen=True, slots=True)
class Marker:
    """The comment on a role or a database that names the registry for which it was created.

    `key` is 'namespace/name', `cluster` the identity of its Kubernetes cluster; empty if it is not known.
    """

    key: str
    uid: str
    cluster: str = ""

    @property
    def comment(self) -> str:
        """The marker as the text of the comment."""
        cluster = f"cluster={self.cluster} " if self.cluster else ""
        return f"harbor-operator.io {cluster}registry={self.key} uid={self.uid}"

    @property
    def description(self) -> str:
        """How messages name the registry."""
        return f"'{self.key}' (uid {self.uid}{f', cluster {self.cluster}' if self.cluster else ''})"

    @classmethod
    def parse(cls, comment: str) -> Marker | None:
        """Returns the marker in a comment, or None if there is none."""
        found = _MARKER.fullmatch(comment)
        return cls(found["key"], found["uid"], found["cluster"] or "") if found else None

    def match(self, comment: str) -> MarkerMatch | None:
        """Compares the marker in a comment with this one; None if the comment contains no marker."""
        found = Marker.parse(comment)
        if found is None:
            return None
        if found.key != self.key or found.cluster not in {"", self.cluster}:
            return MarkerMatch.OTHER
        if found.uid == self.uid:
            return MarkerMatch.OURS
        return MarkerMatch.EARLIER if found.cluster else MarkerMatch.NO_CLUSTER


@dataclass(frozen=True, slots=True)
class WantedDatabase:
    """A database that must exist.

    `path` is the field of the spec that names it, `max_schema` the newest migration (`schema_migrations.version`) that
    the chart's Harbor knows; None means that it is not checked. `needs_session_pool` means that its driver sends a
    statement and its parameters in two transactions (lib/pq), which no pooler in transaction mode can follow.
    """

    name: str
    path: str
    max_schema: int | None = None
    needs_session_pool: bool = False


class Attribute(StrEnum):
    """A property that every plain login role has; the value completes "the role ..."."""

    LOGIN = "may log in"
    NO_SUPERUSER = "is not a superuser"
    NO_CREATEDB = "cannot create databases"
    NO_CREATEROLE = "cannot create roles"
    NO_REPLICATION = "does not replicate"
    NO_BYPASSRLS = "is subject to row security"
    NO_EXPIRY = "does not expire"


_MARKER = re.compile(r"harbor-operator\.io (?:cluster=(?P<cluster>\S+) )?registry=(?P<key>\S+) uid=(?P<uid>\S+)")


@dataclass(frozen=True, slots=True)
class DesiredDatabases:
    """The desired state of a server: one role that owns the databases, marked as this registry's.

    `connection_limit` is that of the role; `min_version` is the oldest major version that the chart's Harbor supports.
    `second` is the login of the second role, which acts as the first one, while Harbor uses it.
    """

    role: str
    databases: tuple[WantedDatabase, ...]
    marker: Marker
    connection_limit: int
    min_version: int
    second: PostgresLogin | None = None


@dataclass(frozen=True, slots=True)
class ObservedAdmin:
    """The rights of the admin role."""

    name: str
    is_superuser: bool
    may_create_roles: bool
    may_create_databases: bool


@dataclass(frozen=True, slots=True)
class ObservedRole:
    """Harbor's role as observed.

    `missing_attributes` are the properties of a plain login role that it does not have, `connection_limit` is -1 for no
    limit.
    """

    comment: str
    connection_limit: int
    missing_attributes: tuple[Attribute, ...] = ()
    admin_is_member: bool = True


@dataclass(frozen=True, slots=True)
class ObservedDatabase:
    """A database as observed; `is_open_to_public` means that PUBLIC may connect to it.

    `is_owner_shared` means that its owner is a superuser or owns another database, `is_unfinished` that the operator
    created it and stopped before it wrote the marker.
    """

    name: str
    owner: str
    comment: str
    is_open_to_public: bool
    is_owner_shared: bool = False
    is_unfinished: bool = False


@dataclass(frozen=True, slots=True)
class ObservedServer:
    """A server as observed: the desired databases that exist, and every other database that the role owns.

    `version` is the major version, `max_connections` the setting of that name. `second` is the role of the second login
    while Harbor uses it.
    """

    version: int
    max_connections: int
    admin: ObservedAdmin
    role: ObservedRole | None = None
    databases: tuple[ObservedDatabase, ...] = field(default=())
    second: ObservedRole | None = None

    def database(self, name: str) -> ObservedDatabase | None:
        """Returns the database of that name, or None."""
        return next((database for database in self.databases if database.name == name), None)


class LoginResult(Enum):
    """How the server answered a login."""

    ACCEPTED = auto()
    WRONG_PASSWORD = auto()
    NO_DATABASE = auto()
    REFUSED = auto()


@dataclass(frozen=True, slots=True)
class ForeignTable:
    """A table that the login can neither use nor alter, because another role owns it.

    `is_owner_shared` means that its owner is a superuser or owns a database.
    """

    name: str
    owner: str
    is_owner_shared: bool


@dataclass(frozen=True, slots=True)
class ObservedSchema:
    """The row of `schema_migrations`: the last migration, and whether it did not complete or is running now."""

    version: int
    is_dirty: bool
    is_migrating: bool = False


class Pooling(Enum):
    """Whether a connection pooler (PgBouncer) is in front of the server, and when it changes the server's connection.

    Only a pooler that follows prepared statements makes those of one transaction known in the next.
    """

    NONE = auto()
    SESSION = auto()
    TRANSACTION = auto()
    TRANSACTION_WITHOUT_PREPARED = auto()


@dataclass(frozen=True, slots=True)
class CollationChange:
    """The version of the collation with which a database was created, and the one that the server has now."""

    recorded: str
    actual: str


@dataclass(frozen=True, slots=True)
class ObservedLogin:
    """The result of a login attempt.

    `may_create` is whether the role can create tables in schema public, `error_message` what the server answered,
    `server_version` the major version (0 without a login). `schema` is None in a database that Harbor never used,
    `collation` is None if the version of the collation is the same or was not recorded (before PostgreSQL 15).
    """

    result: LoginResult
    may_create: bool = False
    error_message: str = ""
    server_version: int = 0
    foreign_table: ForeignTable | None = None
    schema: ObservedSchema | None = None
    pooling: Pooling = Pooling.NONE
    collation: CollationChange | None = None


class ConnectFailure(Enum):
    """Why no session was established."""

    TLS_UNSUPPORTED = auto()
    UNTRUSTED = auto()
    NOT_PERMITTED = auto()
    NO_CONNECT_RIGHT = auto()
    NO_DATABASE = auto()
    CLEAR_TEXT_PASSWORD = auto()
    MD5_PASSWORD = auto()
    NO_CONNECTION_LEFT = auto()
    POOL_EXHAUSTED = auto()
    STATEMENT_POOL = auto()
    POOLER_REJECTED = auto()
    STANDBY = auto()
    READ_ONLY = auto()
    WRONG_PASSWORD = auto()
    UNREACHABLE = auto()


class StatementFailure(Enum):
    """Why a statement of the admin failed."""

    INSUFFICIENT_PRIVILEGE = auto()
    CONNECTION_LOST = auto()
    OTHER = auto()


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """The address of a server and how to verify it; `ca` is a PEM bundle, None means the system's authorities.

    The admin connects to `maintenance_database`.
    """

    host: str
    port: int
    ssl_mode: SslMode
    ca: str | None = None
    maintenance_database: str = "postgres"

    @property
    def address(self) -> str:
        """Host and port, with brackets around an IPv6 address."""
        return join_host_port(self.host, self.port)


@dataclass(frozen=True, slots=True)
class PostgresLogin:
    """A role and its password; `origin` names the Secret and the field of the spec, for messages."""

    username: str
    password: SecretStr
    origin: str
