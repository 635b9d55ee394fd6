"""The section `spec.authentication` on a Harbor, a real OpenID provider and a real LDAP server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
import pytest_asyncio
from pydantic import SecretStr

from harbor_operator.adapters.harbor_api import API
from harbor_operator.adapters.harbor_configuration import HttpHarborConfiguration
from harbor_operator.adapters.harbor_http import HarborHttp, HttpRequest
from harbor_operator.adapters.harbor_login_probe import HttpHarborLoginProbe
from harbor_operator.adapters.oidc_provider import HttpOidcProvider
from harbor_operator.api.v1alpha1 import HarborRegistry
from harbor_operator.kubectl.authentication_checks import check_authentication
from harbor_operator.model.harbor import SettingValue
from harbor_operator.model.outcomes import Done
from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason
from harbor_operator.steps.attempt import attempt
from harbor_operator.steps.authentication import AuthenticationSection
from lab.slapd import BASE_DN, SEARCH_DN
from tests.contract.login_servers import LDAP_PASSWORD, LoginServers, login_servers  # noqa: F401 - a fixture
from tests.fakes.kube import FakeKube

pytestmark = pytest.mark.lab

HTTP = HarborHttp()
HARBOR, PROBE = HttpHarborConfiguration(HTTP), HttpHarborLoginProbe(HTTP)


class SectionFixture:
    """The section of one registry, whose Harbor is in the mode of the database."""

    def __init__(self, servers: LoginServers) -> None:
        self.servers = servers
        self.kube = FakeKube()
        self.kube.put("intra", "oidc", {"clientSecret": "client-s3cr3t"})
        self.kube.put("intra", "ldap", {"password": LDAP_PASSWORD})
        self.kube.put("intra", "ca", {"ca.crt": servers.authority.ca_pem})
        self.section = AuthenticationSection(self.kube, HARBOR, PROBE, HttpOidcProvider())

    def registry(self, authentication: dict[str, Any]) -> HarborRegistry:
        metadata = {"name": "cr", "namespace": "intra", "uid": "uid-1"}
        spec = {"externalURL": self.servers.admin.url, "authentication": authentication}
        return HarborRegistry.parse({"metadata": metadata, "spec": spec})

    async def reconcile(self, **authentication: Any) -> Done:
        outcome = await self.section.reconcile(self.registry(authentication), self.servers.admin)
        assert isinstance(outcome, Done)
        return outcome

    async def preflight(self, **authentication: Any) -> Reason:
        """Returns what `doctor` finds."""
        check = partial(check_authentication, self.kube, HttpOidcProvider())
        return (await attempt(check, self.registry(authentication))).reason

    async def refusal(self, **authentication: Any) -> Reason:
        """Returns why the section is not Done; Harbor's mode is as before."""
        try:
            await self.reconcile(**authentication)
        except (Refused, Unavailable) as error:
            assert await self.setting("auth_mode") == "db_auth"
            return error.reason
        pytest.fail("the spec was accepted")

    async def setting(self, name: str) -> SettingValue:
        return (await HARBOR.read_configuration(self.servers.admin))[name].value

    def oidc(self, **fields: Any) -> dict[str, Any]:
        client = {"name": "Example", "clientID": "web", "clientSecretRef": {"name": "oidc"}}
        return {**client, "endpoint": self.servers.provider.issuer, "caSecretRef": {"name": "ca"}, **fields}

    def ldap(self, **fields: Any) -> dict[str, Any]:
        account = {"baseDN": BASE_DN, "searchDN": SEARCH_DN, "searchPasswordSecretRef": {"name": "ldap"}}
        return {**account, "url": self.servers.directory.tls_url, "caSecretRef": {"name": "ca"}, **fields}


@pytest_asyncio.fixture
async def fixture(login_servers: LoginServers) -> AsyncIterator[SectionFixture]:  # noqa: F811
    await HARBOR.write_configuration(login_servers.admin, {"auth_mode": "db_auth"})
    yield SectionFixture(login_servers)
    await HARBOR.write_configuration(login_servers.admin, {"auth_mode": "db_auth"})


async def test_oidc_is_set_up_with_a_warning_while_the_provider_has_no_refresh_tokens(fixture: SectionFixture) -> None:
    fixture.servers.provider.start(refresh=False)
    outcome = await fixture.reconcile(oidc=fixture.oidc())
    (warning,) = outcome.warnings
    assert warning.code is Reason.OIDC_NO_REFRESH_TOKEN
    assert "Enable refresh tokens for Harbor's client at the provider" in warning.message
    assert await fixture.setting("auth_mode") == "oidc_auth"
    assert await fixture.setting("oidc_endpoint") == fixture.servers.provider.issuer
    fixture.servers.provider.start(refresh=True)
    assert await fixture.reconcile(oidc=fixture.oidc()) == Done(outcome.message)


