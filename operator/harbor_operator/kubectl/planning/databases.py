"""PostgreSQL: reads are real, and the statements of a change are recorded with its password masked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from typing_extensions import override

from harbor_operator.adapters.postgres_statements import masked_statements
from harbor_operator.kubectl.plan import Action
from harbor_operator.kubectl.planning.recorder import PlanEnds, Recorder
from harbor_operator.model.database import LoginResult, ObservedLogin, ObservedServer, PostgresLogin, PostgresServer
from harbor_operator.model.database_changes import Change, CreateDatabase, CreateRole, DatabaseChange
from harbor_operator.ports import Unavailable
from harbor_operator.ports.postgres import Postgres, PostgresSession


class PlannedPostgres(Postgres):
    """A server whose changes are recorded as statements."""

    def __init__(self, postgres: Postgres, recorder: Recorder) -> None:
        self._postgres = postgres
        self._recorder = recorder
        self._is_changed = False
        self._is_complete = False
        self._created: set[str] = set()

    @override
    @asynccontextmanager
    async def session(self, server: PostgresServer, admin: PostgresLogin) -> AsyncIterator[PostgresSession]:
        async with self._postgres.session(server, admin) as session:
            yield _PlannedSession(session, self)

    @override
    async def try_login(self, server: PostgresServer, login: PostgresLogin, database: str) -> ObservedLogin:
        if self._is_changed and not self._is_complete:
            self._is_complete = True
            raise PlanEnds  # the step of the database tries the login last, and it works only after the changes
        if database in self._created:
            return ObservedLogin(LoginResult.NO_DATABASE)
        if self._recorder.is_generated(login.password):
            if self._is_changed:
                raise Unavailable(f"the last migration of database '{database}', because its login is not set yet")
            return ObservedLogin(LoginResult.WRONG_PASSWORD)
        return await self._postgres.try_login(server, login, database)

    @override
    async def has_harbor_tables(self, server: PostgresServer, login: PostgresLogin, database: str) -> bool:
        if database in self._created:
            return False
        if self._is_changed or self._recorder.is_generated(login.password):
            raise Unavailable(f"whether database '{database}' has tables of Harbor, because its login is not set yet")
        return await self._postgres.has_harbor_tables(server, login, database)

    def record(self, changes: Sequence[Change], version: int) -> None:
        """Records the statements of the changes."""
        self._is_changed = True
        for change in changes:
            if isinstance(change, CreateDatabase):
                self._created.add(change.database)
            role = f"role '{change.role}'"
            subject = f"database '{change.database}'" if isinstance(change, DatabaseChange) else role
            action = Action.CREATE if isinstance(change, CreateRole | CreateDatabase) else Action.CHANGE
            self._recorder.record(action, subject, masked_statements(change, version))


class _PlannedSession(PostgresSession):
    def __init__(self, session: PostgresSession, postgres: PlannedPostgres) -> None:
        self._session = session
        self._postgres = postgres
        self._version = 0

    @override
    async def read(self, role: str, databases: Sequence[str]) -> ObservedServer:
        observed = await self._session.read(role, databases)
        self._version = observed.version
        return observed

    @override
    async def lock(self) -> bool:
        return True

    @override
    async def apply(self, changes: Sequence[Change]) -> None:
        self._postgres.record(changes, self._version)
