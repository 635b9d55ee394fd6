"""Reads the logins for storage from Secrets, and provisions the Swift account in RGW if the spec asks for it."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import SecretStr

from harbor_operator.api.base import AccessKeyRef, CaRef, CredentialsRef
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.references import check_header_values, describe_secret
from harbor_operator.checks.rgw_user import check_rgw_user
from harbor_operator.model.outcomes import Blocked
from harbor_operator.model.storage import (
    SWIFT_SPEC,
    DesiredRgwUser,
    DesiredSwift,
    Provisioning,
    RgwEndpoint,
    SwiftAccount,
)
from harbor_operator.plan import names
from harbor_operator.plan.storage import plan_provisioning
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.ports.rgw_admin import RgwAdmin
from harbor_operator.steps.outcomes import raise_if_blocked
from harbor_operator.steps.references import read_bundle, read_credentials


class StorageAccounts:
    """Reads the logins that the spec refers to, and provisions the one for Swift."""

    def __init__(self, kube: NamespaceResources, rgw: RgwAdmin, make_password: Callable[[], SecretStr]) -> None:
        self._kube = kube
        self._rgw = rgw
        self._make_password = make_password

    async def provide(self, registry: HarborRegistry, desired: DesiredSwift) -> SwiftAccount | Blocked:
        """Returns the Swift account, after creating or correcting it in RGW if the spec asks for provisioning."""
        if desired.provision is None:
            return await self.read_swift(registry, desired)
        access = await self.read_admin(registry, desired, desired.provision)
        await ensure_login_secret(self._kube, registry, desired.secret, desired.provision.username, self._make_password)
        account = await self.read_swift(registry, desired)
        return await self._provision(access, desired.provision, account) or account

    async def read_swift(self, registry: HarborRegistry, desired: DesiredSwift) -> SwiftAccount:
        """Returns the account from its Secrets; BlockedError if they cannot be used."""
        field = f"{SWIFT_SPEC}.credentialsSecretRef"
        username, password = await read_header_values(self._kube, registry, desired.secret, field)
        authorities = await read_bundle(self._kube, registry, desired.ca, f"{SWIFT_SPEC}.caSecretRef")
        ca_secret = desired.ca.name if desired.ca else ""
        return SwiftAccount(
            desired.auth_url, username.get_secret_value(), password, desired.secret.name, authorities, ca_secret
        )

    async def read_admin(
        self, registry: HarborRegistry, desired: DesiredSwift, provision: DesiredRgwUser
    ) -> RgwEndpoint:
        """Returns the Admin Ops API for the container's user; BlockedError as `read_swift`."""
        return await read_rgw_endpoint(self._kube, registry, provision, desired.ca)

    async def _provision(self, access: RgwEndpoint, desired: DesiredRgwUser, account: SwiftAccount) -> Blocked | None:
        """Compares the RGW user with the spec and writes the difference."""
        observed = await self._rgw.read_user(access, desired.uid)
        if blocked := check_rgw_user(desired, account, observed):
            return blocked
        plan = plan_provisioning(desired, account.username, account.password, observed)
        await ensure_rgw_user(self._rgw, access, desired, plan)
        if plan.set_login:
            await self._rgw.set_swift_login(access, account.username, account.password)
        return None


async def ensure_login_secret(
    kube: NamespaceResources,
    registry: HarborRegistry,
    ref: CredentialsRef | AccessKeyRef,
    username: str,
    make_password: Callable[[], SecretStr],
) -> None:
    """Creates the Secret of a login if there is none; stored before the login is set, so that a crash loses no key."""
    if await kube.read_secret(registry.metadata.namespace, ref.name) is None:
        await kube.ensure_secret(
            registry.metadata.namespace,
            ref.name,
            lambda: dict(zip(ref.keys, (SecretStr(username), make_password()), strict=True)),
            names.owner_labels(registry),
        )


async def ensure_rgw_user(rgw: RgwAdmin, access: RgwEndpoint, desired: DesiredRgwUser, plan: Provisioning) -> None:
    """Creates the RGW user and sets its quota, as planned; its login is up to the caller."""
    if plan.create_user:
        await rgw.ensure_user(access, desired.uid, desired.display_name)
    if plan.set_quota is not None:
        await rgw.set_quota(access, desired.uid, plan.set_quota)


async def read_rgw_endpoint(
    kube: NamespaceResources, registry: HarborRegistry, provision: DesiredRgwUser, ca: CaRef | None
) -> RgwEndpoint:
    """Returns the Admin Ops API with its login; BlockedError if its Secrets cannot be used."""
    ref = provision.admin_secret
    access, secret = await read_header_values(kube, registry, ref, f"{provision.spec}.provision.adminSecretRef")
    authorities = await read_bundle(kube, registry, ca, f"{provision.spec}.caSecretRef")
    key, ca_secret = access.get_secret_value(), ca.name if ca else ""
    return RgwEndpoint(provision.admin_url, key, secret, ref.name, authorities, ca_secret, provision.spec)


async def read_header_values(
    kube: NamespaceResources, registry: HarborRegistry, ref: CredentialsRef | AccessKeyRef, field: str
) -> list[SecretStr]:
    """Returns both values of a login that is sent in headers; BlockedError if they cannot be used."""
    values = await read_credentials(kube, registry, ref, field, ref.keys)
    where = describe_secret(registry.metadata.namespace, ref.name)
    raise_if_blocked(check_header_values(where, field, dict(zip(ref.keys, values, strict=True))))
    return values
