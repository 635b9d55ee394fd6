"""Gives Harbor another login of its databases while the login in use stays valid.

A role has one password, so two roles take turns: the owner of the databases, and a second one whose sessions act as the
owner. The one that is not in use gets a new password, and Harbor's pods change to it: each pod has username and
password of one login, whenever it starts. The other role loses its password only after every pod has changed, which the
release step records.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.database_failures import quoted
from harbor_operator.checks.database_login import check_login_secret
from harbor_operator.checks.database_rotation import (
    check_rotation,
    check_rotation_values,
    rotation_failed,
    rotation_request,
)
from harbor_operator.model.database import DesiredDatabases, MarkerMatch, PostgresLogin, PostgresServer
from harbor_operator.model.database_changes import (
    Change,
    DropRole,
    EnsureLogin,
    RevokePassword,
    RoleChange,
    SetPassword,
)
from harbor_operator.model.outcomes import Blocked, StatusWarning
from harbor_operator.model.release import GeneratedSecret, keyed_digest
from harbor_operator.plan import names
from harbor_operator.plan.generated_secrets import CORE_LOGIN_KEY, JOBSERVICE_LOGIN_KEY, SETTLED_LOGIN_KEY
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.ports.postgres import Postgres, PostgresSession
from harbor_operator.steps.database_logins import (
    ACTIVE,
    FIRST,
    PASSWORD,
    PREPARED,
    RETIRED,
    ROTATED_AT,
    ROTATION,
    SECOND,
    USERNAME,
    DatabaseLogins,
    read_logins,
    try_logins,
)
from harbor_operator.steps.own_secret import OwnSecret
from harbor_operator.steps.user_values import read_user_values

_OWN = frozenset({MarkerMatch.OURS, MarkerMatch.EARLIER})


@dataclass(frozen=True, slots=True)
class Rotated:
    """What was changed, each for an event, and why a rotation did not happen."""

    changes: tuple[str, ...] = ()
    warnings: tuple[StatusWarning, ...] = ()


@dataclass(frozen=True, slots=True)
class RotationTarget:
    """The server, Harbor's role with its databases, and the login that Harbor uses now."""

    server: PostgresServer
    desired: DesiredDatabases
    active: PostgresLogin


