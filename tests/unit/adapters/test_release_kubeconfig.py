"""The kubeconfig of a Helm run: what is in it, and that it has no name."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from pathlib import Path
from typing import IO

import pytest
from pydantic import SecretStr

from harbor_operator.adapters.kube_connection import ClusterConnection
from harbor_operator.adapters.release_kubeconfig import anonymous_file, inherited_path, release_kubeconfig


def read_twice(file: IO[bytes]) -> bytes:
    """As Helm does: a child opens the path more than once."""
    path = inherited_path(file)
    done = subprocess.run(["cat", path, path], pass_fds=(file.fileno(),), capture_output=True, check=True)
    return done.stdout


def test_the_operators_own_credentials_are_left_out(tmp_path: Path) -> None:
    """Finding S1: Helm must not be able to act as the operator."""
    authorities = tmp_path / "ca.crt"
    authorities.write_text("-----CA-----")
    token_path = tmp_path / "token"
    token_path.write_text("own-token")
    own = ClusterConnection(
        "https://10.0.0.1:443",
        ca_path=authorities,
        token=SecretStr("own-token"),
        token_path=token_path,
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


def test_a_child_reads_it_as_often_as_it_likes_and_cannot_change_it(tmp_path: Path) -> None:
    with anonymous_file(b"content", tmp_path) as file:
        assert read_twice(file) == b"contentcontent"
        descriptor = os.open(inherited_path(file), os.O_RDWR)
        with pytest.raises(PermissionError):
            os.write(descriptor, b"x")
        os.close(descriptor)
    assert list(tmp_path.iterdir()) == []


def test_a_kernel_without_memory_files_gets_an_unlinked_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create")
    with anonymous_file(b"content", tmp_path / "home") as file:
        assert read_twice(file) == b"contentcontent"
        assert list((tmp_path / "home").iterdir()) == []
