"""The login providers as `doctor` checks them: what an OpenID provider says of itself, and the way to an LDAP server.

It needs the whole package, so `doctor` imports it only when it runs. No password is sent.
"""

from __future__ import annotations

import asyncio
import ssl
from urllib.parse import urlsplit

from harbor_operator.adapters import tls
from harbor_operator.api.authentication import Ldap, Oidc
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.checks.authentication import ldap_no_connection, ldap_untrusted
from harbor_operator.checks.oidc import oidc_warnings
from harbor_operator.model.outcomes import NOT_REQUESTED, Done, Outcome
from harbor_operator.plan.authentication import LDAP
from harbor_operator.ports.namespace_resources import NamespaceResources
from harbor_operator.ports.oidc_provider import OidcProvider
from harbor_operator.steps.authentication import read_oidc
from harbor_operator.steps.references import read_bundle, read_credentials

CONNECT_SECONDS = 10.0
_PORTS = {"ldap": 389, "ldaps": 636}


async def check_authentication(kube: NamespaceResources, provider: OidcProvider, registry: HarborRegistry) -> Outcome:
    """Returns Done if the Secrets can be used, and the provider can be reached and is the one of the spec."""
    if registry.spec.authentication is None:
        return NOT_REQUESTED
    login = registry.spec.authentication.kind
    if isinstance(login, Oidc):
        _, metadata = await read_oidc(kube, provider, registry, login)
        return Done(f"the OpenID provider at {login.endpoint} answers", warnings=oidc_warnings(login, metadata))
    return await _check_ldap(kube, registry, login)


async def _check_ldap(kube: NamespaceResources, registry: HarborRegistry, ldap: Ldap) -> Outcome:
    ref = ldap.search_password_secret_ref
    await read_credentials(kube, registry, ref, f"{LDAP}.searchPasswordSecretRef", [ref.key])
    ca = await read_bundle(kube, registry, ldap.ca_secret_ref, f"{LDAP}.caSecretRef")
    url = urlsplit(ldap.url)
    verifies = url.scheme == "ldaps" and ldap.verify_certificate
    context = tls.ssl_context(ca or "") if verifies else None
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(url.hostname, url.port or _PORTS[url.scheme], ssl=context)
    except ssl.SSLCertVerificationError as error:
        return ldap_untrusted(ldap, error.verify_message)
    except (OSError, TimeoutError) as error:
        return ldap_no_connection(ldap, str(error) or f"no answer within {CONNECT_SECONDS:g} s")
    writer.transport.abort()
    return Done(f"the LDAP server at {ldap.url} can be reached; its login is tested by Harbor, once it runs")
