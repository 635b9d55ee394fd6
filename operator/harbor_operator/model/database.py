"""PostgreSQL: the desired databases, the observed server, and the changes that lead from one to the other."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto

from pydantic import SecretStr

from harbor_operator.api.backends import SslMode


@dataclass(frozen=True, slots=True)
class Marker:
    """The comment on a role or a database that names the registry for which it was created."""

    key: str
    uid: str

    @property
    def comment(self) -> str:
        """The marker as the text of the comment."""
        return f"harbor-operator.io registry={self.key} uid={self.uid}"

    @classmethod
    def parse(cls, comment: str) -> Marker | None:
        """Returns the marker in a comment, or None if there is none."""
        found = _MARKER.fullmatch(comment)
        return cls(found["key"], found["uid"]) if found else None


@dataclass(frozen=True, slots=True)
class WantedDatabase:
    """A database that must exist; `path` is the field of the spec that names it."""

    name: str
    path: str


class Attribute(StrEnum):
    """A property that every plain login role has; the value completes "the role ..."."""

    LOGIN = "may log in"
    NO_SUPERUSER = "is not a superuser"
    NO_CREATEDB = "cannot create databases"
    NO_CREATEROLE = "cannot create roles"
    NO_REPLICATION = "does not replicate"
    NO_BYPASSRLS = "is subject to row security"
    NO_EXPIRY = "does not expire"


_MARKER = re.compile(r"harbor-operator\.io registry=(?P<key>\S+) uid=(?P<uid>\S+)")


@dataclass(frozen=True, slots=True)
class DesiredDatabases:
    """The desired state of a server: one role that owns the databases, marked as this registry's.

    `connection_limit` is that of the role; `min_version` is the oldest major version that the chart's Harbor supports.
    """

    role: str
    databases: tuple[WantedDatabase, ...]
    marker: Marker
    connection_limit: int
    min_version: int


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

    `missing_attributes` are the properties of a plain login role that it does not have, `sessions` the number of open
    connections of the role, `connection_limit` is -1 for no limit.
    """

    comment: str
    connection_limit: int
    missing_attributes: tuple[Attribute, ...] = ()
    admin_is_member: bool = True
    sessions: int = 0


@dataclass(frozen=True, slots=True)
class ObservedDatabase:
    """A database as observed; `is_open_to_public` means that PUBLIC may connect to it."""

    name: str
    owner: str
    comment: str
    is_open_to_public: bool


@dataclass(frozen=True, slots=True)
class ObservedServer:
    """A server as observed: the desired databases that exist, and every other database that the role owns.

    `version` is the major version, `max_connections` the setting of that name.
    """

    version: int
    max_connections: int
    admin: ObservedAdmin
    role: ObservedRole | None = None
    databases: tuple[ObservedDatabase, ...] = field(default=())

    def database(self, name: str) -> ObservedDatabase | None:
        """Returns the database of that name, or None."""
        return next((database for database in self.databases if database.name == name), None)


class LoginResult(Enum):
    """How the server answered a login."""

    ACCEPTED = auto()
    WRONG_PASSWORD = auto()
    REFUSED = auto()


@dataclass(frozen=True, slots=True)
class ObservedLogin:
    """The result of a login attempt.

    `may_create` is whether the role can create tables in schema public, `error_message` what the server answered.
    """

    result: LoginResult
    may_create: bool = False
    error_message: str = ""


class ConnectFailure(Enum):
    """Why no session was established."""

    TLS_UNSUPPORTED = auto()
    UNTRUSTED = auto()
    NOT_PERMITTED = auto()
    CLEAR_TEXT_PASSWORD = auto()
    NO_CONNECTION_LEFT = auto()
    WRONG_PASSWORD = auto()
    UNREACHABLE = auto()


class StatementFailure(Enum):
    """Why a statement of the admin failed."""

    INSUFFICIENT_PRIVILEGE = auto()
    CONNECTION_LOST = auto()
    OTHER = auto()


@dataclass(frozen=True, slots=True)
class CreateRole:
    """Creates the role with its password and its marker in one transaction."""

    role: str
    connection_limit: int
    marker: Marker
    password: SecretStr


@dataclass(frozen=True, slots=True)
class SetPassword:
    """Sets the password of the role."""

    role: str
    password: SecretStr


@dataclass(frozen=True, slots=True)
class CreateDatabase:
    """Creates the database, owned by the role and marked."""

    database: str
    role: str
    marker: Marker


@dataclass(frozen=True, slots=True)
class MarkDatabase:
    """Writes the marker as the comment of the database."""

    database: str
    role: str
    marker: Marker


@dataclass(frozen=True, slots=True)
class DropDatabase:
    """Drops the database with all its data."""

    database: str
    role: str


@dataclass(frozen=True, slots=True)
class DropRole:
    """Drops the role."""

    role: str


@dataclass(frozen=True, slots=True)
class AlterRole:
    """Sets the attributes of a plain login role and its connection limit."""

    role: str
    connection_limit: int
    # Only those that differ: before 16 PostgreSQL refuses the word NOSUPERUSER to an admin that is not a superuser.
    attributes: tuple[Attribute, ...]


@dataclass(frozen=True, slots=True)
class CommentRole:
    """Writes the marker as the comment of the role."""

    role: str
    marker: Marker


@dataclass(frozen=True, slots=True)
class GrantRoleToAdmin:
    """Makes the admin a member of the role, so that it can act as the role."""

    role: str


@dataclass(frozen=True, slots=True)
class RevokePublicConnect:
    """Revokes from PUBLIC the right to connect to the database."""

    database: str
    role: str


@dataclass(frozen=True, slots=True)
class OwnPublicSchema:
    """Makes the role the owner of schema public and revokes CREATE from PUBLIC (before PostgreSQL 15)."""

    database: str
    role: str


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """The address of a server and how to verify it; `ca` is a PEM bundle, None means the system's authorities."""

    host: str
    port: int
    ssl_mode: SslMode
    ca: str | None = None


@dataclass(frozen=True, slots=True)
class PostgresLogin:
    """A role and its password; `origin` names the Secret and the field of the spec, for messages."""

    username: str
    password: SecretStr
    origin: str


RoleChange = CreateRole | AlterRole | SetPassword | CommentRole | GrantRoleToAdmin | DropRole
DatabaseChange = CreateDatabase | RevokePublicConnect | OwnPublicSchema | MarkDatabase | DropDatabase
Change = RoleChange | DatabaseChange
