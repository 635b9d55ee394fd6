"""From Secrets to logins: the Swift account to use, made in RGW where the spec asks for that."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pydantic import SecretStr

from harbor_operator.api.base import SecretRef
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.diagnosis.references import place, unfit_for_header
from harbor_operator.outcomes import Blocked
from harbor_operator.plan import names
from harbor_operator.plan.storage import ProvisionWish, SwiftWish, plan_provisioning
from harbor_operator.ports.kube import Kube
from harbor_operator.ports.object_store import SwiftAccount
from harbor_operator.ports.rgw_admin import RgwAccess, RgwAdmin
from harbor_operator.reasons import Reason
from harbor_operator.steps.references import insist, read_bundle, read_values

SPEC = "spec.storage.swift"
SWIFT_KEYS = ("username", "password")
ADMIN_KEYS = ("accessKey", "secretKey")


class StorageAccounts:
    """Reads the logins a registry's spec names, and provisions the one for Swift."""

    def __init__(self, kube: Kube, rgw: RgwAdmin, make_password: Callable[[], SecretStr]) -> None:
        self._kube = kube
        self._rgw = rgw
        self._make_password = make_password

    async def provide(self, registry: HarborRegistry, wish: SwiftWish) -> SwiftAccount | Blocked:
        """Returns an account the store should know, after writing to RGW what it does not know yet."""
        if wish.provision is None:
            return await self.read_swift(registry, wish)
        access = await self.read_admin(registry, wish, wish.provision)
        await self._choose(registry, wish, wish.provision)
        account = await self.read_swift(registry, wish)
        return await self._provision(access, wish.provision, account) or account

    async def read_swift(self, registry: HarborRegistry, wish: SwiftWish) -> SwiftAccount:
        """Returns the account as the Secrets tell it; Refused if they tell none."""
        field = f"{SPEC}.credentialsSecretRef"
        username, password = await self._read(registry, wish.secret, field, SWIFT_KEYS)
        authorities = await read_bundle(self._kube, registry, wish.ca, f"{SPEC}.caSecretRef")
        ca_secret = wish.ca.name if wish.ca else ""
        return SwiftAccount(wish.auth_url, username.get_secret_value(), password, wish.secret, authorities, ca_secret)

    async def read_admin(self, registry: HarborRegistry, wish: SwiftWish, provision: ProvisionWish) -> RgwAccess:
        """Returns the access to the Admin Ops API as the Secrets tell it; Refused if they tell none."""
        field = f"{SPEC}.provision.adminSecretRef"
        access, secret = await self._read(registry, provision.admin_secret, field, ADMIN_KEYS)
        authorities = await read_bundle(self._kube, registry, wish.ca, f"{SPEC}.caSecretRef")
        ca_secret = wish.ca.name if wish.ca else ""
        return RgwAccess(
            provision.admin_url, access.get_secret_value(), secret, provision.admin_secret, authorities, ca_secret
        )

    async def _choose(self, registry: HarborRegistry, wish: SwiftWish, provision: ProvisionWish) -> None:
        """Makes the login's Secret if there is none; stored before it is set, so that a crash forgets no key."""
        if await self._kube.read_secret(registry.metadata.namespace, wish.secret) is None:
            await self._kube.ensure_secret(
                registry.metadata.namespace,
                wish.secret,
                lambda: {"username": SecretStr(provision.username), "password": self._make_password()},
                names.owner_labels(registry),
            )

    async def _provision(self, access: RgwAccess, wish: ProvisionWish, account: SwiftAccount) -> Blocked | None:
        """Looks at the RGW user and writes the difference."""
        uid, _, subuser = account.username.partition(":")
        if uid != wish.uid or not subuser:
            return Blocked(
                Reason.SECRET_INVALID,
                f"`username` in Secret '{account.secret}' is '{account.username}' but must be '{wish.uid}:SUBUSER', "
                f"because `{SPEC}.provision.uid` is '{wish.uid}'",
            )
        seen = await self._rgw.read_user(access, wish.uid)
        if seen is not None and seen.suspended:
            return Blocked(
                Reason.STORAGE_PROVISIONING_REFUSED,
                f"RGW user '{wish.uid}' is suspended: radosgw-admin user enable --uid={wish.uid}",
            )
        plan = plan_provisioning(wish, account.username, account.password, seen)
        if plan.create_user:
            await self._rgw.ensure_user(access, wish.uid, wish.display_name)
        if plan.set_quota is not None:
            await self._rgw.set_quota(access, wish.uid, plan.set_quota)
        if plan.set_login:
            await self._rgw.set_swift_login(access, account.username, account.password)
        return None

    async def _read(self, registry: HarborRegistry, name: str, field: str, keys: Sequence[str]) -> list[SecretStr]:
        values = await read_values(self._kube, registry, SecretRef(name=name), field, keys)
        where = place(registry.metadata.namespace, name)
        insist(unfit_for_header(where, field, dict(zip(keys, values, strict=True))))
        return values
