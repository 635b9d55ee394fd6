"""What can be seen in a PostgreSQL server, and the wish it is held against."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto

_MARKER = re.compile(r"harbor-operator\.io registry=(?P<key>\S+) uid=(?P<uid>\S+)")


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


@dataclass(frozen=True, slots=True)
class DatabaseWish:
    """What a server is held against: one role that owns the databases, marked as this registry's."""

    role: str
    databases: tuple[WantedDatabase, ...]
    marker: Marker
    connection_limit: int
    min_version: int


@dataclass(frozen=True, slots=True)
class AdminSeen:
    """What the admin role may do."""

    name: str
    is_superuser: bool
    may_create_roles: bool
    may_create_databases: bool


class Attribute(StrEnum):
    """What makes a role a plain login role."""

    LOGIN = "may log in"
    NO_SUPERUSER = "is no superuser"
    NO_CREATEDB = "makes no databases"
    NO_CREATEROLE = "makes no roles"
    NO_REPLICATION = "does not replicate"
    NO_BYPASSRLS = "is bound by row security"
    NO_EXPIRY = "does not expire"


@dataclass(frozen=True, slots=True)
class RoleSeen:
    """Our role as it lies in the server; `lacking` is what keeps it from being a plain login role."""

    comment: str
    connection_limit: int
    lacking: tuple[Attribute, ...] = ()
    admin_is_member: bool = True
    sessions: int = 0


@dataclass(frozen=True, slots=True)
class DatabaseSeen:
    """A database as it lies in the server."""

    name: str
    owner: str
    comment: str
    is_open_to_public: bool


@dataclass(frozen=True, slots=True)
class ServerSeen:
    """One look at a server: the wanted databases that exist, and any other that our role owns."""

    version: int
    max_connections: int
    admin: AdminSeen
    role: RoleSeen | None = None
    databases: tuple[DatabaseSeen, ...] = field(default=())

    def database(self, name: str) -> DatabaseSeen | None:
        """Returns the database of that name, or None."""
        return next((database for database in self.databases if database.name == name), None)


class Answer(Enum):
    """How the server answered a login."""

    ACCEPTED = auto()
    WRONG_PASSWORD = auto()
    REFUSED = auto()


@dataclass(frozen=True, slots=True)
class LoginSeen:
    """How a login went; `may_create` tells whether it could make tables, `complaint` is the server's own sentence."""

    answer: Answer
    may_create: bool = False
    complaint: str = ""
