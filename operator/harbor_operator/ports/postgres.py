"""A PostgreSQL server as the operator uses it: read, lock, change, and try a login."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from harbor_operator.model.database import ObservedLogin, ObservedServer, PostgresLogin, PostgresServer
from harbor_operator.model.database_changes import Change


class PostgresSession(Protocol):
    """A session of the admin; every call has a deadline and raises as described at `Postgres`."""

    async def read(self, role: str, databases: Sequence[str]) -> ObservedServer:
        """Returns the server, the role, the databases of these names and those that the role owns. Changes nothing."""
        ...

    async def lock(self) -> bool:
        """Takes the lock of every operator that uses this maintenance database, until the session ends. Idempotent.

        Returns False if another session still holds it after a few seconds.
        """
        ...

    async def apply(self, changes: Sequence[Change]) -> None:
        """Carries out the changes in order; each is atomic, the sequence is not. A repetition is harmless.

        Raises Unavailable if another client changed the server in between, Refused(DATABASE_RIGHTS_MISSING) if the
        admin lacks a right.
        """
        ...


class Postgres(Protocol):
    """A PostgreSQL server.

    Raises Unavailable(DATABASE_UNREACHABLE) when it does not answer, Unavailable(DATABASE_CONNECTIONS_LOW) when it has
    no connection left, and Refused with DATABASE_CREDENTIALS_REJECTED (wrong password), DATABASE_LOGIN_FAILED (login
    not permitted, or a password in clear text requested), DATABASE_NOT_FOUND (no maintenance database),
    CERTIFICATE_UNTRUSTED or DATABASE_TLS_UNSUPPORTED.
    """

    def session(self, server: PostgresServer, admin: PostgresLogin) -> AbstractAsyncContextManager[PostgresSession]:
        """Opens a session of the admin and closes it at the end of the context. Raises on entry."""
        ...

    async def try_login(self, server: PostgresServer, login: PostgresLogin, database: str) -> ObservedLogin:
        """Logs in as Harbor will and returns the result, also that of a rejected login. Changes nothing."""
        ...
