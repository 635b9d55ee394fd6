"""A Harbor of its own for the tests of logins, with an OpenID provider and an LDAP server that it can reach."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from pydantic import SecretStr

from harbor_operator.model.harbor import HarborEndpoint, Login
from lab.certs import Authority
from lab.harbor.standalone import Standalone
from lab.oidc_provider import OidcProvider
from lab.process import LabError, Processes
from lab.slapd import Slapd

LDAP_PASSWORD = "Ldap-s3cr3t-0"


@dataclass(frozen=True)
class LoginServers:
    """The servers, all with certificates of one authority, which Harbor trusts."""

    standalone: Standalone
    provider: OidcProvider
    directory: Slapd
    authority: Authority

    @property
    def admin(self) -> HarborEndpoint:
        return HarborEndpoint(self.standalone.url, login=Login("admin", SecretStr(self.standalone.admin_password)))


@pytest.fixture(scope="module")
def login_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoginServers]:
    directory = tmp_path_factory.mktemp("logins")
    directory.parent.chmod(0o711)  # PostgreSQL runs as another user when the tests run as root
    directory.chmod(0o711)
    processes = Processes(directory / "logs")
    try:
        authority = Authority.create(directory / "ca")
        provider = OidcProvider(directory / "oidc", processes, authority)
        provider.start(refresh=True)
        slapd = Slapd.start(directory / "slapd", processes, authority, password=LDAP_PASSWORD)
        standalone = Standalone.start(directory, processes, authority, environment=Slapd.client_environment())
        yield LoginServers(standalone, provider, slapd, authority)
    except LabError as error:
        pytest.skip(f"the servers cannot run here: {error}")
    finally:
        processes.stop_all()
