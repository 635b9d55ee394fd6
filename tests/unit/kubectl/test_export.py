"""The command line of `export`, and what it says without the whole package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from harbor_operator.kubectl.cli import main
from tools.kubectl_archive import build


def test_a_password_file_that_does_not_exist_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["export", "--url", "https://cr.example.com", "--password-file", str(tmp_path / "absent")]
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith("error: `--password-file ")


def test_the_single_file_names_the_package(tmp_path: Path) -> None:
    program = build(tmp_path / "kubectl-harbor")
    arguments = ["export", "--url", "https://cr.example.com", "--password-file", "-"]
    command = [sys.executable, "-I", "-S", str(program), *arguments]
    done = subprocess.run(command, input="x", capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: `export` needs the whole package")
