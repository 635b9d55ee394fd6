"""A Harbor for the tests of logins, with an OpenID provider and an LDAP server that it can reach.

It is a stand-in of their own, or a real one if HARBOR_URL and HARBOR_TRUSTED_CA name it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr

from harbor_operator.adapters.harbor_configuration import HttpHarborConfiguration
from harbor_operator.model.harbor import HarborEndpoint, Login
from lab.certs import Authority
from lab.harbor.standalone import Standalone
from lab.oidc_provider import OidcProvider
from lab.process import LabError, Processes
from lab.slapd import Slapd
from tests.contract.real_harbor import real_harbor, trusted_authority

LDAP_PASSWORD = "Ldap-s3cr3t-0"
SETTINGS = HttpHarborConfiguration()
SECRETS = ("oidc_client_secret", "ldap_search_password")
NEVER_EMPTY = {"ldap_base_dn", "ldap_url"}
"""Settings that Harbor does not empty again; they are without effect in another mode."""


@dataclass(frozen=True)
class LoginServers:
    """The servers, all with certificates of one authority, which Harbor trusts."""

    admin: HarborEndpoint
    provider: OidcProvider
    directory: Slapd
    authority: Authority


@pytest.fixture(scope="module")
def login_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoginServers]:
    directory = tmp_path_factory.mktemp("logins")
    directory.parent.chmod(0o711)  # PostgreSQL runs as another user when the tests run as root
    directory.chmod(0o711)
    real, authority = real_harbor(), trusted_authority(directory / "ca")
    if real and not authority:
        pytest.skip("HARBOR_TRUSTED_CA names no authority that this Harbor trusts")
    processes = Processes(directory / "logs")
    try:
        authority = authority or Authority.create(directory / "ca")
        provider = OidcProvider(directory / "oidc", processes, authority)
        provider.start(refresh=True)
        slapd = Slapd.start(directory / "slapd", processes, authority, password=LDAP_PASSWORD)
        admin = real or _stand_in(directory, processes, authority)
        with _restored_settings(admin):
            yield LoginServers(admin, provider, slapd, authority)
    except LabError as error:
        pytest.skip(f"the servers cannot run here: {error}")
    finally:
        processes.stop_all()


@contextmanager
def _restored_settings(admin: HarborEndpoint) -> Iterator[None]:
    before = asyncio.run(SETTINGS.read_configuration(admin))
    yield
    after = asyncio.run(SETTINGS.read_configuration(admin))
    changed = {name: before[name].value for name, setting in after.items() if setting != before[name]}
    restored = {name: value for name, value in changed.items() if value or name not in NEVER_EMPTY}
    asyncio.run(SETTINGS.write_configuration(admin, {**restored, **dict.fromkeys(SECRETS, SecretStr(""))}))


def _stand_in(directory: Path, processes: Processes, authority: Authority) -> HarborEndpoint:
    standalone = Standalone.start(directory, processes, authority, environment=Slapd.client_environment())
    return HarborEndpoint(standalone.url, login=Login("admin", SecretStr(standalone.admin_password)))
