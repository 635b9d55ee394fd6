"""The configuration of node-trust: what it means, and what is refused, by its field."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from harbor_operator.node_trust.configuration import ConfigurationError, RegistryMirror, read_configuration
from lab.certs import Authority

HOSTS = ["cr.example.com", "cr.example.com:8443", "localhost:5000", "192.0.2.1", "[2001:db8::1]:8443"]
MIRROR = {"registry": "cr.example.com", "project": "dockerhub"}


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> str:
    return Authority.create(tmp_path_factory.mktemp("authority")).ca_path.read_text()


def folder(path: Path, content: Any, **files: str) -> Path:
    path.mkdir(exist_ok=True)
    (path / "config.json").write_text(content if isinstance(content, str) else json.dumps(content))
    for name, text in files.items():
        (path / name).write_text(text)
    return path


@pytest.mark.parametrize("host", HOSTS)
def test_an_authority_is_read_from_its_file(host: str, ca: str, tmp_path: Path) -> None:
    found = read_configuration(folder(tmp_path, {"authorities": {host: "ca"}}, ca=f"# comment\n{ca}"))
    assert found == ({host: ca}, {})


def test_a_mirror_falls_back_to_the_registry_itself(tmp_path: Path) -> None:
    found = read_configuration(
        folder(tmp_path, {"mirrors": {"docker.io": MIRROR, "quay.io": {**MIRROR, "upstream": "https://q.example.com"}}})
    )
    assert found.mirrors == {
        "docker.io": RegistryMirror("cr.example.com", "dockerhub", "https://registry-1.docker.io"),
        "quay.io": RegistryMirror("cr.example.com", "dockerhub", "https://q.example.com"),
    }
    other = read_configuration(folder(tmp_path, {"mirrors": {"ghcr.io": MIRROR}}))
    assert other.mirrors["ghcr.io"].upstream == "https://ghcr.io"


def test_an_empty_configuration_is_valid(tmp_path: Path) -> None:
    assert read_configuration(folder(tmp_path, {})) == ({}, {})


def test_all_files_are_those_of_one_configmap(ca: str, tmp_path: Path) -> None:
    """The kubelet replaces the link `..data`; the files are links to files below it."""
    data = folder(tmp_path / "..now", {"authorities": {"cr.example.com": "ca"}}, ca=ca)
    mount = folder(tmp_path / "mount", "", ca="another")
    (mount / "config.json").unlink()
    (mount / "config.json").symlink_to(data / "config.json")
    assert read_configuration(mount).authorities == {"cr.example.com": ca}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "`config.json` is not JSON"),
        ([], "`config.json` must be an object"),
        ({"hosts": {}}, "`config.json` has the unknown field 'hosts'"),
        ({"authorities": []}, "`authorities` must be an object"),
        ({"authorities": {"..": "ca"}}, "`authorities` contains '..'; it must be HOST[:PORT]"),
        ({"authorities": {"a/b": "ca"}}, "`authorities` contains 'a/b'"),
        ({"authorities": {'a"b': "ca"}}, "`authorities` contains 'a\"b'"),
        ({"authorities": {"cr.example.com": "../ca"}}, "`authorities.cr.example.com` contains '../ca'"),
        ({"authorities": {"cr.example.com": "other"}}, "`authorities.cr.example.com` names 'other', which does not"),
        ({"authorities": {"cr.example.com": "none"}}, "`authorities.cr.example.com` names 'none', which contains no"),
        ({"mirrors": {"docker.io": {"registry": "cr"}}}, "`mirrors.docker.io.project` is missing"),
        ({"mirrors": {"docker.io": {**MIRROR, "projects": ""}}}, "`mirrors.docker.io` has the unknown field"),
        ({"mirrors": {"docker.io": {**MIRROR, "project": "a/b"}}}, "`mirrors.docker.io.project` contains 'a/b'"),
        ({"mirrors": {"docker.io": {**MIRROR, "registry": "https://cr"}}}, "`mirrors.docker.io.registry` contains"),
        ({"mirrors": {"docker.io": {**MIRROR, "upstream": "http://a"}}}, "`mirrors.docker.io.upstream` contains"),
    ],
)
def test_an_invalid_configuration_names_its_field(content: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        read_configuration(folder(tmp_path, content, none="text"))
