"""The Database step: the role, the databases and the login Secret, proven by a login with that Secret."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import SecretStr

from harbor_operator.api.backends import Database
from harbor_operator.api.v1alpha1 import DeletionPolicy, HarborRegistry
from harbor_operator.diagnosis import database as diagnosis
from harbor_operator.diagnosis.database_seen import Answer, DatabaseWish, ServerSeen
from harbor_operator.outcomes import NOT_REQUESTED, Aspect, Blocked, Done, Outcome, Pending
from harbor_operator.plan import names
from harbor_operator.plan.database import SetPassword, plan_changes, plan_database, plan_removal
from harbor_operator.ports.kube import Kube
from harbor_operator.ports.postgres import Postgres, PostgresLogin, PostgresServer, PostgresSession
from harbor_operator.reasons import Reason
from harbor_operator.steps.references import read_bundle, read_login

_ADMIN = "spec.database.adminSecretRef"
_BUSY = Pending(
    Reason.DATABASE_BUSY,
    "another session holds the operator's lock on the PostgreSQL server of `spec.database.host`; looking again",
)


@dataclass(frozen=True, slots=True)
class _Target:
    """One server, and the admin who opens it."""

    wish: DatabaseWish
    server: PostgresServer
    admin: PostgresLogin


class DatabaseStep:
    """Makes Harbor's role and databases in an existing PostgreSQL server."""

    aspect = Aspect.DATABASE
    needs: tuple[Aspect, ...] = ()

    def __init__(self, kube: Kube, postgres: Postgres, make_password: Callable[[], SecretStr]) -> None:
        self._kube = kube
        self._postgres = postgres
        self._make_password = make_password

    async def converge(self, registry: HarborRegistry) -> Outcome:
        """Returns Done once a login with the Secret handed to Harbor worked in every database."""
        if registry.spec.database is None:
            return NOT_REQUESTED
        target = await self._target(registry, registry.spec.database)
        wish = target.wish
        async with self._postgres.session(target.server, target.admin) as session:
            seen = await self._read(session, wish)
            if obstacle := await self._obstacle(registry, target, seen):
                return obstacle
            login = await self._ensure_login(registry, wish)
            if isinstance(login, Blocked):
                return login
            if plan_changes(wish, seen, login.password) and (held := await self._change(session, wish, login)):
                return held
            trouble = await self._prove(session, target, login)
        return trouble or Done(_described(registry, wish), cautions=diagnosis.cautions(wish, seen))

    async def dismantle(self, registry: HarborRegistry) -> Outcome:
        """Returns Done; removes what carries this registry's marker, and only if the deletion policy says Delete."""
        if registry.spec.database is None:
            return NOT_REQUESTED
        wish = plan_database(registry)
        if registry.spec.deletion_policy.database is DeletionPolicy.RETAIN:
            kept = f"kept: {_parts(registry, wish)} (`spec.deletionPolicy.database` is 'Retain')"
            return Done(kept)
        target = await self._target(registry, registry.spec.database)
        return await self._remove(registry, target)

    async def _target(self, registry: HarborRegistry, database: Database) -> _Target:
        ref = database.admin_secret_ref
        username, password = await read_login(self._kube, registry, ref, _ADMIN)
        ca = await read_bundle(self._kube, registry, database.ca_secret_ref, "spec.database.caSecretRef")
        admin = PostgresLogin(username, password, f"Secret '{ref.name}' (`{_ADMIN}`)")
        server = PostgresServer(database.host, database.port, database.ssl_mode, ca)
        return _Target(plan_database(registry), server, admin)

    async def _obstacle(self, registry: HarborRegistry, target: _Target, seen: ServerSeen) -> Blocked | None:
        """Judges; a role in use since before this registry was recreated needs the proof of a working login."""
        proven = False
        if diagnosis.is_recreated_while_in_use(target.wish, seen):
            login = await self._find_login(registry)
            existing = next((d.name for d in seen.databases if d.owner == target.wish.role), None)
            if login and existing:
                tried = await self._postgres.try_login(target.server, login, existing)
                proven = tried.answer is Answer.ACCEPTED
        return diagnosis.obstacle(target.wish, seen, login_proven=proven)

    async def _find_login(self, registry: HarborRegistry) -> PostgresLogin | None:
        secret = await self._kube.read_secret(registry.metadata.namespace, names.database_secret(registry))
        if secret is None or not {"username", "password"} <= secret.values.keys():
            return None
        return _login(secret.name, secret.values["username"], secret.values["password"])

    async def _ensure_login(self, registry: HarborRegistry, wish: DatabaseWish) -> PostgresLogin | Blocked:
        # Stored before the role is made: a crash leaves a Secret without a role, never a role whose password is lost.
        secret = await self._kube.ensure_secret(
            registry.metadata.namespace,
            names.database_secret(registry),
            lambda: {"username": SecretStr(wish.role), "password": self._make_password()},
            names.owner_labels(registry),
        )
        login = _login(secret.name, secret.values["username"], secret.values["password"])
        return diagnosis.login_obstacle(wish, login.username, login.password, secret.name) or login

    async def _read(self, session: PostgresSession, wish: DatabaseWish) -> ServerSeen:
        return await session.read(wish.role, [database.name for database in wish.databases])

    async def _change(self, session: PostgresSession, wish: DatabaseWish, login: PostgresLogin) -> Outcome | None:
        """Makes the changes that are still needed once the lock is held; returns what stopped it, if anything did."""
        if not await session.lock():
            return _BUSY
        seen = await self._read(session, wish)
        # The login was proven before, or was not needed: what can have changed meanwhile is who owns what.
        if obstacle := diagnosis.obstacle(wish, seen, login_proven=True):
            return obstacle
        await session.apply(plan_changes(wish, seen, login.password))
        return None

    async def _prove(self, session: PostgresSession, target: _Target, login: PostgresLogin) -> Outcome | None:
        """Logs in as Harbor will, in every database; a password that drifted is set again, once."""
        for number, database in enumerate(target.wish.databases):
            tried = await self._postgres.try_login(target.server, login, database.name)
            if number == 0 and tried.answer is Answer.WRONG_PASSWORD:
                if not await session.lock():
                    return _BUSY
                await session.apply([SetPassword(target.wish.role, login.password)])
                tried = await self._postgres.try_login(target.server, login, database.name)
            if trouble := diagnosis.login_trouble(target.wish, database.name, tried, login.origin):
                return trouble
        return None

    async def _remove(self, registry: HarborRegistry, target: _Target) -> Outcome:
        wish = target.wish
        async with self._postgres.session(target.server, target.admin) as session:
            if not await session.lock():
                return _BUSY
            await session.apply(plan_removal(wish, await self._read(session, wish)))
            left = await self._read(session, wish)
        if left.role is None:
            secret = names.database_secret(registry)
            await self._kube.remove_secret(registry.metadata.namespace, secret, names.owner_labels(registry))
        return Done(diagnosis.describe_left(wish, left))


def _login(secret: str, username: SecretStr, password: SecretStr) -> PostgresLogin:
    return PostgresLogin(username.get_secret_value(), password, f"Secret '{secret}'")


def _described(registry: HarborRegistry, wish: DatabaseWish) -> str:
    return f"a login with {_parts(registry, wish)} worked"


def _parts(registry: HarborRegistry, wish: DatabaseWish) -> str:
    databases = ", ".join(f"'{database.name}'" for database in wish.databases)
    return f"Secret '{names.database_secret(registry)}', role '{wish.role}', databases {databases}"
