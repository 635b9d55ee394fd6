"""What nodes with docker and CRI-O trust: real programs read the files of node-trust and of `kubectl harbor trust`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harbor_operator.kubectl.trust import plan_files, script
from lab.certs import Authority
from lab.process import LabError, Processes, wait_until
from lab.runtime_host import IMAGE, RuntimeHost, require_programs
from tests.contract.kubectl_harbor import ROOT

pytestmark = pytest.mark.lab

HOST = IMAGE.partition("/")[0]
UNKNOWN = "certificate signed by unknown authority"
DIRECTORIES = {"docker": "/etc/docker/certs.d", "crio": "/etc/containers/certs.d"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[RuntimeHost]:
    try:
        require_programs()
    except LabError as error:
        pytest.skip(f"no host with container runtimes here: {error}")
    directory = tmp_path_factory.mktemp("host")
    processes = Processes(directory / "logs")
    try:
        host = RuntimeHost.start(directory / "host", processes, authority)
        host.start_docker()
        yield host
    finally:
        processes.stop_all()


@pytest.fixture(params=DIRECTORIES)
def runtime(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def pull(host: RuntimeHost, runtime: str) -> Callable[[], str]:
    """Pulls with dockerd, or with the library of CRI-O; returns the error, or an empty text."""
    return host.pull_with_docker if runtime == "docker" else host.pull_with_containers_image


def test_a_pull_works_while_node_trust_runs(
    host: RuntimeHost, runtime: str, pull: Callable[[], str], authority: Authority, tmp_path: Path
) -> None:
    assert UNKNOWN in pull()
    (tmp_path / "ca.crt").write_text(authority.ca_pem)
    (tmp_path / "config.json").write_text(json.dumps({"authorities": {HOST: "ca.crt"}}))
    options = ["--instance=a.b", f"--certs-dir={runtime}={DIRECTORIES[runtime]}", f"--configuration={tmp_path}"]
    environment = {"PYTHONPATH": str(ROOT / "operator")}
    command = [sys.executable, "-m", "harbor_operator.node_trust", *options]
    program = host.spawn(f"node-trust-{runtime}", command, environment)
    written = f"{DIRECTORIES[runtime]}/{HOST}/ca.crt"
    wait_until(lambda: host.run("test", "-f", written) == "", "node-trust writes", deadline=20, process=program)
    assert pull() == ""

    program.stop()
    assert host.run("test", "-e", written)
    assert UNKNOWN in pull()


def test_a_pull_works_after_the_printed_script(
    host: RuntimeHost, runtime: str, pull: Callable[[], str], authority: Authority
) -> None:
    assert UNKNOWN in pull()
    plan = plan_files(runtime, "", [HOST], authority.ca_pem)
    assert plan.directory == DIRECTORIES[runtime]
    assert host.run("sh", "-euc", "\n".join(script(plan))) == ""
    try:
        assert pull() == ""
    finally:
        host.run("rm", "-r", f"{DIRECTORIES[runtime]}/{HOST}")
    assert UNKNOWN in pull()
