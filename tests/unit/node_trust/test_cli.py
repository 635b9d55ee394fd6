"""The program: it writes, repairs and removes files, and changes nothing when it fails."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harbor_operator.node_trust.cli import NodeTrust
from harbor_operator.node_trust.configuration import ConfigurationError
from harbor_operator.node_trust.plan import mark_of
from lab.certs import Authority
from lab.process import wait_until

MODULE = (sys.executable, "-m", "harbor_operator.node_trust")
ROOT = Path(__file__).parents[3]
CONFIG = {
    "authorities": {"cr.example.com": "ca"},
    "mirrors": {"docker.io": {"registry": "cr.example.com", "project": "h"}},
}
FILES = ["cr.example.com/ca.crt", "cr.example.com/hosts.toml", "docker.io/hosts.toml"]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    directory = tmp_path / "certs.d"
    directory.mkdir()
    return directory


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "configuration"
    folder.mkdir()
    (folder / "ca").write_text(Authority.create(tmp_path / "authority").ca_path.read_text())
    (folder / "config.json").write_text(json.dumps(CONFIG))
    return folder


def written(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.glob("*/*"))


@contextmanager
def running(directory: Path, folder: Path) -> Iterator[subprocess.Popen[str]]:
    options = ("--instance=a.b", f"--certs-dir=containerd={directory}", f"--configuration={folder}")
    process = subprocess.Popen(
        [*MODULE, *options],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "operator")},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str], number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
    process.send_signal(number)
    output, _ = process.communicate(timeout=30)
    return process.returncode, output


def test_the_files_exist_until_the_only_pod_ends(directory: Path, folder: Path) -> None:
    with running(directory, folder) as process:
        wait_until(lambda: written(directory) == FILES, "the files are written", deadline=20)
        code, output = ended(process)
    assert (code, [*directory.iterdir()]) == (0, [])
    removed = [line for line in output.splitlines() if line.startswith("removed")]
    assert removed == [f"removed '{directory / name}'" for name in (FILES[2], FILES[1], FILES[0])]


def test_a_crash_leaves_the_files_and_the_next_start_takes_them_up(directory: Path, folder: Path) -> None:
    with running(directory, folder) as process:
        wait_until(lambda: written(directory) == FILES, "the files are written", deadline=20)
        ended(process, signal.SIGKILL)
    assert written(directory) == FILES
    trust = NodeTrust("a.b", {"containerd": directory})
    trust.end()
    assert [*directory.iterdir()] == []


def test_a_rolling_update_keeps_the_files(directory: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    following = NodeTrust("a.b", {"containerd": directory})
    with running(directory, folder) as former:
        wait_until(lambda: written(directory) == FILES, "the files are written", deadline=20)
        following.reconcile(folder)
        assert "wrote" not in capsys.readouterr().out
        assert ended(former)[0] == 0
    assert written(directory) == FILES
    following.end()
    assert [*directory.iterdir()] == []


def test_an_entry_that_goes_away_takes_its_files_along(directory: Path, folder: Path) -> None:
    trust = NodeTrust("a.b", {"containerd": directory})
    trust.reconcile(folder)
    (directory / FILES[0]).unlink()  # a person removes a file: it is repaired
    trust.reconcile(folder)
    assert written(directory) == FILES
    (folder / "config.json").write_text(json.dumps({"authorities": CONFIG["authorities"]}))
    trust.reconcile(folder)
    assert written(directory) == FILES[:2]
    trust.end()


def test_files_of_others_stay_and_are_reported_once(
    directory: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (directory / "cr.example.com").mkdir()
    (directory / "quay.io").mkdir()
    theirs = {directory / FILES[1]: "server = 'theirs'\n", directory / "quay.io/hosts.toml": mark_of("c.d")}
    for path, content in theirs.items():
        path.write_text(content)
    trust = NodeTrust("a.b", {"containerd": directory})
    for _ in range(2):
        trust.reconcile(folder)
    assert capsys.readouterr().out.count(f"kept '{directory / FILES[1]}', which node-trust has not written") == 1
    trust.end()
    assert {path: path.read_text() for path in directory.glob("*/*")} == theirs


def test_an_invalid_configuration_changes_nothing(directory: Path, folder: Path) -> None:
    trust = NodeTrust("a.b", {"containerd": directory})
    trust.reconcile(folder)
    (folder / "config.json").write_text("{}}")
    with pytest.raises(ConfigurationError):
        trust.reconcile(folder)
    with running(directory, folder) as process:
        output, _ = process.communicate(timeout=30)
    assert (process.returncode, written(directory)) == (1, FILES)
    assert output.startswith("invalid configuration: `config.json` is not JSON")


def test_a_directory_that_cannot_be_read_is_named(folder: Path, tmp_path: Path) -> None:
    with running(tmp_path / "absent", folder) as process:
        output, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert f"{tmp_path}/absent" in output


@pytest.mark.parametrize("value", ["containerd", "containerd=certs.d", "podman=/etc/containers/certs.d"])
def test_a_wrong_directory_is_refused(value: str) -> None:
    command = [*MODULE, "--instance=a.b", f"--certs-dir={value}"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT / "operator")}
    )
    assert done.returncode == 2
    assert "must be RUNTIME=DIRECTORY" in done.stderr


def test_only_the_standard_library_is_loaded() -> None:
    """The memory of every node: the rest of the operator, and its packages, would cost ten times as much."""
    code = "import harbor_operator.node_trust.cli, sys; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "operator")},
    )
    assert {"pydantic", "aiohttp", "kubernetes", "yaml", "msgspec", "asyncio"} & {*done.stdout.split()} == set()
