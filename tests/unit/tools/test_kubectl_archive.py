"""The single file: it runs without any package, every verb is in it, and its bytes are reproducible."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from harbor_operator import __version__
from harbor_operator.kubectl.verbs import VERBS
from tools.kubectl_archive import build


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("archive") / "kubectl-harbor")


def run(program: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # -I -S: neither the environment nor an installed package is visible.
    command = [sys.executable, "-I", "-S", str(program), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_it_is_executable_and_has_a_version(program: Path) -> None:
    assert program.stat().st_mode & 0o777 == 0o755
    assert program.read_bytes().startswith(b"#!/usr/bin/env python3\n")
    assert run(program, "--version").stdout == f"{__version__}\n"


def test_every_module_of_a_verb_is_in_it(program: Path) -> None:
    modules = ", ".join(f"harbor_operator.kubectl.{verb.module}" for verb in VERBS)
    code = f"import sys; sys.path.insert(0, {str(program)!r}); import {modules}, harbor_operator.kubectl.completion"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == ""


def test_no_client_of_another_system_is_in_it(program: Path) -> None:
    assert [name for name in zipfile.ZipFile(program).namelist() if "/adapters/" in name] == []


def test_exit_codes_and_completion(program: Path) -> None:
    assert run(program, "explain", "CacheIsCluster").returncode == 0
    assert run(program, "explain", "bicycle tomorrow").returncode == 1
    assert run(program, "fly").returncode == 2
    assert run(program, "__complete", "expl").stdout.startswith("explain\t")


def test_two_builds_are_equal(program: Path, tmp_path: Path) -> None:
    assert build(tmp_path / "again").read_bytes() == program.read_bytes()


def origins(program: Path) -> set[str]:
    """Returns the suffixes of the files from which a process loads modules of the command line."""
    loaded = "{module.__file__ for name, module in sys.modules.items() if name.startswith('harbor_operator')}"
    code = f"import sys; sys.path.insert(0, {str(program)!r}); import harbor_operator.kubectl.cli; print(*{loaded})"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    return {path.rpartition(".")[2] for path in done.stdout.split()}


def test_nothing_is_compiled_at_a_start(program: Path) -> None:
    assert origins(program) == {"pyc"}


def test_another_python_compiles_the_sources(program: Path, tmp_path: Path) -> None:
    other = tmp_path / "kubectl-harbor"
    with zipfile.ZipFile(program) as source, zipfile.ZipFile(other, "w") as target:
        for entry in source.infolist():
            content = source.read(entry)
            target.writestr(entry, b"\0\0" + content[2:] if entry.filename.endswith(".pyc") else content)
    assert origins(other) == {"py"}
