"""TLS between the stand-ins, with certificates that the operator issues."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harbor_operator.adapters.certificates import issue_certificate, make_authority
from lab.harbor.internal_tls import client_context, is_enabled, server_context

SERVICE = "cr-harbor-registry"


def environment(folder: Path, names: list[str]) -> dict[str, str]:
    """Writes the files of one process as the chart mounts them, and returns its variables."""
    now = datetime.now(UTC)
    authority = make_authority(now)
    pair = issue_certificate(authority, names, now)
    files = {"tls.crt": pair.certificate, "tls.key": pair.key, "ca.crt": authority.certificate}
    for name, secret in files.items():
        (folder / name).write_text(secret.get_secret_value())
    return {
        "INTERNAL_TLS_ENABLED": "true",
        "INTERNAL_TLS_CERT_PATH": str(folder / "tls.crt"),
        "INTERNAL_TLS_KEY_PATH": str(folder / "tls.key"),
        "INTERNAL_TLS_TRUST_CA_PATH": str(folder / "ca.crt"),
    }


def handshake(server: ssl.SSLContext | None, client: ssl.SSLContext | None, host: str) -> None:
    """Connects both in memory. Raises SSLError."""
    assert server
    assert client
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname=host),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    while ends:
        for end in list(ends):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            ends.remove(end)


def test_a_client_accepts_the_name_of_the_service_only(tmp_path: Path) -> None:
    variables = environment(tmp_path, [SERVICE])
    handshake(server_context(variables), client_context(variables), SERVICE)
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(server_context(variables), client_context(variables), "127.0.0.1.example")


def test_a_client_refuses_another_authority(tmp_path: Path) -> None:
    folders = [tmp_path / "server", tmp_path / "client"]
    for folder in folders:
        folder.mkdir()
    server, client = (environment(folder, [SERVICE]) for folder in folders)
    with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"):
        handshake(server_context(server), client_context(client), SERVICE)


def test_trivy_has_variables_of_its_own(tmp_path: Path) -> None:
    variables = environment(tmp_path, [SERVICE])
    trivy = {
        "INTERNAL_TLS_ENABLED": "true",
        "SCANNER_API_SERVER_TLS_CERTIFICATE": variables["INTERNAL_TLS_CERT_PATH"],
        "SCANNER_API_SERVER_TLS_KEY": variables["INTERNAL_TLS_KEY_PATH"],
    }
    handshake(server_context(trivy), client_context(variables), SERVICE)


def test_without_internal_tls_there_is_no_context() -> None:
    assert not is_enabled({"INTERNAL_TLS_ENABLED": "false"})
    assert (server_context({}), client_context({})) == (None, None)
