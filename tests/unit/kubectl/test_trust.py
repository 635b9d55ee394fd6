"""The files with which a node trusts a CA, and the script that writes them."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import pytest

from harbor_operator.kubectl.arguments import Argument
from harbor_operator.kubectl.trust import RUNTIMES, File, Plan, plan_files, script
from harbor_operator.kubectl.verbs import arguments_of, verb_named
from lab.certs import Authority

HOSTS = ("cr.example.com", "cr.example.com:8443")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("authority"))


def test_containerd_gets_the_ca_and_a_hosts_toml_for_each_host() -> None:
    plan = plan_files("containerd", "", HOSTS, "PEM\n")
    assert [file.path for file in plan.files] == [
        "/etc/containerd/certs.d/cr.example.com/ca.crt",
        "/etc/containerd/certs.d/cr.example.com/hosts.toml",
        "/etc/containerd/certs.d/cr.example.com:8443/ca.crt",
        "/etc/containerd/certs.d/cr.example.com:8443/hosts.toml",
    ]
    path = "/etc/containerd/certs.d/cr.example.com:8443/ca.crt"
    url = "https://cr.example.com:8443"
    assert tomllib.loads(plan.files[3].content) == {"server": url, "ca": path, "host": {url: {"ca": path}}}
    assert "must show '/etc/containerd/certs.d'" in " ".join(plan.notes)


@pytest.mark.parametrize(
    ("runtime", "directory"), [("docker", "/etc/docker/certs.d"), ("crio", "/etc/containers/certs.d")]
)
def test_the_others_get_the_ca(runtime: str, directory: str) -> None:
    plan = plan_files(runtime, "", HOSTS[:1], "PEM\n")
    assert plan == Plan(runtime, directory, [File(f"{directory}/cr.example.com/ca.crt", "PEM\n")])


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_script_writes_exactly_the_files(runtime: str, authority: Authority, tmp_path: Path) -> None:
    hosts = (*HOSTS, "[2001:db8::1]:8443")
    plan = plan_files(runtime, f"{tmp_path}/with space", hosts, authority.ca_path.read_text())
    text = "\n".join(script(plan))
    subprocess.run(["sh", "-eu"], input=text, text=True, check=True, timeout=20)
    written = {str(path): path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    assert written == {file.path: file.content for file in plan.files}


def test_every_runtime_can_be_chosen() -> None:
    verb = verb_named("trust")
    assert verb
    choices: list[Argument] = [argument for argument in arguments_of(verb) if "--runtime" in argument.names]
    assert choices[0].options["choices"] == [*RUNTIMES]