async def test_a_wrong_provider_is_found_before_the_mode_is_switched(fixture: SectionFixture) -> None:
    issuer = fixture.servers.provider.issuer
    assert await fixture.refusal(oidc=fixture.oidc(endpoint=f"{issuer}/oauth")) is Reason.OIDC_ENDPOINT_INVALID
    assert await fixture.refusal(oidc=fixture.oidc(endpoint=f"{issuer}/")) is Reason.OIDC_ISSUER_MISMATCH
    elsewhere = issuer.replace("localhost", "127.0.0.1")
    assert await fixture.refusal(oidc=fixture.oidc(endpoint=elsewhere)) is Reason.OIDC_ISSUER_MISMATCH
    assert await fixture.refusal(oidc=fixture.oidc(caSecretRef=None)) is Reason.CERTIFICATE_UNTRUSTED
    assert await fixture.refusal(oidc=fixture.oidc(endpoint="https://127.0.0.1:1")) is Reason.OIDC_UNREACHABLE


async def test_what_the_provider_does_not_list_is_a_warning(fixture: SectionFixture) -> None:
    fields = {"scopes": ["openid", "offline_access", "teams"], "groupsClaim": "roles", "userClaim": "email"}
    outcome = await fixture.reconcile(oidc=fixture.oidc(**fields))
    codes = [warning.code for warning in outcome.warnings]
    assert codes == [Reason.OIDC_SCOPE_UNLISTED, Reason.OIDC_CLAIM_UNLISTED]


async def test_an_unverified_certificate_is_accepted_if_the_spec_says_so(fixture: SectionFixture) -> None:
    await fixture.reconcile(oidc=fixture.oidc(caSecretRef=None, verifyCertificate=False))
    assert await fixture.setting("oidc_verify_cert") is False


async def test_users_lock_the_mode(fixture: SectionFixture) -> None:
    admin = fixture.servers.admin
    body = {"username": "ada", "email": "ada@example.com", "realname": "Ada", "password": "Some-pass-1"}
    created = await HTTP.send(admin, HttpRequest("POST", f"{API}/users", body=body))
    assert created.status == 201
    assert await fixture.refusal(oidc=fixture.oidc()) is Reason.AUTH_MODE_LOCKED
    removed = await HTTP.send(admin, HttpRequest("DELETE", created.headers["Location"]))
    assert removed.status == 200
    await fixture.reconcile(oidc=fixture.oidc())


async def test_ldap_is_set_up_and_a_second_pass_writes_nothing(fixture: SectionFixture) -> None:
    outcome = await fixture.reconcile(ldap=fixture.ldap())
    assert await fixture.setting("auth_mode") == "ldap_auth"
    assert "ldap_search_password" in outcome.changes[0]
    assert (await fixture.reconcile(ldap=fixture.ldap())).changes == ()


async def test_a_wrong_directory_is_found_before_the_mode_is_switched(fixture: SectionFixture) -> None:
    assert await fixture.refusal(ldap=fixture.ldap(url="ldaps://127.0.0.1:1")) is Reason.LDAP_UNREACHABLE
    wrong = fixture.ldap(searchDN=f"cn=other,{BASE_DN}")
    assert await fixture.refusal(ldap=wrong) is Reason.LDAP_CREDENTIALS_REJECTED
    assert await fixture.refusal(ldap=fixture.ldap(baseDN="ou=absent,dc=example")) is Reason.LDAP_SEARCH_FAILED
    assert await fixture.refusal(ldap=fixture.ldap(filter="(cn=a")) is Reason.LDAP_SEARCH_FAILED


async def test_a_changed_password_reaches_harbor(fixture: SectionFixture) -> None:
    await fixture.reconcile(ldap=fixture.ldap())
    await HARBOR.write_configuration(fixture.servers.admin, {"ldap_search_password": SecretStr("Wrong-pass-1")})
    assert not await PROBE.try_ldap_search(fixture.servers.admin)
    fixture.kube.put("intra", "ldap", {"password": LDAP_PASSWORD})
    await fixture.kube.remove_secret("intra", "hreg-cr-authentication", {})
    assert (await fixture.reconcile(ldap=fixture.ldap())).changes == (
        "set ldap_search_password as `spec.authentication.ldap` says",
    )


async def test_doctor_finds_what_is_wrong_with_a_provider(fixture: SectionFixture) -> None:
    fixture.servers.provider.start(refresh=True)
    assert await fixture.preflight(oidc=fixture.oidc()) is Reason.CONVERGED
    issuer = fixture.servers.provider.issuer
    assert await fixture.preflight(oidc=fixture.oidc(endpoint=f"{issuer}/")) is Reason.OIDC_ISSUER_MISMATCH
    assert await fixture.preflight(oidc=fixture.oidc(clientSecretRef={"name": "absent"})) is Reason.SECRET_MISSING
    assert await fixture.preflight(ldap=fixture.ldap()) is Reason.CONVERGED
    assert await fixture.preflight(ldap=fixture.ldap(caSecretRef=None)) is Reason.CERTIFICATE_UNTRUSTED
    assert await fixture.preflight(ldap=fixture.ldap(caSecretRef=None, verifyCertificate=False)) is Reason.CONVERGED
    assert await fixture.preflight(ldap=fixture.ldap(url="ldaps://127.0.0.1:1")) is Reason.LDAP_UNREACHABLE
    assert await fixture.setting("auth_mode") == "db_auth"
