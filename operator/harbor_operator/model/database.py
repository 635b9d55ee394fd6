"""PostgreSQL: what the server holds, what it must hold, and the changes between the two."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto

from pydantic import SecretStr

from harbor_operator.api.backends import SslMode


@dataclass(frozen=True, slots=True)
class Marker:
    """The comment that proves for which registry a role or a database was made."""

    key: str
    uid: str

    @property
    def comment(self) -> str:
        """The marker as it stands in the server."""
        return f"harbor-operator.io registry={self.key} uid={self.uid}"

    @classmethod
    def parse(cls, comment: str) -> Marker | None:
        """Returns the marker in a comment, or None if there is none."""
        found = _MARKER.fullmatch(comment)
        return cls(found["key"], found["uid"]) if found else None


@dataclass(frozen=True, slots=True)
class WantedDatabase:
    """A database that must exist, and the field of the spec that names it."""

    name: str
    path: str


class Attribute(StrEnum):
    """What makes a role a plain login role."""

    LOGIN = "may log in"
    NO_SUPERUSER = "is no superuser"
    NO_CREATEDB = "makes no databases"
    NO_CREATEROLE = "makes no roles"
    NO_REPLICATION = "does not replicate"
    NO_BYPASSRLS = "is bound by row security"
    NO_EXPIRY = "does not expire"


_MARKER = re.compile(r"harbor-operator\.io registry=(?P<key>\S+) uid=(?P<uid>\S+)")


@dataclass(frozen=True, slots=True)
class DesiredDatabases:
    """What a server is held against: one role that owns the databases, marked as this registry's."""

    role: str
    databases: tuple[WantedDatabase, ...]
    marker: Marker
    connection_limit: int
    min_version: int


@dataclass(frozen=True, slots=True)
class ObservedAdmin:
    """What the admin role may do."""

    name: str
    is_superuser: bool
    may_create_roles: bool
    may_create_databases: bool


@dataclass(frozen=True, slots=True)
class ObservedRole:
    """Our role as it lies in the server; `lacking` is what keeps it from being a plain login role."""

    comment: str
    connection_limit: int
    lacking: tuple[Attribute, ...] = ()
    admin_is_member: bool = True
    sessions: int = 0


@dataclass(frozen=True, slots=True)
class ObservedDatabase:
    """A database as it lies in the server."""

    name: str
    owner: str
    comment: str
    is_open_to_public: bool


@dataclass(frozen=True, slots=True)
class ObservedServer:
    """One look at a server: the wanted databases that exist, and any other that our role owns."""

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
    """How a login went; `may_create` tells whether it could make tables, `complaint` is the server's own sentence."""

    answer: LoginResult
    may_create: bool = False
    error_message: str = ""


@dataclass(frozen=True, slots=True)
class CreateRole:
    """Makes the role with its password and its marker: both or neither."""

    role: str
    connection_limit: int
    marker: Marker
    password: SecretStr


@dataclass(frozen=True, slots=True)
class SetPassword:
    """Makes the password of the role the one in its Secret."""

    role: str
    password: SecretStr


@dataclass(frozen=True, slots=True)
class CreateDatabase:
    """Makes the database, owned by the role and marked."""

    database: str
    role: str
    marker: Marker


@dataclass(frozen=True, slots=True)
class MarkDatabase:
    """Writes the marker on the database."""

    database: str
    role: str
    marker: Marker


@dataclass(frozen=True, slots=True)
class DropDatabase:
    """Removes the database and all that is in it."""

    database: str
    role: str


@dataclass(frozen=True, slots=True)
class DropRole:
    """Removes the role."""

    role: str


@dataclass(frozen=True, slots=True)
class AlterRole:
    """Brings the role back to a plain login with the wanted limit."""

    role: str
    connection_limit: int
    # Only what differs: before 16 the mere word NOSUPERUSER is refused to an admin who is no superuser.
    attributes: tuple[Attribute, ...]


@dataclass(frozen=True, slots=True)
class CommentRole:
    """Writes the marker on the role."""

    role: str
    marker: Marker


@dataclass(frozen=True, slots=True)
class GrantRoleToAdmin:
    """Lets the admin act for the role."""

    role: str


@dataclass(frozen=True, slots=True)
class RevokePublicConnect:
    """Takes from PUBLIC the right to connect."""

    database: str
    role: str


@dataclass(frozen=True, slots=True)
class OwnPublicSchema:
    """Gives schema public to the role and takes from PUBLIC the right to create in it (before PostgreSQL 15)."""

    database: str
    role: str


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """Where the server is and how it proves itself; `ca` is a PEM bundle, None means the system's authorities."""

    host: str
    port: int
    ssl_mode: SslMode
    ca: str | None = None


@dataclass(frozen=True, slots=True)
class PostgresLogin:
    """Who logs in; `origin` names the Secret and the field of the spec, for messages."""

    username: str
    password: SecretStr
    origin: str


RoleChange = CreateRole | AlterRole | SetPassword | CommentRole | GrantRoleToAdmin | DropRole
DatabaseChange = CreateDatabase | RevokePublicConnect | OwnPublicSchema | MarkDatabase | DropDatabase
Change = RoleChange | DatabaseChange
