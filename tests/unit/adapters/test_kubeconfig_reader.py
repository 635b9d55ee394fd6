"""A kubeconfig as kubectl reads it: logins, TLS and proxies; messages quote no part of the file."""

from __future__ import annotations

import json
import tempfile
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from kubernetes.client.configuration import Configuration
from kubernetes.config import kube_config
from pydantic import SecretStr

from harbor_operator.adapters.kube_connection import TOKEN_LIFETIME_SECONDS, renew
from harbor_operator.adapters.kubeconfig import from_kubeconfig
from harbor_operator.ports import Refused, Unavailable

SERVER = "server: https://10.0.0.1:6443/"
PLUGIN_VERSION = "client.authentication.k8s.io/v1"
PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)


def kubeconfig(folder: Path, user: str, cluster: str = SERVER) -> Path:
    path = folder / "config"
    path.write_text(
        f"clusters: [{{name: c, cluster: {{{cluster}}}}}]\nusers: [{{name: u, user: {{{user}}}}}]\n"
        "contexts: [{name: x, context: {cluster: c, user: u}}]\ncurrent-context: x\n"
    )
    return path


def plugin(folder: Path, **status: str) -> str:
    """Makes an exec plugin that returns this status, and the token `t<number>` of its call; returns the user entry."""
    credential = {"apiVersion": PLUGIN_VERSION, "kind": "ExecCredential", "status": {"token": "@", **status}}
    script = folder / "plugin"
    script.write_text(f"#!/bin/sh\necho x >> {folder}/calls\nn=$(wc -l < {folder}/calls)\n"
                      f"echo '{json.dumps(credential)}' | sed \"s/@/t$((n))/\"\n")  # fmt: skip
    script.chmod(0o700)
    return f"exec: {{apiVersion: {PLUGIN_VERSION}, command: ./plugin, interactiveMode: Never}}"


def test_a_token(tmp_path: Path) -> None:
    connection = from_kubeconfig(kubeconfig(tmp_path, "token: s3cr3t"))
    assert connection.server == "https://10.0.0.1:6443"
    assert connection.authorization == SecretStr("Bearer s3cr3t")
    assert connection.valid_seconds is None


def test_a_token_file_wins_over_a_token_and_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("fresh")
    connection = from_kubeconfig(kubeconfig(tmp_path, "token: stale, tokenFile: token"))
    assert connection.authorization == SecretStr("Bearer fresh")
    assert connection.valid_seconds == TOKEN_LIFETIME_SECONDS


def test_a_password(tmp_path: Path) -> None:
    connection = from_kubeconfig(kubeconfig(tmp_path, "username: u, password: p"))
    assert connection.authorization == SecretStr(f"Basic {b64encode(b'u:p').decode()}")


def test_certificates_stay_in_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    pem = {name: b64encode(name.encode()).decode() for name in ("authority", "certificate", "key")}
    user = f"client-certificate-data: {pem['certificate']}, client-key-data: {pem['key']}"
    cluster = f"{SERVER}, certificate-authority-data: {pem['authority']}"
    for _ in range(2):
        connection = from_kubeconfig(kubeconfig(tmp_path, user, cluster))
        assert (connection.ca_data, connection.client_cert) == ("authority", "certificate")
        assert connection.client_key == SecretStr("key")
    assert list(scratch.iterdir()) == []
    assert not [name for name in kube_config._temp_files.values() if Path(name).is_relative_to(scratch)]


def test_files_of_another_user_of_the_package_stay(tmp_path: Path) -> None:
    pem = b64encode(b"another authority").decode()
    path = kubeconfig(tmp_path, "token: t", f"{SERVER}, certificate-authority-data: {pem}")
    theirs = Configuration()
    kube_config.load_kube_config(str(path), client_configuration=theirs)  # type: ignore[no-untyped-call]
    from_kubeconfig(path)
    from_kubeconfig(
        kubeconfig(tmp_path, "token: t", f"{SERVER}, certificate-authority-data: {b64encode(b'x').decode()}")
    )
    assert Path(str(theirs.ssl_ca_cert)).read_text() == "another authority"


async def test_an_exec_plugin_runs_again_before_its_token_expires(tmp_path: Path) -> None:
    expiry = datetime.now(UTC) + timedelta(hours=1)
    user = plugin(tmp_path, expirationTimestamp=expiry.strftime("%Y-%m-%dT%H:%M:%SZ"))
    connection = from_kubeconfig(kubeconfig(tmp_path, user))
    assert connection.authorization == SecretStr("Bearer t1")
    assert connection.valid_seconds is not None
    assert 3500 < connection.valid_seconds <= 3540
    assert (await renew(connection)).authorization == SecretStr("Bearer t2")


def test_a_plugin_that_fails_is_named(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, f"exec: {{apiVersion: {PLUGIN_VERSION}, command: 'false'}}")
    with pytest.raises(Refused, match="`exec`"):
        from_kubeconfig(path)


def test_tls_settings(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cluster = f"{SERVER}, tls-server-name: api.internal, insecure-skip-tls-verify: true"
    connection = from_kubeconfig(kubeconfig(tmp_path, "token: t", cluster))
    assert (connection.tls_server_name, connection.insecure_skip_tls_verify) == ("api.internal", True)
    assert "`insecure-skip-tls-verify`" in caplog.text


@pytest.mark.parametrize(
    ("no_proxy", "proxy_url", "expected"),
    [
        ("", "", "http://env:1"),
        ("10.0.0.0/8", "", None),
        ("10.0.0.0/8", "http://explicit:2", "http://explicit:2"),
    ],
    ids=["environment", "exception", "explicit"],
)
def test_proxies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_proxy: str, proxy_url: str, expected: str | None
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://env:1")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    cluster = f"{SERVER}, proxy-url: '{proxy_url}'" if proxy_url else SERVER
    assert from_kubeconfig(kubeconfig(tmp_path, "token: t", cluster)).proxy_url == expected


@pytest.mark.parametrize(
    ("user", "cluster", "message"),
    [
        ("auth-provider: {name: azure}", SERVER, "auth provider 'azure'"),
        ("auth-provider: {name: oidc, config: {client-secret: s3cr3t}}", SERVER, "kubectl auth whoami"),
        ("token: s3cr3t", f"{SERVER}, proxy-url: 'socks5://s3cr3t@proxy'", "http:// or https://"),
        ("token: s3cr3t", "insecure-skip-tls-verify: true", "`server`"),
    ],
)
def test_an_unusable_kubeconfig_is_not_quoted(tmp_path: Path, user: str, cluster: str, message: str) -> None:
    with pytest.raises(Refused, match=message) as caught:
        from_kubeconfig(kubeconfig(tmp_path, user, cluster))
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("content", ["token: [s3cr3t", "s3cr3t", "users: s3cr3t", ""])
def test_a_broken_kubeconfig_is_not_quoted(tmp_path: Path, content: str) -> None:
    path = tmp_path / "config"
    path.write_text(content)
    with pytest.raises(Refused) as caught:
        from_kubeconfig(path)
    assert "s3cr3t" not in str(caught.value)


def test_a_missing_kubeconfig_or_context_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="absent"):
        from_kubeconfig(tmp_path / "absent")
    with pytest.raises(Refused, match="no entry 'other' in `contexts`"):
        from_kubeconfig(kubeconfig(tmp_path, "token: t"), "other")
