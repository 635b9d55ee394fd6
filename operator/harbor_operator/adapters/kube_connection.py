"""Where the API server is, how it proves its identity, and the credential sent to it.

In a pod the connection comes from the mounted files of the service account. Outside a cluster it comes from a
kubeconfig (`kubeconfig.py`).
"""

from __future__ import annotations

import asyncio
import os
import ssl
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import aiohttp
from pydantic import SecretStr
from typing_extensions import override

from harbor_operator.adapters import tls
from harbor_operator.ports import Refused
from harbor_operator.reasons import Reason

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
TOKEN_LIFETIME_SECONDS = 60.0
"""How long a token file is not read again: the kubelet renews a projected token in place, long before it expires."""

KEEP_ALIVE_SECONDS = 90.0
"""Long, so that a namespace after a quiet minute does not wait for a TLS handshake."""

READ_BUFFER_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ClusterConnection:
    """The address of an API server, its trust anchors and the credential; `reload` returns a fresh one."""

    server: str
    authorization: SecretStr | None = None
    """Value of the Authorization header."""

    ca_path: Path | None = None
    ca_data: str | None = None
    client_cert: str | None = None
    client_key: SecretStr | None = None
    tls_server_name: str | None = None
    insecure_skip_tls_verify: bool = False
    proxy_url: str | None = field(default=None, repr=False)
    """May contain a login."""

    valid_seconds: float | None = field(default=None, compare=False)
    """How long the credential may be used before `reload`; None = until the server rejects it."""

    reload: Callable[[], ClusterConnection] | None = field(default=None, compare=False, repr=False)

    def ssl_context(self) -> ssl.SSLContext | None:
        """Returns the TLS settings, or None for a plain http:// server."""
        if not self.server.startswith("https://"):
            return None
        context = _create_context(self.tls_server_name)
        if self.insecure_skip_tls_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif self.ca_path or self.ca_data:
            ca_path = str(self.ca_path) if self.ca_path else None
            context.load_verify_locations(cafile=ca_path, cadata=_ca_data(self.ca_data))
        else:
            context.load_default_certs()
        if self.client_cert and self.client_key:
            _load_chain(context, self.client_cert + "\n" + self.client_key.get_secret_value())
        return context

    def has_same_transport(self, other: ClusterConnection) -> bool:
        """Whether an open session of the other connection can serve this one."""
        return _transport(self) == _transport(other)


async def renew(connection: ClusterConnection) -> ClusterConnection:
    """Returns the connection with a fresh credential; a plugin may run for seconds, so it runs in a thread."""
    return connection if connection.reload is None else await asyncio.to_thread(connection.reload)


def open_session(
    connection: ClusterConnection, connections: int, authorization: SecretStr | None = None
) -> aiohttp.ClientSession:
    """Returns a session with at most that many connections (0 = no limit); the caller closes it."""
    context = connection.ssl_context()
    connector = aiohttp.TCPConnector(
        limit=connections, ssl=context if context is not None else True, keepalive_timeout=KEEP_ALIVE_SECONDS
    )
    # Inside a cluster, compressing lists costs both sides more processor time than the network saves.
    headers = {"User-Agent": "harbor-operator", "Accept-Encoding": "identity"}
    if authorization:
        headers["Authorization"] = authorization.get_secret_value()
    return aiohttp.ClientSession(
        connector=connector,
        headers=headers,
        cookie_jar=aiohttp.DummyCookieJar(),
        read_bufsize=READ_BUFFER_BYTES,
        auto_decompress=False,
        proxy=connection.proxy_url,
    )


def in_cluster(host: str, port: str | int, folder: Path = SERVICE_ACCOUNT) -> ClusterConnection:
    """Returns the connection of a pod: the mounted token, read again as it is renewed, and the cluster's CA."""
    token, authority = folder / "token", folder / "ca.crt"
    for path in (token, authority):
        if not path.is_file():
            raise Refused(
                Reason.RIGHTS_MISSING,
                f"'{path}' does not exist: set `automountServiceAccountToken: true` on the pod, or give a kubeconfig",
            )
    bracketed = f"[{host}]" if ":" in host else host
    return ClusterConnection(
        server=f"https://{bracketed}:{port}",
        authorization=SecretStr(f"Bearer {token.read_text(encoding='utf-8').strip()}"),
        ca_path=authority,
        valid_seconds=TOKEN_LIFETIME_SECONDS,
        reload=partial(in_cluster, host, port, folder),
    )


def _transport(connection: ClusterConnection) -> tuple[object, ...]:
    return (
        connection.server,
        connection.ca_path,
        connection.ca_data,
        connection.client_cert,
        connection.client_key,
        connection.tls_server_name,
        connection.insecure_skip_tls_verify,
        connection.proxy_url,
    )


def _create_context(server_name: str | None) -> ssl.SSLContext:
    context = _ServerNameContext(ssl.PROTOCOL_TLS_CLIENT)
    context.server_name = server_name
    tls.set_verify_flags(context)
    return context


def _ca_data(bundle: str | None) -> str | None:
    try:
        return tls.normalized_bundle(bundle) if bundle else None
    except tls.InvalidCaBundle:
        text = "the certificate authority of the kubeconfig is not a PEM certificate: correct it"
        raise Refused(Reason.CERTIFICATE_UNTRUSTED, text) from None


class _ServerNameContext(ssl.SSLContext):
    """Asks for and checks `tls-server-name` of a kubeconfig, whatever host name the client library passes."""

    server_name: str | None = None

    @override
    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        return super().wrap_bio(incoming, outgoing, server_side, self.server_name or server_hostname, session)


def _load_chain(context: ssl.SSLContext, pem: str) -> None:
    # OpenSSL takes a client certificate from a file only: mkstemp makes it 0600, and it is removed at once.
    handle, path = tempfile.mkstemp(suffix=".pem")
    try:
        os.write(handle, pem.encode())
        os.close(handle)
        context.load_cert_chain(path)
    finally:
        Path(path).unlink()
