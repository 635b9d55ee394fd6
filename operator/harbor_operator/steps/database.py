"""The Database step: the role, the databases and the login Secret, verified by a login with that Secret."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import SecretStr

from harbor_operator.api.backends import Database
from harbor_operator.api.v1alpha1 import DeletionPolicy, HarborRegistry
from harbor_operator.checks import database as checks
from harbor_operator.model.database import (
    DesiredDatabases,
    LoginResult,
    ObservedServer,
    PostgresLogin,
    PostgresServer,
    SetPassword,
)
from harbor_operator.model.outcomes import NOT_REQUESTED, Blocked, ConditionType, Done, Outcome, Pending
from harbor_operator.plan import names
from harbor_operator.plan.database import plan_changes, plan_database, plan_removal
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.ports.postgres import Postgres, PostgresSession
from harbor_operator.reasons import Reason
from harbor_operator.steps.references import read_bundle, read_login

_ADMIN = "spec.database.adminSecretRef"
_BUSY = Pending(
    Reason.DATABASE_BUSY,
    "another session holds the operator's lock on the PostgreSQL server of `spec.database.host`; it is tried again",
)


@dataclass(frozen=True, slots=True)
class _Target:
    """One server with the admin login for it."""

    desired: DesiredDatabases
    server: PostgresServer
    admin: PostgresLogin


class DatabaseStep:
    """Creates Harbor's role and databases in an existing PostgreSQL server."""

    condition_type = ConditionType.DATABASE
    depends_on: tuple[ConditionType, ...] = ()

    def __init__(self, kube: NamespaceResources, postgres: Postgres, make_password: Callable[[], SecretStr]) -> None:
        self._kube = kube
        self._postgres = postgres
        self._make_password = make_password

    async def reconcile(self, registry: HarborRegistry) -> Outcome:
        """Returns Done once a login with Harbor's Secret worked in every database."""
        if registry.spec.database is None:
            return NOT_REQUESTED
        target = await self._target(registry, registry.spec.database)
        desired = target.desired
        async with self._postgres.session(target.server, target.admin) as session:
            observed = await self._read(session, desired)
            if blocked := await self._check(registry, target, observed):
                return blocked
            login = await self._ensure_login(registry, desired)
            if isinstance(login, Blocked):
                return login
            if plan_changes(desired, observed, login.password) and (
                stopped := await self._change(session, desired, login)
            ):
                return stopped
            failure = await self._verify_login(session, target, login)
        return failure or Done(_describe(registry, desired), warnings=checks.server_warnings(desired, observed))

    async def teardown(self, registry: HarborRegistry) -> Outcome:
        """Removes what carries this registry's marker if the deletion policy is Delete; Done in either case."""
        if registry.spec.database is None:
            return NOT_REQUESTED
        desired = plan_database(registry)
        if registry.spec.deletion_policy.database is DeletionPolicy.RETAIN:
            return Done(f"retained: {_parts(registry, desired)} (`spec.deletionPolicy.database` is 'Retain')")
        target = await self._target(registry, registry.spec.database)
        return await self._remove(registry, target)

    async def _target(self, registry: HarborRegistry, database: Database) -> _Target:
        ref = database.admin_secret_ref
        username, password = await read_login(self._kube, registry, ref, _ADMIN)
        ca = await read_bundle(self._kube, registry, database.ca_secret_ref, "spec.database.caSecretRef")
        admin = PostgresLogin(username, password, f"Secret '{ref.name}' (`{_ADMIN}`)")
        server = PostgresServer(database.host, database.port, database.ssl_mode, ca)
        return _Target(plan_database(registry), server, admin)

    async def _check(self, registry: HarborRegistry, target: _Target, observed: ObservedServer) -> Blocked | None:
        """Checks the server; a role that was in use before this registry was recreated needs a working login."""
        proven = False
        if checks.is_recreated_while_in_use(target.desired, observed):
            login = await self._find_login(registry)
            existing = next((d.name for d in observed.databases if d.owner == target.desired.role), None)
            if login and existing:
                tried = await self._postgres.try_login(target.server, login, existing)
                proven = tried.result is LoginResult.ACCEPTED
        return checks.check_server(target.desired, observed, login_proven=proven)

    async def _find_login(self, registry: HarborRegistry) -> PostgresLogin | None:
        secret = await self._kube.read_secret(registry.metadata.namespace, names.database_secret(registry))
        if secret is None or not {"username", "password"} <= secret.values.keys():
            return None
        return _login(secret.name, secret.values["username"], secret.values["password"])

    async def _ensure_login(self, registry: HarborRegistry, desired: DesiredDatabases) -> PostgresLogin | Blocked:
        # Stored before the role is created: a crash leaves a Secret without a role, never a role with a lost password.
        secret = await self._kube.ensure_secret(
            registry.metadata.namespace,
            names.database_secret(registry),
            lambda: {"username": SecretStr(desired.role), "password": self._make_password()},
            names.owner_labels(registry),
        )
        login = _login(secret.name, secret.values["username"], secret.values["password"])
        return checks.check_login_secret(desired, login.username, login.password, secret.name) or login

    async def _read(self, session: PostgresSession, desired: DesiredDatabases) -> ObservedServer:
        return await session.read(desired.role, [database.name for database in desired.databases])

    async def _change(
        self, session: PostgresSession, desired: DesiredDatabases, login: PostgresLogin
    ) -> Outcome | None:
        """Applies the changes that are still needed once the lock is held; returns what stopped it, or None."""
        if not await session.lock():
            return _BUSY
        observed = await self._read(session, desired)
        # The login was verified before, or was not needed: only ownership can have changed meanwhile.
        if blocked := checks.check_server(desired, observed, login_proven=True):
            return blocked
        await session.apply(plan_changes(desired, observed, login.password))
        return None

    async def _verify_login(self, session: PostgresSession, target: _Target, login: PostgresLogin) -> Outcome | None:
        """Logs in as Harbor does, in every database; a password that differs is set again, once."""
        for number, database in enumerate(target.desired.databases):
            tried = await self._postgres.try_login(target.server, login, database.name)
            if number == 0 and tried.result is LoginResult.WRONG_PASSWORD:
                if not await session.lock():
                    return _BUSY
                await session.apply([SetPassword(target.desired.role, login.password)])
                tried = await self._postgres.try_login(target.server, login, database.name)
            if failure := checks.check_login(target.desired, database.name, tried, login.origin):
                return failure
        return None

    async def _remove(self, registry: HarborRegistry, target: _Target) -> Outcome:
        desired = target.desired
        async with self._postgres.session(target.server, target.admin) as session:
            if not await session.lock():
                return _BUSY
            await session.apply(plan_removal(desired, await self._read(session, desired)))
            left = await self._read(session, desired)
        if left.role is None:
            secret = names.database_secret(registry)
            await self._kube.remove_secret(registry.metadata.namespace, secret, names.owner_labels(registry))
        return Done(checks.describe_retained(desired, left))


def _login(secret: str, username: SecretStr, password: SecretStr) -> PostgresLogin:
    return PostgresLogin(username.get_secret_value(), password, f"Secret '{secret}'")


def _describe(registry: HarborRegistry, desired: DesiredDatabases) -> str:
    return f"a login with {_parts(registry, desired)} worked"


def _parts(registry: HarborRegistry, desired: DesiredDatabases) -> str:
    databases = ", ".join(f"'{database.name}'" for database in desired.databases)
    return f"Secret '{names.database_secret(registry)}', role '{desired.role}', databases {databases}"
