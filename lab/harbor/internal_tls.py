"""TLS between the processes of a release, from the environment that the chart sets; standard library only.

As Harbor's processes (src/common/http and src/registryctl of Harbor), a server asks for no certificate, and a client
trusts only the authority of the release and checks the name.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PORT = 8443
"""The port of core, jobservice, registryctl and Trivy with TLS."""
_SERVER_FILES = (
    ("INTERNAL_TLS_CERT_PATH", "INTERNAL_TLS_KEY_PATH"),
    ("SCANNER_API_SERVER_TLS_CERTIFICATE", "SCANNER_API_SERVER_TLS_KEY"),
)


def is_enabled(environ: Mapping[str, str]) -> bool:
    """Whether the process has certificates for internal TLS."""
    return environ.get("INTERNAL_TLS_ENABLED") == "true"


def server_context(environ: Mapping[str, str]) -> ssl.SSLContext | None:
    """Returns what a server uses; None without internal TLS. Raises OSError if its files cannot be used."""
    if not is_enabled(environ):
        return None
    certificate, key = next(names for names in _SERVER_FILES if names[0] in environ)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(environ[certificate], environ[key])
    return context


def client_context(environ: Mapping[str, str]) -> ssl.SSLContext | None:
    """Returns what a client uses; None without internal TLS. Raises OSError if its files cannot be used."""
    if not is_enabled(environ):
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(environ["INTERNAL_TLS_TRUST_CA_PATH"])
    context.load_cert_chain(environ["INTERNAL_TLS_CERT_PATH"], environ["INTERNAL_TLS_KEY_PATH"])
    return context
