"""The kubeconfig of a Helm run has the operator's connection and nothing of its credential."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from pydantic import SecretStr

from harbor_operator.adapters.kube_connection import ClusterConnection
from harbor_operator.adapters.release_kubeconfig import release_kubeconfig


def test_the_operators_own_credentials_are_left_out(tmp_path: Path) -> None:
    """Finding S1: Helm must not be able to act as the operator."""
    authorities = tmp_path / "ca.crt"
    authorities.write_text("-----CA-----")
    own = ClusterConnection(
        "https://10.0.0.1:443",
        SecretStr("Bearer own-token"),
        ca_path=authorities,
        client_cert="own-certificate",
        client_key=SecretStr("own-key"),
    )
    config = json.loads(release_kubeconfig(own, SecretStr("release-token"), "intra"))
    assert config["users"] == [{"name": "release", "user": {"token": "release-token"}}]
    assert "own-" not in json.dumps(config)
    (cluster,) = config["clusters"]
    assert base64.b64decode(cluster["cluster"]["certificate-authority-data"]) == b"-----CA-----"
    assert config["contexts"][0]["context"]["namespace"] == "intra"


def test_a_server_without_tls_has_no_authorities() -> None:
    config = json.loads(release_kubeconfig(ClusterConnection("http://127.0.0.1:8080"), SecretStr("t"), "intra"))
    assert config["clusters"][0]["cluster"] == {"server": "http://127.0.0.1:8080"}


def test_proxy_and_missing_verification_are_those_of_the_operator() -> None:
    own = ClusterConnection(
        "https://api.example.com", insecure_skip_tls_verify=True, proxy_url="http://proxy.example.com:3128"
    )
    config = json.loads(release_kubeconfig(own, SecretStr("t"), "intra"))
    assert config["clusters"][0]["cluster"] == {
        "server": "https://api.example.com",
        "insecure-skip-tls-verify": True,
        "proxy-url": "http://proxy.example.com:3128",
    }
