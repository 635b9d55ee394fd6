"""The files of a node with which its container runtime trusts the CA of a registry, or pulls through a mirror."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from typing import NamedTuple

DIRECTORIES: Mapping[str, str] = {
    "containerd": "/etc/containerd/certs.d",
    "docker": "/etc/docker/certs.d",
    "crio": "/etc/containers/certs.d",
}
"""Where each runtime looks, with one folder for each registry host.

containerd: github.com/containerd/containerd docs/hosts.md; the others: containers-certs.d(5) and docker's manual.
"""
CA_FILE, HOSTS_FILE = "ca.crt", "hosts.toml"
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----\s[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")


class Endpoint(NamedTuple):
    """A registry that containerd asks: its URL, and the path of its CA file; empty for a public certificate."""

    url: str
    ca: str


def certificates(text: str) -> str:
    """Returns the certificates in a text as PEM; nothing else in it, such as a private key. Empty if one is invalid."""
    try:
        blocks = _CERTIFICATE.findall(text)
        found = "".join(ssl.DER_cert_to_PEM_cert(ssl.PEM_cert_to_DER_cert(block)) for block in blocks)
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=found)
    except (ValueError, ssl.SSLError):
        return ""
    return found


def hosts_toml(server: Endpoint) -> str:
    """Returns the file with which containerd trusts the CA of a registry."""
    # containerd 1.6 ignores a file without a table `[host]`. After the answer 404 of that host it asks `server`, and
    # without a CA of its own reports an unknown CA for a tag that does not exist.
    return f'{_server(server)}\n[host."{server.url}"]\nca = "{server.ca}"\n'


def mirror_toml(server: Endpoint, mirror: Endpoint, project: str) -> str:
    """Returns the file with which containerd pulls through a project of Harbor, and asks `server` if that fails."""
    # Harbor's path for a project is below /v2/, where containerd would add /v2/ again.
    lines = [
        f'[host."{mirror.url}/v2/{project}"]',
        'capabilities = ["pull", "resolve"]',
        "override_path = true",
        *([f'ca = "{mirror.ca}"'] if mirror.ca else []),
    ]
    return f"{_server(server)}\n" + "".join(f"{line}\n" for line in lines)


def _server(server: Endpoint) -> str:
    return f'server = "{server.url}"\n' + (f'ca = "{server.ca}"\n' if server.ca else "")
