"""The changes that lead from the observed to the desired state of a PostgreSQL server."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import SecretStr

from harbor_operator.model.database import Attribute, Marker


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
class EnsureLogin:
    """Makes the role a second login of `owner`: its sessions act as the owner, so that it owns what they create."""

    role: str
    owner: str
    connection_limit: int
    marker: Marker
    password: SecretStr
    exists: bool


@dataclass(frozen=True, slots=True)
class RevokePassword:
    """Removes the password of the role, so that no one logs in with it."""

    role: str


@dataclass(frozen=True, slots=True)
class CreateDatabase:
    """Creates the database, owned by the role and marked.

    Until it is marked it permits no connection: that shows an interrupted creation.
    """

    database: str
    role: str
    marker: Marker


@dataclass(frozen=True, slots=True)
class FinishDatabase:
    """Marks a database whose creation stopped before that, and permits connections to it."""

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


RoleChange = (
    CreateRole | EnsureLogin | RevokePassword | AlterRole | SetPassword | CommentRole | GrantRoleToAdmin | DropRole
)
DatabaseChange = CreateDatabase | FinishDatabase | RevokePublicConnect | OwnPublicSchema | MarkDatabase | DropDatabase
Change = RoleChange | DatabaseChange
