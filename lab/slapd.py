"""OpenLDAP's server with one user and the account that searches, over LDAP and LDAPS."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING

from lab.debian import locate
from lab.process import Processes, free_port, wait_until

if TYPE_CHECKING:
    from lab.certs import Authority

PACKAGES = ["slapd", "ldap-utils"]
HOST = "127.0.0.1"
BASE_DN = "dc=example,dc=com"
SEARCH_DN = f"cn=search,{BASE_DN}"
USER = "ada"
CONFIG = """
include {schema}/core.schema
include {schema}/cosine.schema
include {schema}/inetorgperson.schema
modulepath {modules}
moduleload back_mdb
TLSCACertificateFile {ca}
TLSCertificateFile {cert}
TLSCertificateKeyFile {key}
database mdb
directory {data}
suffix "{base}"
rootdn "{search}"
rootpw {password}
"""
ENTRIES = f"""
dn: {BASE_DN}
objectClass: dcObject
objectClass: organization
o: Example

dn: ou=people,{BASE_DN}
objectClass: organizationalUnit

dn: uid={USER},ou=people,{BASE_DN}
objectClass: inetOrgPerson
cn: Ada Example
sn: Example
mail: ada@example.com
"""


class Slapd:
    """A server whose `password` belongs to the account SEARCH_DN."""

    def __init__(self, directory: Path, processes: Processes, authority: Authority, *, password: str) -> None:
        self.password = password
        self.port, self.tls_port = free_port(), free_port()
        self._directory = directory
        self._processes = processes
        self._authority = authority
        self._server = locate("slapd", PACKAGES)

    @classmethod
    def start(cls, directory: Path, processes: Processes, authority: Authority, *, password: str) -> Slapd:
        """Starts a server with its entries. Raises LabError."""
        server = cls(directory, processes, authority, password=password)
        server._prepare()
        urls = f"ldap://{HOST}:{server.port} ldaps://{HOST}:{server.tls_port}"
        argv: list[str | Path] = [server._server.path, "-d", "0", "-f", server._config, "-h", urls]
        process = processes.start("slapd", argv, env=server._server.env)
        wait_until(server._listens, "slapd listens", deadline=20, process=process)
        return server

    @property
    def url(self) -> str:
        """The URL without TLS."""
        return f"ldap://{HOST}:{self.port}"

    @property
    def tls_url(self) -> str:
        """The URL with TLS and a certificate of the lab; OpenLDAP's clients compare 'localhost' with another name."""
        return f"ldaps://{HOST}:{self.tls_port}"

    @staticmethod
    def client_environment() -> dict[str, str]:
        """Returns what the stand-in of Harbor needs to be a client. Raises LabError."""
        client = locate("ldapsearch", PACKAGES)
        return {"LAB_LDAPSEARCH": str(client.path), "LAB_LDAP_LIBRARIES": client.env.get("LD_LIBRARY_PATH", "")}

    @property
    def _config(self) -> Path:
        return self._directory / "slapd.conf"

    def _prepare(self) -> None:
        root, data, entries = self._server.prefix or Path("/"), self._directory / "data", self._directory / "base.ldif"
        data.mkdir(parents=True)
        issued = self._authority.issue("slapd")
        self._config.touch(mode=0o600)
        self._config.write_text(
            CONFIG.format(
                schema=root / "etc/ldap/schema",
                modules=root / "usr/lib/ldap",
                ca=self._authority.ca_path,
                cert=issued.cert_path,
                key=issued.key_path,
                data=data,
                base=BASE_DN,
                search=SEARCH_DN,
                password=self.password,
            )
        )
        entries.write_text(ENTRIES)
        argv: list[str | Path] = [self._server.path, "-T", "add", "-f", self._config, "-l", entries]
        self._processes.run("slapadd", argv, env=self._server.env)

    def _listens(self) -> bool:
        with socket.create_connection((HOST, self.tls_port), timeout=5):
            return True
