"""The connection of a pod, and TLS as a connection asks for it."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from pydantic import SecretStr

from harbor_operator.adapters.kube_connection import TOKEN_LIFETIME_SECONDS, ClusterConnection, in_cluster, renew
from harbor_operator.ports import Refused


async def test_the_connection_of_a_pod_reads_its_token_again(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="automountServiceAccountToken"):
        in_cluster("10.0.0.1", 443, tmp_path)
    for name in ("token", "ca.crt"):
        (tmp_path / name).write_text("one\n")
    connection = in_cluster("fd00::1", "443", tmp_path)
    assert (connection.server, connection.ca_path) == ("https://[fd00::1]:443", tmp_path / "ca.crt")
    assert (connection.authorization, connection.valid_seconds) == (SecretStr("Bearer one"), TOKEN_LIFETIME_SECONDS)
    (tmp_path / "token").write_text("two\n")
    renewed = await renew(connection)
    assert renewed.authorization == SecretStr("Bearer two")
    assert renewed.has_same_transport(connection)
    assert renewed != connection


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy"])
def test_a_pod_reaches_its_api_server_without_a_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """Finding F8: also if NO_PROXY does not name the API server."""
    for name in ("token", "ca.crt"):
        (tmp_path / name).write_text("one\n")
    monkeypatch.setenv(variable, "http://proxy:3128")
    assert in_cluster("10.0.0.1", 443, tmp_path).proxy_url is None


def test_a_connection_shows_no_secret() -> None:
    key = SecretStr("-----BEGIN s3cr3t")
    connection = ClusterConnection(
        "https://a", SecretStr("Bearer s3cr3t"), client_key=key, proxy_url="http://user:s3cr3t@proxy"
    )
    assert "s3cr3t" not in repr(connection)


def test_tls_is_verified_unless_the_connection_says_otherwise() -> None:
    assert ClusterConnection("http://a").ssl_context() is None
    verified = ClusterConnection("https://a").ssl_context()
    assert verified is not None
    assert (verified.verify_mode, verified.check_hostname) == (ssl.CERT_REQUIRED, True)
    unverified = ClusterConnection("https://a", insecure_skip_tls_verify=True).ssl_context()
    assert unverified is not None
    assert (unverified.verify_mode, unverified.check_hostname) == (ssl.CERT_NONE, False)


def test_the_server_name_of_a_connection_replaces_the_host_name() -> None:
    context = ClusterConnection("https://10.0.0.1", tls_server_name="kubernetes.default").ssl_context()
    assert context is not None
    connection = context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="10.0.0.1")
    assert connection.server_hostname == "kubernetes.default"
