"""The real Helm takes a chart from a repository with a private certificate authority."""

from __future__ import annotations

import os
import ssl
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from harbor_operator.settings import Settings
from lab.certs import Authority
from lab.chart import LAB_CHART
from lab.gotools import program

pytestmark = pytest.mark.lab


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.create(tmp_path / "pki")


@pytest.fixture
def repository(tmp_path: Path, authority: Authority) -> Iterator[str]:
    """The URL of a repository with the lab's chart."""
    folder = tmp_path / "repository"
    folder.mkdir()
    for arguments in (["package", str(LAB_CHART), "--destination", str(folder)], ["repo", "index", str(folder)]):
        assert helm(tmp_path, {}, *arguments).returncode == 0
    issued = authority.issue("repository", hosts=["127.0.0.1"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.cert_path, issued.key_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(folder))) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"https://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def helm(home: Path, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs helm with as little environment as the operator gives it."""
    env = {"PATH": os.defpath, "HOME": str(home), **environment}
    argv = [str(program("helm")), *arguments]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, env=env)


def test_helm_trusts_the_authorities_of_the_setting(tmp_path: Path, authority: Authority, repository: str) -> None:
    """Finding F8."""
    environment = Settings(helm_ca_file=authority.ca_path).helm_environment()
    done = helm(tmp_path, environment, "show", "chart", "harbor", "--repo", repository)
    assert done.returncode == 0, done.stderr
    assert "name: harbor\n" in done.stdout


def test_helm_trusts_no_unknown_authority(tmp_path: Path, repository: str) -> None:
    environment = Settings().helm_environment()
    done = helm(tmp_path, environment, "show", "chart", "harbor", "--repo", repository)
    assert done.returncode != 0
    assert "certificate signed by unknown authority" in done.stderr
