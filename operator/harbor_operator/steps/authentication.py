"""The part of Configured that lets people log in through OIDC or LDAP.

The provider is checked first, then the settings are written, and `auth_mode` last: a wrong spec does not lock anyone
out. Harbor never returns a secret, so the digest of the one written last is kept in a Secret of the operator's own.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import SecretStr

from harbor_operator.api.authentication import Ldap, Oidc
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.authentication import (
    check_editable,
    check_ldap_ping,
    check_ldap_search,
    check_mode,
    check_supported,
    is_read_only,
)
from harbor_operator.checks.oidc import check_harbors_view, check_issuer, oidc_warnings
from harbor_operator.model.authentication import (
    AUTH_MODE,
    AuthenticationChange,
    DesiredAuthentication,
    OidcEndpoint,
    ProviderMetadata,
)
from harbor_operator.model.harbor import HarborEndpoint
from harbor_operator.model.outcomes import NOT_REQUESTED, Blocked, Done
from harbor_operator.plan import names
from harbor_operator.plan.authentication import (
    LDAP,
    OIDC,
    plan_authentication,
    plan_change,
    plan_connection,
    secret_digest,
)
from harbor_operator.ports import as_error
from harbor_operator.ports.harbor_configuration import HarborConfiguration
from harbor_operator.ports.harbor_login_probe import HarborLoginProbe
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.ports.oidc_provider import OidcProvider
from harbor_operator.steps.outcomes import raise_if_blocked
from harbor_operator.steps.own_secret import OwnSecret
from harbor_operator.steps.references import read_bundle, read_credentials

DIGEST = "digest"


class AuthenticationSection:
    """Checks the provider, writes the settings that differ, and switches `auth_mode` last."""

    def __init__(
        self, kube: NamespaceResources, harbor: HarborConfiguration, probe: HarborLoginProbe, provider: OidcProvider
    ) -> None:
        self._kube = kube
        self._written = OwnSecret(kube, names.authentication_secret)
        self._harbor = harbor
        self._probe = probe
        self._provider = provider

    def is_requested(self, registry: HarborRegistry) -> bool:
        """Whether the spec says how people log in."""
        return registry.spec.authentication is not None

    async def reconcile(self, registry: HarborRegistry, admin: HarborEndpoint) -> Done | Blocked:
        """Compares Harbor with the spec and writes the difference."""
        authentication = registry.spec.authentication
        if authentication is None:
            return NOT_REQUESTED
        login = authentication.kind
        return await (
            self._reconcile_oidc(registry, admin, login)
            if isinstance(login, Oidc)
            else self._reconcile_ldap(registry, admin, login)
        )

    async def remove(self, registry: HarborRegistry) -> None:
        """Deletes the record of the written secret; the settings stay in Harbor."""
        await self._written.remove(registry)

    async def _reconcile_oidc(self, registry: HarborRegistry, admin: HarborEndpoint, oidc: Oidc) -> Done:
        secret, metadata = await read_oidc(self._kube, self._provider, registry, oidc)
        desired = plan_authentication(oidc)
        plan = await self._plan(registry, admin, desired, secret)
        if plan.tests_server:
            accepted = await self._probe.try_oidc(admin, oidc.endpoint, verify=oidc.verify_certificate)
            raise_if_blocked(check_harbors_view(oidc, accepted=accepted))
        await self._write_settings(registry, admin, plan)
        await self._write_mode(admin, plan)
        message = f"users log in through OIDC at {oidc.endpoint}"
        return Done(message, warnings=oidc_warnings(oidc, metadata), changes=_changes(OIDC, plan))

    async def _reconcile_ldap(self, registry: HarborRegistry, admin: HarborEndpoint, ldap: Ldap) -> Done:
        ref = ldap.search_password_secret_ref
        (password,) = await read_credentials(self._kube, registry, ref, f"{LDAP}.searchPasswordSecretRef", [ref.key])
        plan = await self._plan(registry, admin, plan_authentication(ldap), password)
        if plan.tests_server:
            error = await self._probe.try_ldap(admin, plan_connection(ldap, password))
            if finding := check_ldap_ping(ldap, error):
                raise as_error(finding)
        await self._write_settings(registry, admin, plan)
        # Harbor searches with the settings that it has, so this test follows the write.
        raise_if_blocked(check_ldap_search(ldap, found=await self._probe.try_ldap_search(admin)))
        await self._write_mode(admin, plan)
        return Done(f"users log in through LDAP at {ldap.url}", changes=_changes(LDAP, plan))

    async def _plan(
        self, registry: HarborRegistry, admin: HarborEndpoint, desired: DesiredAuthentication, secret: SecretStr
    ) -> _Plan:
        """Reads Harbor's settings and returns what to write; BlockedError if Harbor would refuse it."""
        observed = await self._harbor.read_configuration(admin)
        written = (await self._written.read(registry)).get(DIGEST)
        change = plan_change(desired, observed, secret, written.get_secret_value() if written else "")
        raise_if_blocked(
            check_supported(desired, observed) or check_editable(change, observed) or check_mode(desired, observed)
        )
        return _Plan(desired, change, secret_digest(desired, secret), bool(change) or not is_read_only(observed))

    async def _write_settings(self, registry: HarborRegistry, admin: HarborEndpoint, plan: _Plan) -> None:
        if not plan.change.settings:
            return
        await self._harbor.write_configuration(admin, plan.change.settings)
        await self._written.write(registry, {DIGEST: SecretStr(plan.digest)})

    async def _write_mode(self, admin: HarborEndpoint, plan: _Plan) -> None:
        if plan.change.switches_mode:
            await self._harbor.write_configuration(admin, {AUTH_MODE: plan.desired.mode})


async def read_oidc(
    kube: NamespaceResources, provider: OidcProvider, registry: HarborRegistry, oidc: Oidc
) -> tuple[SecretStr, ProviderMetadata]:
    """Returns the client's secret and what the provider says; BlockedError if its issuer is not that of the spec."""
    ref = oidc.client_secret_ref
    (secret,) = await read_credentials(kube, registry, ref, f"{OIDC}.clientSecretRef", [ref.key])
    ca = await read_bundle(kube, registry, oidc.ca_secret_ref, f"{OIDC}.caSecretRef")
    metadata = await provider.read_provider(OidcEndpoint(oidc.endpoint, ca or "", oidc.verify_certificate))
    raise_if_blocked(check_issuer(oidc, metadata))
    return secret, metadata


@dataclass(frozen=True, slots=True)
class _Plan:
    """What to write, the digest of its secret, and whether Harbor can test the server, which it cannot if read-only."""

    desired: DesiredAuthentication
    change: AuthenticationChange
    digest: str
    tests_server: bool


def _changes(field: str, plan: _Plan) -> tuple[str, ...]:
    names_written = [*plan.change.settings, *([AUTH_MODE] if plan.change.switches_mode else [])]
    return (f"set {', '.join(names_written)} as `{field}` says",) if names_written else ()
