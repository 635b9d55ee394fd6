"""What we may ask of a PostgreSQL server: look, lock, change, and try a login."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from harbor_operator.model.database import Change, ObservedLogin, ObservedServer, PostgresLogin, PostgresServer


class PostgresSession(Protocol):
    """One connection of the admin; every call has a deadline."""

    async def read(self, role: str, databases: Sequence[str]) -> ObservedServer:
        """Returns the server, the role, the databases of these names and those that the role owns."""
        ...

    async def lock(self) -> bool:
        """Returns whether this session is now the only one that changes anything for an operator on this server."""
        ...

    async def apply(self, changes: Sequence[Change]) -> None:
        """Carries the changes out in order; Unavailable if somebody else got in between."""
        ...


class Postgres(Protocol):
    """A PostgreSQL server.

    Raises Unavailable when it does not answer, and Refused with a reason of its own for a rejected admin, a certificate
    that is not trusted, a server without TLS, or a right that the admin lacks.
    """

    def session(self, server: PostgresServer, admin: PostgresLogin) -> AbstractAsyncContextManager[PostgresSession]:
        """Opens a connection of the admin and closes it again; locks are gone with it."""
        ...

    async def try_login(self, server: PostgresServer, login: PostgresLogin, database: str) -> ObservedLogin:
        """Logs in as Harbor will, changes nothing, and returns how it went."""
        ...
