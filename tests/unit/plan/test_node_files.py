"""The files with which a container runtime trusts a CA, or pulls through a mirror."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from harbor_operator.plan.node_files import Endpoint, certificates, hosts_toml, mirror_toml
from lab.certs import Authority

SERVER = Endpoint("https://cr.example.com:8443", "/certs.d/cr.example.com:8443/ca.crt")
PUBLIC = Endpoint("https://registry-1.docker.io", "")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("authority"))


def test_only_certificates_are_taken(authority: Authority) -> None:
    certificate = authority.ca_path.read_text()
    key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
    assert certificates(f"# Our CA: Zürich\n{certificate}{key}{certificate}") == certificate * 2


@pytest.mark.parametrize("text", ["", "none", "-----BEGIN CERTIFICATE-----\n=\n-----END CERTIFICATE-----"])
def test_a_text_without_a_certificate(text: str) -> None:
    assert certificates(text) == ""


def test_one_invalid_certificate_refuses_all(authority: Authority, tmp_path: Path) -> None:
    certificate = authority.ca_path.read_text()
    assert certificates(f"{certificate}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----") == ""


def test_containerd_trusts_a_registry_with_and_without_the_table() -> None:
    assert tomllib.loads(hosts_toml(SERVER)) == {
        "server": SERVER.url,
        "ca": SERVER.ca,
        "host": {SERVER.url: {"ca": SERVER.ca}},
    }


def test_containerd_asks_the_project_first_and_the_upstream_then() -> None:
    url = "https://cr.example.com:8443/v2/dockerhub"
    mirror = {"capabilities": ["pull", "resolve"], "override_path": True}
    assert tomllib.loads(mirror_toml(PUBLIC, SERVER, "dockerhub")) == {
        "server": PUBLIC.url,
        "host": {url: {**mirror, "ca": SERVER.ca}},
    }
    assert tomllib.loads(mirror_toml(SERVER, PUBLIC, "hub")) == {
        "server": SERVER.url,
        "ca": SERVER.ca,
        "host": {"https://registry-1.docker.io/v2/hub": mirror},
    }
