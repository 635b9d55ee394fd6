"""The Database step: the role, the databases and the login Secret, verified by a login with that Secret.

With `credentialsSecretRef`, and with an admin login that is Harbor's own, the login and the databases exist already and
are only verified.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from pydantic import SecretStr

from harbor_operator.api.backends import Database
from harbor_operator.api.base import CredentialsRef
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks import database as checks
from harbor_operator.checks.database_login import check_given_login, check_login, check_login_secret
from harbor_operator.checks.database_rotation import check_rotation
from harbor_operator.model.database import (
    DesiredDatabases,
    LoginResult,
    ObservedServer,
    PostgresLogin,
    PostgresServer,
)
from harbor_operator.model.outcomes import (
    NOT_REQUESTED,
    Blocked,
    ConditionType,
    Done,
    Outcome,
    Pending,
)
from harbor_operator.plan import names
from harbor_operator.plan.database import choose_role, plan_changes, plan_database, plan_removal
from harbor_operator.plan.deletion import why_retained
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.ports.postgres import Postgres, PostgresSession
from harbor_operator.reasons import Reason
from harbor_operator.steps.database_logins import (
    VerifiedLogins,
    check_second_login,
    read_logins,
    set_password,
    try_logins,
)
from harbor_operator.steps.database_rotation import DatabaseRotation, RotationTarget, with_second_role
from harbor_operator.steps.references import read_bundle, read_login

_ADMIN = "spec.database.adminSecretRef"
_CREDENTIALS = "spec.database.credentialsSecretRef"
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

    def __init__(
        self,
        kube: NamespaceResources,
        postgres: Postgres,
        make_password: Callable[[], SecretStr],
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self._kube = kube
        self._postgres = postgres
        self._make_password = make_password
        # Passwords that were set and did not lead to a login, by registry: a pooler has another one.
        self._useless: dict[str, SecretStr] = {}
        self._rotation = DatabaseRotation(kube, postgres, make_password, clock)

    async def reconcile(self, registry: HarborRegistry) -> Outcome:
        """Returns Done once a login with Harbor's Secret worked in every database."""
        database = registry.spec.database
        if database is None:
            return NOT_REQUESTED
        server = await self._server(registry, database)
        desired = plan_database(registry)
        if database.credentials_secret_ref:
            login = await self._read_login(registry, database.credentials_secret_ref, _CREDENTIALS)
            given = await self._verify_given_login(server, desired, login)
            refused = check_rotation(registry, is_own=False)
            return replace(given, warnings=(*given.warnings, refused)) if refused else given
        if database.admin_secret_ref is None:
            raise ValueError("the spec has neither an admin login nor one of Harbor")
        admin = await self._read_login(registry, database.admin_secret_ref, _ADMIN)
        return await self._reconcile_as_admin(registry, _Target(desired, server, admin))

    async def teardown(self, registry: HarborRegistry) -> Outcome:
        """Removes what carries this registry's marker if the deletion policy is Delete; Done in either case."""
        database = registry.spec.database
        if database is None:
            return NOT_REQUESTED
        desired = plan_database(registry)
        if database.admin_secret_ref is None:
            return Done(f"retained: the databases of `{_CREDENTIALS}`, because the operator did not create them")
        if why := why_retained(registry, "database"):
            kept = replace(desired, role=choose_role(registry, await self._read_username(registry), None))
            return Done(f"retained: {_parts(registry, kept)} ({why})")
        self._useless.pop(registry.metadata.uid, None)
        server = await self._server(registry, database)
        admin = await self._read_login(registry, database.admin_secret_ref, _ADMIN)
        return await self._remove(registry, _Target(desired, server, admin))

    async def _server(self, registry: HarborRegistry, database: Database) -> PostgresServer:
        ca = await read_bundle(self._kube, registry, database.ca_secret_ref, "spec.database.caSecretRef")
        return PostgresServer(database.host, database.port, database.ssl_mode, ca, database.maintenance_database)

    async def _read_login(self, registry: HarborRegistry, ref: CredentialsRef, field: str) -> PostgresLogin:
        username, password = await read_login(self._kube, registry, ref, field)
        return PostgresLogin(username, password, f"Secret '{ref.name}' (`{field}`)")

    async def _reconcile_as_admin(self, registry: HarborRegistry, target: _Target) -> Outcome:
        async with self._postgres.session(target.server, target.admin) as session:
            target = await self._with_role(session, registry, target)
            desired = target.desired
            observed = await self._read(session, desired)
            if checks.uses_admin_login(desired, observed):
                return await self._use_admin_login(registry, target)
            if blocked := check_second_login(registry, desired) or await self._check(registry, target, observed):
                return blocked
            login = await self._ensure_login(registry, desired)
            if isinstance(login, Blocked):
                return login
            if plan_changes(desired, observed, login.password) and (
                stopped := await self._change(session, registry, target, login)
            ):
                return stopped
            login = desired.second or login
            verified = await self._verify_login(session, registry, target, login)
            if not isinstance(verified, VerifiedLogins):
                return verified
            rotated = await self._rotation.advance(session, registry, RotationTarget(target.server, desired, login))
        warnings = (*checks.server_warnings(desired, observed), *verified.warnings, *rotated.warnings)
        return Done(_describe(desired, login), facts=verified.facts, warnings=warnings, changes=rotated.changes)

    async def _with_role(self, session: PostgresSession, registry: HarborRegistry, target: _Target) -> _Target:
        username = await self._read_username(registry)
        is_known = names.is_database_role(registry, username)
        earlier = None if is_known else await session.read(names.earlier_database_role(registry), ())
        role = choose_role(registry, username, earlier)
        logins = await read_logins(self._kube, registry)
        second = logins.active(registry) if logins.uses_second else None
        return replace(target, desired=replace(target.desired, role=role, second=second))

    async def _read_username(self, registry: HarborRegistry) -> str:
        secret = await self._kube.read_secret(registry.metadata.namespace, names.database_secret(registry))
        username = secret.values.get("username") if secret else None
        return username.get_secret_value() if username else ""

    async def _use_admin_login(self, registry: HarborRegistry, target: _Target) -> Outcome:
        """Verifies the admin login as Harbor's, and copies it to the Secret that the release reads."""
        outcome = await self._verify_given_login(target.server, target.desired, target.admin)
        if isinstance(outcome, Done):
            await self._kube.apply_secret(
                registry.metadata.namespace,
                names.database_secret(registry),
                {"username": SecretStr(target.admin.username), "password": target.admin.password},
                names.owner_labels(registry),
            )
        return outcome

    async def _verify_given_login(
        self, server: PostgresServer, desired: DesiredDatabases, login: PostgresLogin
    ) -> Outcome:
        """Logs in with a login that exists already, in every database; changes nothing in the server."""
        given = replace(desired, role=login.username)
        if blocked := check_given_login(login):
            return blocked
        verified = await try_logins(self._postgres, server, given, login)
        if isinstance(verified, Blocked):
            return verified
        message = f"a login with {login.origin}, {_role_and_databases(given)} worked; they are used as they are"
        return Done(message, facts=verified.facts, warnings=verified.warnings)

    async def _check(self, registry: HarborRegistry, target: _Target, observed: ObservedServer) -> Blocked | None:
        """Checks the server; a role that may be of another cluster needs a working login."""
        proven = False
        is_needed = checks.needs_login_proof(target.desired, observed)
        if is_needed and (login := (await read_logins(self._kube, registry)).active(registry)):
            existing = next((d.name for d in observed.databases if d.owner == target.desired.role), None)
            database = existing or target.server.maintenance_database
            tried = await self._postgres.try_login(target.server, login, database)
            proven = tried.result is LoginResult.ACCEPTED
        return checks.check_server(target.desired, observed, login_proven=proven)

    async def _ensure_login(self, registry: HarborRegistry, desired: DesiredDatabases) -> PostgresLogin | Blocked:
        # Stored before the role is created: a crash leaves a Secret without a role, never a role with a lost password.
        secret = await self._kube.ensure_secret(
            registry.metadata.namespace,
            names.database_secret(registry),
            lambda: {"username": SecretStr(desired.role), "password": self._make_password()},
            names.owner_labels(registry),
        )
        login = _login(secret.name, secret.values["username"], secret.values["password"])
        return check_login_secret(desired, login.username, login.password, secret.name) or login

    async def _read(self, session: PostgresSession, desired: DesiredDatabases) -> ObservedServer:
        observed = await session.read(desired.role, [database.name for database in desired.databases])
        if desired.second is None:
            return observed
        return replace(observed, second=(await session.read(desired.second.username, ())).role)

    async def _change(
        self, session: PostgresSession, registry: HarborRegistry, target: _Target, login: PostgresLogin
    ) -> Outcome | None:
        """Applies the changes that are still needed once the lock is held; returns what stopped it, or None."""
        if not await session.lock():
            return _BUSY
        observed = await self._read(session, target.desired)
        if blocked := await self._check(registry, target, observed):
            return blocked
        await session.apply(plan_changes(target.desired, observed, login.password))
        return None

    async def _verify_login(
        self, session: PostgresSession, registry: HarborRegistry, target: _Target, login: PostgresLogin
    ) -> Blocked | Pending | VerifiedLogins:
        """Logs in as Harbor does, in every database; a password that differs is set again, once."""
        uid = registry.metadata.uid
        verified = VerifiedLogins()
        for number, database in enumerate(target.desired.databases):
            tried = await self._postgres.try_login(target.server, login, database.name)
            is_wrong = tried.result is LoginResult.WRONG_PASSWORD
            if number == 0 and is_wrong and self._useless.get(uid) != login.password:
                if not await session.lock():
                    return _BUSY
                await session.apply([set_password(target.desired, login)])
                tried = await self._postgres.try_login(target.server, login, database.name)
            if tried.result is LoginResult.WRONG_PASSWORD:
                self._useless[uid] = login.password
            elif tried.result is LoginResult.ACCEPTED:
                self._useless.pop(uid, None)
            if failure := check_login(target.desired, database, tried, login):
                return failure
            verified = verified.with_login(database, tried)
        return verified

    async def _remove(self, registry: HarborRegistry, target: _Target) -> Outcome:
        async with self._postgres.session(target.server, target.admin) as session:
            if not await session.lock():
                return _BUSY
            desired = (await self._with_role(session, registry, target)).desired
            observed = await self._read(session, desired)
            if not checks.uses_admin_login(desired, observed):
                await session.apply(await with_second_role(session, desired, plan_removal(desired, observed)))
            left = await self._read(session, desired)
        # Last: whatever still exists in the server can be read only with these Secrets.
        own = [names.database_secret(registry), names.second_database_secret(registry)]
        secrets = own if left.role is None else []
        if left.role is None and not left.databases:
            secrets += names.data_secrets(registry)
        for secret in secrets:
            await self._kube.remove_secret(registry.metadata.namespace, secret, names.owner_labels(registry))
        return Done(checks.describe_retained(desired, left))


def _login(secret: str, username: SecretStr, password: SecretStr) -> PostgresLogin:
    return PostgresLogin(username.get_secret_value(), password, f"Secret '{secret}'")


def _describe(desired: DesiredDatabases, login: PostgresLogin) -> str:
    return f"a login with {login.origin}, {_role_and_databases(replace(desired, role=login.username))} worked"


def _parts(registry: HarborRegistry, desired: DesiredDatabases) -> str:
    return f"Secret '{names.database_secret(registry)}', {_role_and_databases(desired)}"


def _role_and_databases(desired: DesiredDatabases) -> str:
    databases = ", ".join(f"'{database.name}'" for database in desired.databases)
    return f"role '{desired.role}', databases {databases}"
