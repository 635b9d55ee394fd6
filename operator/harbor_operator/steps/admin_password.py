"""The password of Harbor's user admin: a changed one is set in Harbor, and a generated one is rotated on request.

Harbor reads `HARBOR_ADMIN_PASSWORD` at its first start only. The password that Harbor accepted last is therefore kept
in a Secret of the operator's own: with it the operator sets the next one. Each password is stored before it is set, so
a crash between two requests leaves a password that is known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import SecretStr

from harbor_operator.api.request_annotations import ROTATE_ADMIN_PASSWORD_REQUESTED_AT, read_request
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.admin_password import check_new_password, default_password_warnings, rotation_warnings
from harbor_operator.checks.configuration import check_admin
from harbor_operator.model.harbor import HarborEndpoint, Identity, Login
from harbor_operator.model.outcomes import StatusWarning
from harbor_operator.plan import names
from harbor_operator.plan.pull_secrets import is_strong
from harbor_operator.ports.harbor import Harbor
from harbor_operator.ports.harbor_accounts import HarborAccounts
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.steps.harbor_access import ADMIN, require_admin
from harbor_operator.steps.outcomes import raise_if_blocked
from harbor_operator.steps.own_secret import OwnSecret

PASSWORD, ROTATION = "password", "rotation"


@dataclass(frozen=True, slots=True)
class AcceptedAdmin:
    """The endpoint with a login that Harbor accepts, and what was changed for it."""

    endpoint: HarborEndpoint
    changes: tuple[str, ...] = ()
    warnings: tuple[StatusWarning, ...] = ()


class AdminPassword:
    """Makes Harbor accept the password in the Secret."""

    def __init__(
        self,
        kube: NamespaceResources,
        harbor: Harbor,
        accounts: HarborAccounts,
        make_password: Callable[[], SecretStr],
    ) -> None:
        self._kube = kube
        self._harbor = harbor
        self._accounts = accounts
        self._make_password = make_password
        self._accepted = OwnSecret(kube, names.accepted_admin_secret)
        self._generated = OwnSecret(kube, names.admin_secret)

    async def ensure(self, registry: HarborRegistry, access: HarborEndpoint) -> AcceptedAdmin:
        """Returns the administrator's endpoint after a login with it; BlockedError if Harbor rejects it."""
        login = await require_admin(self._kube, registry)
        admin = access.with_login(login)
        changes = await self._ensure_accepted(registry, admin)
        warnings = rotation_warnings(registry, _request(registry))
        if warnings or not await self._rotation_is_due(registry):
            default = default_password_warnings(registry, names.admin_secret(registry), login.password)
            return AcceptedAdmin(admin, changes, (*warnings, *default))
        rotated = access.with_login(Login(ADMIN, await self._store_new(registry)))
        return AcceptedAdmin(rotated, (*changes, *await self._ensure_accepted(registry, rotated)))

    async def remove(self, registry: HarborRegistry) -> None:
        """Deletes the Secret with the accepted password; the one that the spec names stays."""
        await self._accepted.remove(registry)

    async def _ensure_accepted(self, registry: HarborRegistry, admin: HarborEndpoint) -> tuple[str, ...]:
        """Sets the password in Harbor if it accepts only the one before, and records it."""
        changes: tuple[str, ...] = ()
        identity = await self._harbor.read_identity(admin)
        secret = names.admin_secret(registry)
        before = (await self._accepted.read(registry)).get(PASSWORD)
        if identity is not Identity.ADMIN and before and admin.login and before != admin.login.password:
            previous = admin.with_login(Login(ADMIN, before))
            if await self._harbor.read_identity(previous) is Identity.ADMIN:
                raise_if_blocked(check_new_password(registry, secret, strong=is_strong(admin.login.password)))
                await self._accounts.change_password(previous, admin.login.password)
                identity = await self._harbor.read_identity(admin)
                changes = (f"set the password of user 'admin' to the one in Secret '{secret}'",)
        raise_if_blocked(check_admin(registry, secret, identity))
        if admin.login is not None:
            await self._accepted.write(registry, {PASSWORD: admin.login.password})
        return changes

    async def _rotation_is_due(self, registry: HarborRegistry) -> bool:
        request, generated = _request(registry), await self._generated.read(registry)
        if not request or not generated:
            return False
        handled = generated.get(ROTATION)
        return handled is None or handled.get_secret_value() != request

    async def _store_new(self, registry: HarborRegistry) -> SecretStr:
        """Stores a new password together with the request, so that a crash does not rotate a second time."""
        password = self._make_password()
        values = {PASSWORD: password, ROTATION: SecretStr(_request(registry))}
        await self._generated.write(registry, values)
        return password


def _request(registry: HarborRegistry) -> str:
    return read_request(registry.metadata.annotations, ROTATE_ADMIN_PASSWORD_REQUESTED_AT)
