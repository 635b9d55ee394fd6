"""The command line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from harbor_operator.cli import main

SOURCE = Path(__file__).parents[2] / "operator"


def test_crd_prints_a_manifest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["crd"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["kind"] == "CustomResourceDefinition"


def run(**settings: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.defpath, "PYTHONPATH": str(SOURCE), **settings}
    command = [sys.executable, "-m", "harbor_operator", "run"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_an_invalid_setting_ends_the_process() -> None:
    done = run(HARBOR_OPERATOR_WORKERS="many")
    assert done.returncode == 2
    assert "HARBOR_OPERATOR_WORKERS" in done.stderr


def test_without_a_cluster_the_error_names_the_kubeconfig(tmp_path: Path) -> None:
    done = run(HARBOR_OPERATOR_KUBECONFIG=str(tmp_path / "absent"))
    assert done.returncode == 1
    assert "absent" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_process_and_its_children_leave_no_core_dump(tmp_path: Path) -> None:
    """A core dump contains every Secret that the process has read."""
    code = (
        "import resource, subprocess, sys\n"
        "from harbor_operator.cli import main\n"
        "sys.argv = ['harbor-operator', 'run']\n"
        "main()\n"
        "print(resource.getrlimit(resource.RLIMIT_CORE))\n"
        "subprocess.run(['sh', '-c', 'ulimit -H -c'])\n"
    )
    environment = {"PYTHONPATH": str(SOURCE), "PATH": os.defpath, "HARBOR_OPERATOR_KUBECONFIG": str(tmp_path / "none")}
    command = ["sh", "-c", 'ulimit -c unlimited; exec "$@"', "sh", sys.executable, "-uc", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.split("\n")[-3:] == ["(0, 0)", "0", ""]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--from", "other", "--registry", "intra/cr"],
        ["--from", "tamcore"],
        ["--from", "tamcore", "--registry", "cr"],
        ["--from", "tamcore", "--registry", "intra/"],
        ["--from", "tamcore", "--registry", "a/b/c"],
    ],
)
def test_migrate_needs_a_tool_and_a_registry(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["migrate", *arguments])
    assert stopped.value.code == 2
    assert "usage: harbor-operator migrate" in capsys.readouterr().err


def test_migrate_names_the_kubeconfig_that_it_cannot_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "absent"))
    assert main(["migrate", "--from", "tamcore", "--registry", "intra/cr"]) == 1
    assert "absent" in capsys.readouterr().err


def test_the_other_commands_do_not_load_migrate() -> None:
    code = (
        "import sys; import harbor_operator.cli; print([name for name in sys.modules if name.endswith('.migration')])"
    )
    environment = {"PATH": os.defpath, "PYTHONPATH": str(SOURCE)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "['harbor_operator.model.migration']"
