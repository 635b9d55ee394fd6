"""How the API server is reached: read from a kubeconfig or from the files a pod is given.

The kubeconfig is parsed here rather than by the `kubernetes` package: importing that package costs 30-45 MiB of a
budget of 120 MiB, and it leaves private keys behind in files of its own. What is not understood (exec plugins,
unverified TLS) is refused by name instead of being ignored.
"""

from __future__ import annotations

import base64
import os
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import SecretStr

from harbor_operator.ports import Refused, Unavailable
from harbor_operator.reasons import Reason

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, slots=True)
class ClusterConnection:
    """Where the API server is, whom it must prove to be, and who we are."""

    server: str
    ca_path: Path | None = None
    ca_data: str | None = None
    token: SecretStr | None = None
    token_path: Path | None = None
    client_cert: str | None = None
    client_key: SecretStr | None = None
    tls_server_name: str | None = None

    def tls(self) -> ssl.SSLContext | None:
        """Returns the TLS settings, or None for a plain http:// server."""
        if not self.server.startswith("https://"):
            return None
        context = ssl.create_default_context(cafile=str(self.ca_path) if self.ca_path else None, cadata=self.ca_data)
        if self.client_cert and self.client_key:
            _load_chain(context, self.client_cert + "\n" + self.client_key.get_secret_value())
        return context


def _load_chain(context: ssl.SSLContext, pem: str) -> None:
    # OpenSSL takes a client certificate from a file only: 0600 by mkstemp, and gone before anybody else looks.
    handle, path = tempfile.mkstemp(suffix=".pem")
    try:
        os.write(handle, pem.encode())
        os.close(handle)
        context.load_cert_chain(path)
    finally:
        Path(path).unlink()


def in_cluster(host: str, port: str | int, folder: Path = SERVICE_ACCOUNT) -> ClusterConnection:
    """Returns the connection of a pod: its mounted token (re-read as it is renewed) and the cluster's CA."""
    token, authority = folder / "token", folder / "ca.crt"
    for path in (token, authority):
        if not path.is_file():
            raise Refused(
                Reason.RIGHTS_MISSING,
                f"'{path}' does not exist: set `automountServiceAccountToken: true` on the pod, or give a kubeconfig",
            )
    bracketed = f"[{host}]" if ":" in host else host
    return ClusterConnection(server=f"https://{bracketed}:{port}", ca_path=authority, token_path=token)


def from_kubeconfig(path: Path, context: str = "") -> ClusterConnection:
    """Returns the connection of a kubeconfig's current (or the named) context."""
    config = _read_yaml(path)
    chosen = _named(config, "contexts", context or config.get("current-context", ""), path).get("context", {})
    cluster = _named(config, "clusters", chosen.get("cluster", ""), path).get("cluster", {})
    user = _named(config, "users", chosen.get("user", ""), path).get("user", {})
    _refuse_unknown(cluster, user, path)
    token = user.get("token")
    token_file = user.get("tokenFile")
    key = _pem(user, "client-key", path)
    return ClusterConnection(
        server=str(cluster.get("server", "")).rstrip("/"),
        ca_data=_pem(cluster, "certificate-authority", path),
        token=SecretStr(token) if token and not token_file else None,
        token_path=path.parent / token_file if token_file else None,
        client_cert=_pem(user, "client-certificate", path),
        client_key=SecretStr(key) if key else None,
        tls_server_name=cluster.get("tls-server-name"),
    )


def _read_yaml(path: Path) -> Mapping[str, Any]:
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Unavailable(f"the kubeconfig '{path}' cannot be read: {error.strerror}") from error
    except yaml.YAMLError:
        # The parser's message quotes the line it stumbled over, which may be a key.
        raise Refused(Reason.RIGHTS_MISSING, f"the kubeconfig '{path}' is not valid YAML") from None
    if not isinstance(config, dict):
        raise Refused(Reason.RIGHTS_MISSING, f"the kubeconfig '{path}' is not a YAML mapping")
    return config


def _named(config: Mapping[str, Any], section: str, name: str, path: Path) -> Mapping[str, Any]:
    for entry in config.get(section) or []:
        if entry.get("name") == name:
            found: Mapping[str, Any] = entry
            return found
    raise Refused(Reason.RIGHTS_MISSING, f"the kubeconfig '{path}' has no entry '{name}' in `{section}`")


def _refuse_unknown(cluster: Mapping[str, Any], user: Mapping[str, Any], path: Path) -> None:
    for key in ("exec", "auth-provider"):
        if key in user:
            raise Refused(
                Reason.RIGHTS_MISSING,
                f"the kubeconfig '{path}' logs in with `{key}`, which is not supported: give a token or a client "
                "certificate ('kubectl create token' makes a token)",
            )
    if cluster.get("insecure-skip-tls-verify"):
        raise Refused(
            Reason.CERTIFICATE_UNTRUSTED,
            f"the kubeconfig '{path}' sets `insecure-skip-tls-verify`: give `certificate-authority-data` instead",
        )


def _pem(entry: Mapping[str, Any], key: str, path: Path) -> str | None:
    if data := entry.get(f"{key}-data"):
        return base64.b64decode(data).decode()
    if name := entry.get(key):
        return Path(path.parent / str(name)).read_text(encoding="utf-8")
    return None
