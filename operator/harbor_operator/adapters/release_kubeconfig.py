"""The kubeconfig of one Helm run: the operator's own API server, and the token of the release's service account."""

from __future__ import annotations

import base64
import json

from pydantic import SecretStr

from harbor_operator.adapters.kube_connection import ClusterConnection

_NAME = "release"


def release_kubeconfig(connection: ClusterConnection, token: SecretStr, namespace: str) -> bytes:
    """Returns a kubeconfig that reaches the operator's own API server as the holder of `token`.

    No credential of the operator's connection is part of it. Raises OSError when the file with the certificate
    authorities cannot be read.
    """
    cluster: dict[str, str | bool] = {"server": connection.server}
    if connection.insecure_skip_tls_verify:
        cluster["insecure-skip-tls-verify"] = True
    elif authorities := _authorities(connection):
        cluster["certificate-authority-data"] = base64.b64encode(authorities).decode()
    if connection.tls_server_name:
        cluster["tls-server-name"] = connection.tls_server_name
    if connection.proxy_url:
        cluster["proxy-url"] = connection.proxy_url
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": _NAME, "cluster": cluster}],
        "users": [{"name": _NAME, "user": {"token": token.get_secret_value()}}],
        "contexts": [{"name": _NAME, "context": {"cluster": _NAME, "user": _NAME, "namespace": namespace}}],
        "current-context": _NAME,
    }
    return json.dumps(content).encode()


def _authorities(connection: ClusterConnection) -> bytes:
    if connection.ca_data:
        return connection.ca_data.encode()
    return connection.ca_path.read_bytes() if connection.ca_path else b""
