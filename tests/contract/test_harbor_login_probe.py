"""The HarborLoginProbe port on a Harbor that reaches a real OpenID provider and a real LDAP server."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from harbor_operator.adapters.harbor_configuration import HttpHarborConfiguration
from harbor_operator.adapters.harbor_login_probe import HttpHarborLoginProbe
from harbor_operator.model.authentication import LdapConnection
from lab.slapd import BASE_DN, SEARCH_DN
from tests.contract.login_servers import LDAP_PASSWORD, LoginServers, login_servers  # noqa: F401 - a fixture

pytestmark = pytest.mark.lab

PROBE, SETTINGS = HttpHarborLoginProbe(), HttpHarborConfiguration()


async def test_a_secret_is_written_and_never_read(login_servers: LoginServers) -> None:  # noqa: F811
    await SETTINGS.write_configuration(login_servers.admin, {"oidc_client_secret": SecretStr("s3cr3t")})
    assert "oidc_client_secret" not in await SETTINGS.read_configuration(login_servers.admin)


async def test_harbor_reads_a_provider_of_exactly_this_issuer(login_servers: LoginServers) -> None:  # noqa: F811
    admin, issuer = login_servers.admin, login_servers.provider.issuer
    assert await PROBE.try_oidc(admin, issuer, verify=True)
    assert not await PROBE.try_oidc(admin, f"{issuer}/", verify=True)
    assert not await PROBE.try_oidc(admin, "https://127.0.0.1:1", verify=False)


def connection(servers: LoginServers, password: str = LDAP_PASSWORD, url: str = "") -> LdapConnection:
    return LdapConnection(url or servers.directory.tls_url, SEARCH_DN, SecretStr(password), BASE_DN, 5, verify=True)


async def test_harbor_tries_a_login_at_the_directory(login_servers: LoginServers) -> None:  # noqa: F811
    admin = login_servers.admin
    assert await PROBE.try_ldap(admin, connection(login_servers)) == ""
    assert await PROBE.try_ldap(admin, connection(login_servers, url=login_servers.directory.url)) == ""
    assert "invalid credential" in await PROBE.try_ldap(admin, connection(login_servers, "Wrong-pass-1"))
    assert "network timeout" in await PROBE.try_ldap(admin, connection(login_servers, url="ldap://127.0.0.1:1"))


async def test_harbor_searches_with_the_settings_that_it_has(login_servers: LoginServers) -> None:  # noqa: F811
    admin = login_servers.admin
    settings = {"ldap_url": login_servers.directory.tls_url, "ldap_search_dn": SEARCH_DN, "ldap_base_dn": BASE_DN}
    await SETTINGS.write_configuration(admin, {**settings, "ldap_search_password": SecretStr(LDAP_PASSWORD)})
    assert await PROBE.try_ldap_search(admin)
    await SETTINGS.write_configuration(admin, {"ldap_base_dn": "dc=absent"})
    assert not await PROBE.try_ldap_search(admin)
    await SETTINGS.write_configuration(admin, {"ldap_base_dn": BASE_DN, "ldap_filter": "(cn=a"})
    assert not await PROBE.try_ldap_search(admin)
    await SETTINGS.write_configuration(admin, {"ldap_filter": ""})
