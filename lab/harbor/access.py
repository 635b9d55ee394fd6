"""Authentication and authorisation. Robot secrets and the admin's password are stored as salted SHA-256 only."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import string
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lab.harbor.errors import forbidden, unauthorized

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.harbor.state import Document

ITERATIONS = 4096
SECRET_CHARACTERS = 32
NEVER_EXPIRES = -1
PUBLIC_RIGHTS = {("repository", "pull"), ("repository", "list"), ("repository", "read"), ("project", "read")}
"""The rights of every user on a public project."""


@dataclass(frozen=True)
class Principal:
    """The sender of a request; the default is anonymous."""

    name: str = ""
    admin: bool = False
    robot: Document | None = field(default=None, repr=False)
    grants: Mapping[str, frozenset[str]] | None = None
    """With a bearer token: the only allowed actions, per project."""

    @property
    def authenticated(self) -> bool:
        """Whether the sender is authenticated."""
        return bool(self.name)

    def may(self, project: Document, resource: str, action: str) -> bool:
        """Whether the sender is allowed `action` on `resource` of the project."""
        if self.grants is not None:
            allowed = self.grants.get(project["name"], frozenset())
            return resource == "repository" and bool({action, "*"} & allowed)
        if self.admin or (project["metadata"].get("public") == "true" and (resource, action) in PUBLIC_RIGHTS):
            return True
        return any(
            permission["kind"] == "project" and permission["namespace"] in {"*", project["name"]}
            for permission in self._permissions(resource, action)
        )

    def lists(self, project: Document) -> bool:
        """Whether the sender finds the project in a list: a robot finds those in which it has any right."""
        permissions = (self.robot or {}).get("permissions", [])
        named = {permission["namespace"] for permission in permissions if permission["kind"] == "project"}
        return self.may(project, "project", "read") or not named.isdisjoint({"*", project["name"]})

    def may_in_system(self, resource: str, action: str) -> bool:
        """Whether the sender is allowed `action` on `resource` of the system."""
        return self.admin or any(one["kind"] == "system" for one in self._permissions(resource, action))

    def require_login(self) -> None:
        """Raises 401 unless the sender is authenticated."""
        if not self.authenticated:
            raise unauthorized()

    def require_system(self, resource: str, action: str) -> None:
        """Raises 401 or 403 unless the sender has the right in the system."""
        self.require_login()
        if not self.may_in_system(resource, action):
            raise forbidden()

    def require(self, project: Document, resource: str, action: str) -> None:
        """Raises 401 or 403 unless the sender has the right in the project."""
        if not self.may(project, resource, action):
            self.require_login()
            raise forbidden()

    def _permissions(self, resource: str, action: str) -> list[dict[str, Any]]:
        wanted = {(resource, action), (resource, "*"), ("*", "*")}
        return [
            permission
            for permission in (self.robot or {}).get("permissions", [])
            if any((one.get("resource"), one.get("action")) in wanted for one in permission["access"])
        ]


def basic_credentials(header: str) -> tuple[str, str] | None:
    """Returns user name and password of a basic Authorization header, or None."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (name, password) if colon else None


def hash_secret(secret: str) -> dict[str, str]:
    """Returns the stored form of a secret."""
    salt = secrets.token_hex(16)
    return {"salt": salt, "hash": _digest(secret, salt)}


def verifies(secret: str, document: Document) -> bool:
    """Whether `secret` matches the hash in the document."""
    return hmac.compare_digest(document["hash"], _digest(secret, document["salt"]))


def _digest(secret: str, salt: str) -> str:
    return hashlib.pbkdf2_hmac("sha256", secret.encode(), salt.encode(), ITERATIONS, 16).hex()


def usable(robot: Document) -> bool:
    """Whether a robot is enabled and not expired."""
    return not robot["disable"] and (robot["expires_at"] == NEVER_EXPIRES or robot["expires_at"] > time.time())


def is_strong(secret: str) -> bool:
    """Harbor's rule for passwords and robot secrets."""
    kinds = (string.ascii_uppercase, string.ascii_lowercase, string.digits)
    return 8 <= len(secret) <= 128 and all(set(secret) & set(kind) for kind in kinds)


def new_secret() -> str:
    """Returns a random secret that meets Harbor's rule."""
    while True:
        candidate = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(SECRET_CHARACTERS))
        if is_strong(candidate):
            return candidate