class DatabaseRotation:
    """Rotates the login of one registry on request and by age; each call continues where the last one stopped."""

    def __init__(
        self,
        kube: NamespaceResources,
        postgres: Postgres,
        make_password: Callable[[], SecretStr],
        clock: Callable[[], datetime] | None,
    ) -> None:
        """Without a clock nothing is rotated: a check of the database changes no login."""
        self._kube = kube
        self._postgres = postgres
        self._make_password = make_password
        self._clock = clock
        self._first = OwnSecret(kube, names.database_secret)
        self._second = OwnSecret(kube, names.second_database_secret)
        self._records = OwnSecret(kube, names.generated_secrets)
        # Passwords that were set for a rotation, by registry: one that does not log in is not set again at every pass.
        self._applied: dict[str, SecretStr] = {}

    async def advance(self, session: PostgresSession, registry: HarborRegistry, target: RotationTarget) -> Rotated:
        """Retires the login that no pod uses any more, then rotates if that is due; what fails is a warning."""
        if self._clock is None:
            return Rotated()
        logins = await read_logins(self._kube, registry)
        if refused := check_rotation(registry, is_own=bool(logins.first)):
            return Rotated(warnings=(refused,))
        now = self._clock()
        is_due = await self._is_due(registry, logins, now)
        has_other = logins.is_rotated or PREPARED in logins.first
        if not (is_due or has_other) or not await self._is_settled(registry, target.active):
            return Rotated()
        # The login in use works: that another one cannot be created must not stop the release.
        try:
            is_valid = has_other and logins.text(RETIRED) != self._other(target)
            if is_valid and not (is_due and logins.text(PREPARED) == self._other(target)):
                return await self._retire(session, registry, target)
            return await self._rotate(session, registry, target, logins, now) if is_due else Rotated()
        except (Refused, Unavailable) as error:
            return Rotated(warnings=(rotation_failed(f"the other one cannot be changed: {error}"),))

    async def _check_values(self, registry: HarborRegistry) -> StatusWarning | None:
        release = registry.spec.release
        sources = await read_user_values(self._kube, registry, release) if release else ()
        # Values that cannot be read are a finding of the release.
        return None if isinstance(sources, Blocked) else check_rotation_values(sources)

    async def _retire(self, session: PostgresSession, registry: HarborRegistry, target: RotationTarget) -> Rotated:
        if not await session.lock():
            return Rotated()
        other = self._other(target)
        found = (await session.read(other, ())).role
        if found and target.desired.marker.match(found.comment) not in _OWN:
            return Rotated(warnings=(rotation_failed(f"role '{other}' is not this registry's any more"),))
        await session.apply([RevokePassword(other)] if found else [])
        await self._first.update(registry, {RETIRED: SecretStr(other), PREPARED: None})
        return Rotated((f"removed the password of role '{other}', which Harbor no longer uses",))

    def _other(self, target: RotationTarget) -> str:
        owner = target.desired.role
        return names.second_database_role(owner) if target.active.username == owner else owner

    async def _is_due(self, registry: HarborRegistry, logins: DatabaseLogins, now: datetime) -> bool:
        request = rotation_request(registry)
        if request and request != logins.text(ROTATION):
            return True
        days = registry.spec.database.rotate_after_days if registry.spec.database else None
        if not days:
            return False
        if not logins.text(ROTATED_AT):
            await self._first.update(registry, {ROTATED_AT: SecretStr(now.isoformat())})
            return False
        return now >= datetime.fromisoformat(logins.text(ROTATED_AT)) + timedelta(days=days)

    async def _is_settled(self, registry: HarborRegistry, active: PostgresLogin) -> bool:
        """Returns whether every pod of the release has the login, jobservice after core."""
        stored = await self._records.read(registry)
        key = stored.get(GeneratedSecret.DIGEST_KEY)
        if key is None:
            return False
        login = keyed_digest(key, active.username, active.password.get_secret_value())
        record = stored.get(SETTLED_LOGIN_KEY if JOBSERVICE_LOGIN_KEY in stored else CORE_LOGIN_KEY)
        return record is not None and record.get_secret_value() == login

    async def _rotate(
        self,
        session: PostgresSession,
        registry: HarborRegistry,
        target: RotationTarget,
        logins: DatabaseLogins,
        now: datetime,
    ) -> Rotated:
        if refused := await self._check_values(registry):
            return Rotated(warnings=(refused,))
        if not await session.lock():
            return Rotated()
        desired = target.desired
        kept = await self._read_password(registry, target, logins)
        login = self._login(registry, target, kept or self._make_password())
        other = login.username
        change = await self._plan(session, desired, login)
        if isinstance(change, StatusWarning):
            return Rotated(warnings=(change,))
        # Before the role has it: a crash leaves a password that no pod and no role uses.
        await self._prepare(registry, target, login)
        failure = await self._find_failure(target, login) if kept else None
        if not kept or (failure and self._applied.get(registry.metadata.uid) != kept):
            await session.apply([change])
            self._applied[registry.metadata.uid] = login.password
            failure = await self._find_failure(target, login)
        if failure:
            return Rotated(warnings=(rotation_failed(f"the other one does not work: {failure.message}"),))
        done = {
            ACTIVE: SecretStr(FIRST if other == desired.role else SECOND),
            ROTATION: SecretStr(rotation_request(registry)),
            ROTATED_AT: SecretStr(now.isoformat()),
            PREPARED: None,
        }
        await self._first.update(registry, done)
        self._applied.pop(registry.metadata.uid, None)
        return Rotated((f"Harbor gets the login of role '{other}' for its databases",))

    async def _read_password(
        self, registry: HarborRegistry, target: RotationTarget, logins: DatabaseLogins
    ) -> SecretStr | None:
        """Returns the password of a rotation that did not complete: a pooler may have got a copy of it."""
        other = self._other(target)
        stored = logins.first if other == target.desired.role else await self._second.read(registry)
        if logins.text(RETIRED) == other or not {USERNAME, PASSWORD} <= stored.keys():
            return None
        username, password = stored[USERNAME].get_secret_value(), stored[PASSWORD]
        is_usable = check_login_secret(replace(target.desired, role=other), username, password, "") is None
        return password if is_usable else None

    def _login(self, registry: HarborRegistry, target: RotationTarget, password: SecretStr) -> PostgresLogin:
        other = self._other(target)
        name = names.database_secret if other == target.desired.role else names.second_database_secret
        return PostgresLogin(other, password, f"Secret '{name(registry)}'")

    async def _prepare(self, registry: HarborRegistry, target: RotationTarget, login: PostgresLogin) -> None:
        """Stores the login that is not in use, and that it is not retired any more."""
        changes: dict[str, SecretStr | None] = {PREPARED: SecretStr(login.username), RETIRED: None}
        if login.username == target.desired.role:
            changes[PASSWORD] = login.password
        else:
            await self._second.write(registry, {USERNAME: SecretStr(login.username), PASSWORD: login.password})
        await self._first.update(registry, changes)

    async def _find_failure(self, target: RotationTarget, login: PostgresLogin) -> Blocked | None:
        verified = await try_logins(self._postgres, target.server, target.desired, login)
        return verified if isinstance(verified, Blocked) else None

    async def _plan(
        self, session: PostgresSession, desired: DesiredDatabases, login: PostgresLogin
    ) -> RoleChange | StatusWarning:
        observed = await session.read(login.username, ())
        admin, found = observed.admin, observed.role
        if not (admin.is_superuser or admin.may_create_roles):
            return rotation_failed(
                f"role '{admin.name}' of `spec.database.adminSecretRef` lacks CREATEROLE; a superuser must run: "
                f"ALTER ROLE {quoted(admin.name)} CREATEROLE;"
            )
        if login.username == desired.role:
            return SetPassword(desired.role, login.password)
        if found and desired.marker.match(found.comment) not in _OWN:
            return rotation_failed(f"role '{login.username}' exists and was not created for this registry: drop it")
        limit = desired.connection_limit
        return EnsureLogin(login.username, desired.role, limit, desired.marker, login.password, found is not None)


async def with_second_role(
    session: PostgresSession, desired: DesiredDatabases, changes: Sequence[Change]
) -> Sequence[Change]:
    """Returns the changes of a removal, with the second login before the role that it acts as."""
    second = names.second_database_role(desired.role)
    if not any(isinstance(change, DropRole) for change in changes):
        return changes
    found = (await session.read(second, ())).role
    if found is None or desired.marker.match(found.comment) not in _OWN:
        return changes
    return [*changes[:-1], DropRole(second), changes[-1]]
