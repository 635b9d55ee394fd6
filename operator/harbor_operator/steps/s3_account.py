"""Reads the keys of an S3 bucket from their Secret, and provisions user and keys in RGW if the spec asks for it."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import SecretStr

from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.rgw_user import check_s3_user
from harbor_operator.model.s3 import DesiredS3, S3Account
from harbor_operator.model.storage import S3_SPEC, DesiredRgwUser, RgwEndpoint
from harbor_operator.plan.storage import plan_s3_provisioning
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.ports.rgw_admin import RgwAdmin
from harbor_operator.steps.outcomes import raise_if_blocked
from harbor_operator.steps.references import read_bundle
from harbor_operator.steps.storage_account import (
    ensure_login_secret,
    ensure_rgw_user,
    read_header_values,
    read_rgw_endpoint,
)


class S3Accounts:
    """Reads the keys that the spec refers to, and provisions them; BlockedError if they cannot be used."""

    def __init__(self, kube: NamespaceResources, rgw: RgwAdmin, make_password: Callable[[], SecretStr]) -> None:
        self._kube = kube
        self._rgw = rgw
        self._make_password = make_password

    async def provide(self, registry: HarborRegistry, desired: DesiredS3) -> S3Account:
        """Returns the account, after creating or correcting it in RGW if the spec asks for provisioning."""
        if desired.provision is None:
            return await self.read(registry, desired)
        access = await self.read_admin(registry, desired, desired.provision)
        await ensure_login_secret(self._kube, registry, desired.secret, desired.provision.username, self._make_password)
        account = await self.read(registry, desired)
        await self._provision(access, desired.provision, account)
        return account

    async def read(self, registry: HarborRegistry, desired: DesiredS3) -> S3Account:
        """Returns the account from its Secrets."""
        field = f"{S3_SPEC}.credentialsSecretRef"
        access_key, secret_key = await read_header_values(self._kube, registry, desired.secret, field)
        authorities = await read_bundle(self._kube, registry, desired.ca, f"{S3_SPEC}.caSecretRef")
        return S3Account(
            endpoint=desired.endpoint,
            region=desired.region,
            access_key=access_key.get_secret_value(),
            secret_key=secret_key,
            secret=desired.secret.name,
            ca_pem=authorities,
            ca_secret=desired.ca.name if desired.ca else "",
        )

    async def read_admin(self, registry: HarborRegistry, desired: DesiredS3, provision: DesiredRgwUser) -> RgwEndpoint:
        """Returns the Admin Ops API with the keys for it."""
        return await read_rgw_endpoint(self._kube, registry, provision, desired.ca)

    async def _provision(self, access: RgwEndpoint, desired: DesiredRgwUser, account: S3Account) -> None:
        """Writes what differs between the user of the keys and the spec."""
        observed = await self._rgw.read_user(access, desired.uid)
        raise_if_blocked(check_s3_user(desired, account, observed))
        plan = plan_s3_provisioning(desired, account.access_key, account.secret_key, observed)
        await ensure_rgw_user(self._rgw, access, desired, plan)
        if plan.set_login:
            await self._rgw.set_s3_key(access, desired.uid, account.access_key, account.secret_key)
